//! Tables of hooks: what they say, and each thing that can be wrong with them.

use lathe_topology::document::Document;
use lathe_topology::render;

use super::*;

fn from(text: &str) -> Result<Vec<Recipe>, String> {
    let mut reader = Document::parse(text).unwrap().reader();
    let mut load = |path: &Path| match path.to_str() {
        Some("/t/good") => Ok("{{ version }}".to_owned()),
        Some("/t/bad") => Ok("{% for %}".to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let recipes = read(&mut reader, &mut load);
    reader.finish().map(|()| recipes).map_err(|all| render("agent.toml", text, &all))
}

#[test]
fn a_hook_is_read_with_its_defaults() {
    let text = "[hook.web]\ngroups = [\"task.web.cache\"]\ncommand = [\"true\"]\n";
    let recipe = from(text).unwrap().remove(0);
    let usual = Recipe { command: vec!["true".to_owned()], ..Recipe::new("web", &["web.cache"]) };
    assert_eq!(format!("{recipe:?}"), format!("{usual:?}"));
}

#[test]
fn everything_that_can_be_said_is_read() {
    let text = r#"
[hook.web]
groups = ["web"]
states = ["ready", "draining"]
topology = "shop"
shell = "nginx -s reload"
user = "www"
env = { LANG = "C" }
settle = "1s"
max_wait = "9s"
urgent_settle = "5ms"
splay = "3s"
on_start = "never"
timeout = "7s"
kill_after = "1s"
retry = "1s"
retry_max = "2s"
give_up_after = 4
rollback = true
on_failure = ["mail"]
brake = 80
brake_hold = "10s"
max_parallel = 2
fleet = "edge"
turn_wait = "5s"
max_age = "1h"
on_stale = "keep"
keep = 9
[[hook.web.file]]
template = "/t/good"
path = "/etc/one"
mode = "0644"
owner = "root"
check = ["judge", "{}"]
[[hook.web.file]]
text = "{{ version }}"
path = "/etc/two"
"#;
    let recipe = from(text).unwrap().remove(0);
    assert_eq!(recipe.command, ["/bin/sh", "-c", "nginx -s reload"]);
    let pace = Pace { settle_ms: 1000, max_wait_ms: 9000, urgent_settle_ms: 5, splay_ms: 3000 };
    assert_eq!(
        (recipe.pace, recipe.on_start, recipe.on_stale),
        (pace, OnStart::Never, OnStale::Keep)
    );
    let retries =
        Retries { first_ms: 1000, longest_ms: 2000, give_up_after: Some(4), rollback: true };
    assert_eq!(recipe.retries, retries);
    assert_eq!(recipe.brake, Brake { percent: 80, hold_ms: 10_000 });
    let fleet = Fleet { name: "edge".to_owned(), most: 2, patience_ms: 5000 };
    // A check, the program, and the program on the files of before.
    assert_eq!((recipe.lease_ms(), recipe.fleet), (3 * 8000 + 10_000, Some(fleet)));
    assert_eq!((recipe.timeout_ms, recipe.kill_after_ms, recipe.keep), (7000, 1000, 9));
    assert_eq!((recipe.files[0].mode, recipe.files[1].mode), (0o644, 0o600));
    assert_eq!(recipe.files[0].check, ["judge", "{}"]);
    assert_eq!(recipe.states, BTreeSet::from([State::Ready, State::Draining]));
}

#[test]
fn each_mistake_has_a_code_a_place_and_a_hint() {
    for (line, code, part) in [
        ("groups = []", "LT0502", "groups"),
        ("groups = [\"g\"]\nstates = [\"redy\"]", "LT0502", "known are starting"),
        ("groups = [\"g\"]\nstates = []", "LT0502", "nothing would be seen"),
        ("groups = [\"g\"]\nshell = \"x\"", "LT0502", "exclude"),
        ("groups = [\"g\"]\nsettle = \"9s\"\nmax_wait = \"1s\"", "LT0502", "shorter"),
        ("groups = [\"g\"]\nenv = { LATHE_X = \"1\" }", "LT0502", "LATHE_"),
        ("groups = [\"g\"]\nfleet = \"edge\"", "LT0503", "max_parallel = 1"),
        ("groups = [\"g\"]\nmax_parallel = 0", "LT0502", "max_parallel"),
        ("groups = [\"g\"]\nmax_parallel = 1001", "LT0502", "1 to 1000"),
        ("groups = [\"g\"]\nmax_parallel = 1\nfleet = \"a/b\"", "LT0502", "no name of a fleet"),
        ("groups = [\"g\"]\nbrake = 0", "LT0502", "brake"),
        ("groups = [\"g\"]\nsetle = \"1s\"", "LT0501", "did you mean `settle`"),
        ("groups = [\"g\"]\non_start = \"sometimes\"", "LT0502", "always, if_changed, never"),
    ] {
        let text = format!("[hook.h]\ncommand = [\"true\"]\n{line}\n");
        let problems = from(&text).unwrap_err();
        assert!(problems.contains(code) && problems.contains(part), "{line}:\n{problems}");
        assert!(problems.contains("agent.toml:"), "{problems}");
    }
    let idle = from("[hook.h]\ngroups = [\"g\"]\n").unwrap_err();
    assert!(idle.contains("LT0503") && idle.contains("neither a file nor a command"), "{idle}");
    let name = from("[hook.\"a/b\"]\ngroups = [\"g\"]\ncommand = [\"true\"]\n").unwrap_err();
    assert!(name.contains("no name of a hook"), "{name}");
}

#[test]
fn each_mistake_of_a_file_has_a_code_a_place_and_a_hint() {
    for (lines, code, part) in [
        ("template = \"/t/none\"\npath = \"/x\"", "LT0505", "cannot be read"),
        ("template = \"/t/bad\"\npath = \"/x\"", "LT0505", "/t/bad:1"),
        ("text = \"{{\"\npath = \"/x\"", "LT0505", "text:1"),
        ("text = \"\"\ntemplate = \"/t/good\"\npath = \"/x\"", "LT0503", "either"),
        ("text = \"\"\npath = \"x\"", "LT0502", "whole path"),
        ("text = \"\"\npath = \"/x\"\nmode = \"0999\"", "LT0502", "octal"),
        ("text = \"\"", "LT0503", "path"),
    ] {
        let text = format!("[hook.h]\ngroups = [\"g\"]\n[[hook.h.file]]\n{lines}\n");
        let problems = from(&text).unwrap_err();
        assert!(problems.contains(code) && problems.contains(part), "{lines}:\n{problems}");
    }
    let hook = |name| {
        format!(
            "[hook.{name}]\ngroups = [\"g\"]\n[[hook.{name}.file]]\ntext = \"\"\npath = \"/x\"\n"
        )
    };
    let twice = from(&format!("{}{}", hook("a"), hook("b"))).unwrap_err();
    assert!(twice.contains("two hooks write /x"), "{twice}");
}

#[test]
fn nginx_is_a_file_with_an_upstream_and_a_reload() {
    let text =
        "[hook.h]\ngroups = [\"g\"]\n[hook.h.nginx]\nupstream = \"cache\"\npath = \"/etc/x\"\n";
    let recipe = from(text).unwrap().remove(0);
    assert_eq!(recipe.command, ["nginx", "-s", "reload"]);
    assert!(recipe.retries.rollback && recipe.files[0].mode == 0o644);
    assert!(
        !from(&text.replace("[hook.h.nginx]", "rollback = false\n[hook.h.nginx]")).unwrap()[0]
            .retries
            .rollback
    );
    for (from_text, to, part) in [
        ("upstream = \"cache\"", "upstream = \"a;b\"", "no name of an upstream"),
        ("path = \"/etc/x\"", "path = \"x\"", "whole path"),
        ("[hook.h.nginx]", "command = [\"true\"]\n[hook.h.nginx]", "command of its own"),
    ] {
        let problems = from(&text.replace(from_text, to)).unwrap_err();
        assert!(problems.contains("LT0502") && problems.contains(part), "{problems}");
    }
}

#[test]
fn haproxy_is_a_socket_and_a_backend() {
    let text = "[hook.h]\ngroups = [\"g\"]\n[hook.h.haproxy]\nsocket = \"/run/h\"\nbackend = \"cache\"\nport = \"http\"\n";
    let recipe = from(text).unwrap().remove(0);
    let expected = Backend {
        socket: "/run/h".into(),
        name: "cache".to_owned(),
        port: Some("http".to_owned()),
    };
    assert_eq!(recipe.haproxy, Some(expected));
    let problems = from(&text.replace("\"cache\"", "\"a b\"").replace("/run/h", "h")).unwrap_err();
    assert!(
        problems.contains("no name of a backend") && problems.contains("whole path"),
        "{problems}"
    );
}

#[test]
fn the_examples_of_the_page_are_read() {
    let page = include_str!("../../../docs/hooks.md");
    let (before, rest) = page.split_once("\n# Hooks of registries\n").unwrap();
    let (of_registries, after) = rest.split_once("\n# Cookbook\n").unwrap();
    let blocks =
        |page| str::split(page, "```ini\n").skip(1).filter_map(|rest| rest.split("```").next());
    for block in blocks(of_registries) {
        let mut reader = Document::parse(block).unwrap().reader();
        let rules = crate::monitor::config::read(&mut reader);
        let problems = reader.finish().err().map(|all| render("page", block, &all));
        assert_eq!((rules.len(), problems), (2, None), "{block}");
    }
    let blocks: Vec<&str> = blocks(before).chain(blocks(after)).collect();
    assert!(blocks.len() >= 7);
    for block in blocks {
        let mut reader = Document::parse(block).unwrap().reader();
        let recipes = read(&mut reader, &mut |_| Ok(String::new()));
        let problems = reader.finish().err().map(|all| render("page", block, &all));
        assert_eq!((recipes.len(), problems), (1, None), "{block}");
    }
}
