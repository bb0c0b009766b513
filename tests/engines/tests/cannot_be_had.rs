//! Engines that cannot be had: each says what is wrong and what to do, and leaves nothing half made.
//!
//! Each case is the program `engines` with a cache and a path of its own, in which the tools are
//! scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A machine on which some tools are scripts.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("bin")).expect("a folder");
        Self(folder)
    }

    fn cache(&self) -> std::path::PathBuf {
        self.0.path().join("cache")
    }

    fn tool(&self, name: &str, script: &str) {
        let path = self.0.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its owner may");
    }

    fn command(&self, engine: &str) -> Command {
        let own = self.0.path().join("bin");
        let mut command = Command::new(env!("CARGO_BIN_EXE_engines"));
        command.args(["install", engine]).env("LATHE_ENGINES", self.cache());
        command.env("PATH", format!("{}:/usr/bin:/bin", own.display()));
        command
    }

    /// What is said when it cannot be had.
    fn refusal(&self, engine: &str) -> String {
        let output = self.command(engine).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        assert!(said.contains("\nhint: "), "{said}");
        assert!(whole(&self.cache()).is_empty(), "nothing is taken for an engine");
        said
    }
}

/// The engines in a cache that will be used.
fn whole(cache: &Path) -> Vec<String> {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.ends_with(".lock") && !name.ends_with(".part")).collect()
}

#[test]
fn a_download_that_fails_says_what_and_shows_what_the_tool_said() {
    let machine = Machine::new();
    machine.tool("mvn", "[ \"$1\" = --version ] || { echo 'no route to the repository'; exit 1; }");
    let said = machine.refusal("zookeeper");
    assert!(said.contains("engines E2: zookeeper-3.9.5 cannot be fetched"), "{said}");
    assert!(said.contains("no route to the repository"), "{said}");
}

#[test]
fn what_differs_from_its_pinned_digest_is_refused_by_name() {
    let machine = Machine::new();
    let fetch = "for word; do case $word in -DoutputDirectory=*) mkdir -p \"${word#*=}\"; \
                 echo x > \"${word#*=}/zookeeper-3.9.5.jar\";; esac; done";
    machine.tool("mvn", fetch);
    let said = machine.refusal("zookeeper");
    assert!(said.contains("engines E3: zookeeper-3.9.5 is not what it should be"), "{said}");
    assert!(said.contains("SHA-256 of zookeeper-3.9.5.jar"), "{said}");
}

#[test]
fn a_missing_package_of_the_kit_is_named() {
    let machine = Machine::new();
    // A python that has neither pip nor any library.
    machine.tool("python3", "exit 1");
    let said = machine.refusal("mesos");
    assert!(said.contains("engines E1: mesos-1.11.0 cannot be built here"), "{said}");
    assert!(said.contains("python3-pip") && said.contains("libsvn1"), "{said}");
}

#[test]
fn the_judge_of_placement_says_what_it_lacks_and_what_differs() {
    let bare = Machine::new();
    bare.tool("python3", "exit 1");
    let said = bare.refusal("cp-sat");
    assert!(said.contains("engines E1: there is no Python 3 with pip and venv"), "{said}");
    for (printed, code) in
        [("no route to the index", "E2"), ("THESE PACKAGES DO NOT MATCH THE HASHES", "E3")]
    {
        let machine = Machine::new();
        let pip = format!("case \"$*\" in *pip*--python*) echo '{printed}'; exit 1;; esac; exit 0");
        machine.tool("python3", &pip);
        let said = machine.refusal("cp-sat");
        assert!(said.contains(&format!("engines {code}: ortools-9.15")), "{said}");
        assert!(said.contains(printed), "{said}");
    }
}

#[test]
fn a_program_in_go_says_why_it_cannot_be_fetched_and_what_differs() {
    for (said_by_go, code) in [
        ("echo '{\"Error\": \"no route to modules\"}'; exit 1", "E2"),
        ("echo '{\"Sum\": \"h1:x=\"}'", "E3"),
    ] {
        let machine = Machine::new();
        machine.tool("go", &format!("echo 'go: downloading it' >&2; {said_by_go}"));
        let said = machine.refusal("consul-template");
        assert!(said.contains(&format!("engines {code}: consul-template-0.41.1")), "{said}");
        assert!(
            said.contains("no route to modules") || said.contains("\"h1:x=\" is not h1:"),
            "{said}"
        );
    }
}

#[test]
fn two_that_want_the_same_engine_fetch_it_once() {
    let machine = Machine::new();
    let note = machine.0.path().join("fetched");
    // Fails at its end, so that each of the two has to try: one after the other.
    let script = "[ \"$1\" = --version ] && exit 0; test -e ../busy && echo 'both at once'; \
                  touch ../busy; sleep 0.3; rm ../busy; echo x >> NOTE; exit 1"
        .replace("NOTE", &note.display().to_string());
    machine.tool("mvn", &script);
    let mut first = machine.command("zookeeper");
    let mut first = first.stderr(std::process::Stdio::null()).spawn().expect("it runs");
    let said = machine.refusal("zookeeper");
    assert!(!said.contains("both at once"), "{said}");
    first.wait().expect("it ends");
    assert_eq!(fs::read_to_string(note).expect("a note"), "x\nx\n");
}
