//! Builds that are left: neither cargo nor what a build script has started stays.

use std::path::PathBuf;

use lathe_system::{BUILD, Lathe, SOON, Signal, until, write};

/// A crate that never gets ready, since its build script waits.
fn endless(lathe: &Lathe) -> PathBuf {
    let folder = lathe.folder().join("endless");
    let manifest = "[workspace]\n\n[package]\nname = \"endless\"\nversion = \"0.1.0\"\n\
                    edition = \"2024\"\n";
    write(&folder.join("Cargo.toml"), manifest);
    write(&folder.join("src/main.rs"), "fn main() {}\n");
    let script = "fn main() {\n    let mut sleep = std::process::Command::new(\"sleep\");\n    \
                  sleep.arg(\"100000\").status().unwrap();\n}\n";
    write(&folder.join("build.rs"), script);
    let topology = "[task.endless]\ncrate = \"endless\"\nversion = \"0.1.0\"\ntask = \"a\"\n\
                    tasks = 1\npath = \"endless\"\n";
    write(&lathe.folder().join("endless.toml"), topology)
}

/// Starts `lathe up` and waits until the build script sleeps.
fn start(lathe: &mut Lathe) {
    let file = endless(lathe);
    lathe.start_up(&[file.to_str().expect("paths of tests are UTF-8")]);
    lathe.running().wait_for_line("building endless 0.1.0", BUILD);
    until("the build script", BUILD, || {
        let sleeps = lathe.processes().into_iter().any(|one| one.name == "sleep");
        sleeps.then_some(())
    });
}

#[test]
fn an_end_by_ctrl_c_takes_the_build_with_it() {
    let mut lathe = Lathe::new();
    start(&mut lathe);
    lathe.end(Signal::INT).with_code(0);
    lathe.nothing_is_left(SOON);
}

#[test]
fn after_kill_9_cargo_does_not_go_on() {
    let mut lathe = Lathe::new();
    start(&mut lathe);
    let cargo = lathe.running().process().descendants();
    let cargo: Vec<_> = cargo.into_iter().filter(|one| one.name == "cargo").collect();
    assert!(!cargo.is_empty());
    lathe.end(Signal::KILL);
    until("cargo's end", SOON, || cargo.iter().all(|one| !one.runs()).then_some(()));
    // What compilers and build scripts were doing ends by itself; they start nothing new.
    until("the ends of the daemons", SOON, || {
        let daemon = |name: &str| name.starts_with("lathe");
        lathe.processes().iter().all(|one| !daemon(&one.name)).then_some(())
    });
}
