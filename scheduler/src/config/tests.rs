//! The file, the flags over it, and everything wrong at once.

use clap::Parser as _;

use super::{Config, Flags};

fn flags(arguments: &[&str]) -> Flags {
    Flags::parse_from([&["lathe-scheduler"], arguments].concat())
}

#[test]
fn flags_stand_over_the_file() {
    let source = "masters = [\"a:1\"]\nreplace_after = \"1m\"\nlisten = \"127.0.0.1:4000\"\n";
    let config =
        Config::parse(source, &flags(&["--master", "b:2", "--replace-after", "0s"])).unwrap();
    assert_eq!(config.mesos.masters, ["b:2"]);
    assert_eq!(config.replace_after_ms, 0);
    assert_eq!(config.listen.port(), 4000);
}

#[test]
fn one_group_is_taken_from_the_masters_and_nothing_is_left_out() {
    let source = "masters = [\"a:1\", \"zk://z1/mesos\", \"zk://z2/mesos\"]\n";
    let mesos = Config::parse(source, &flags(&[])).unwrap().mesos;
    assert_eq!(mesos.group.as_deref(), Some("zk://z1/mesos"));
    assert_eq!(mesos.masters, ["a:1", "zk://z2/mesos"]);
}

#[test]
fn all_problems_are_listed_at_once() {
    let source = "listen = 5\nlissen = \"x\"\nreplace_after = \"soon\"\n";
    let problems = Config::parse(source, &flags(&[])).unwrap_err();
    let text = lathe_topology::render("file", source, &problems);
    for part in ["listen", "lissen", "replace_after", "masters"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn an_open_listener_is_refused_unless_it_is_said_to_be_insecure() {
    let source = "masters = [\"a:1\"]\nlisten = \"0.0.0.0:80\"\n";
    let problems = Config::parse(source, &flags(&[])).unwrap_err();
    assert_eq!(problems[0].code.to_string(), "LT0504");
    let open = format!("{source}insecure = true\n");
    assert!(Config::parse(&open, &flags(&[])).is_ok());
}

#[test]
fn the_printed_configuration_reads_back_as_itself() {
    let config = Config::parse(
        "masters = [\"a:1\"]
served_by = true
log_format = \"json\"
",
        &flags(&["--mesos-ca-file", "/ca.pem"]),
    )
    .unwrap();
    assert_eq!(Config::parse(&config.print(), &flags(&[])).unwrap(), config);
}

#[test]
fn a_file_for_registries_is_for_those_that_are_placed() {
    let source = "masters = [\"a:1\"]\nregistry_config = \"/etc/lathe/placed.toml\"\n";
    let problems = Config::parse(source, &flags(&[])).unwrap_err();
    assert_eq!(problems[0].code.to_string(), "LT0502");
    let text = lathe_topology::render("file", source, &problems);
    assert!(text.contains("file:2:1") && text.contains("registries = 3"), "{text}");
    let config = Config::parse(&format!("registries = 3\n{source}"), &flags(&[])).unwrap();
    assert_eq!(Config::parse(&config.print(), &flags(&[])).unwrap(), config);
}
