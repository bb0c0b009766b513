//! The commands that look at a running cluster, and those that lose a part of it on purpose.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::path::Path;

use lathe_system::{Lathe, Outcome, Running, SOON, Scripts, Signal, until, write};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a command printed, as one JSON value.
fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.out).unwrap_or_else(|e| panic!("{e} in {}", outcome.out))
}

/// What a command printed, as one JSON value a line.
fn lines(outcome: &Outcome) -> Vec<Value> {
    outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A command that goes on, from a second terminal.
fn following(lathe: &Lathe, arguments: &[&str]) -> Running {
    let mut command = lathe.command();
    command.args(arguments);
    Running::start(command)
}

/// Three instances, one a host.
fn steady(lathe: &mut Lathe) {
    let keys = "tasks = 3\ntags = [\"s\"]\nbiases = [[\"s\", \"avoid\"]]";
    let scripts = Scripts::default().with("steady", "echo hello; exec sleep 100000", keys);
    let file = scripts.write(&lathe.folder().join("steady.toml"));
    lathe.up(&[text(&file)]);
    lathe.all_ready(3);
}

#[test]
fn a_second_terminal_follows_what_happens_to_a_host() {
    let mut lathe = Lathe::new();
    steady(&mut lathe);
    let host = lathe.status().instance("steady#1").host.clone().unwrap();

    let table = lathe.lathe(&["hosts"]).with_code(0);
    assert_eq!(table.out.lines().count(), 4, "{}", table.out);
    assert!(table.out.lines().all(|line| line.chars().count() <= 80), "{}", table.out);
    assert_eq!(table.out.matches("active").count(), 3, "{}", table.out);

    let events = following(&lathe, &["events", "-f", "--last", "0"]);
    let group = following(&lathe, &["watch", "steady"]);
    let status = following(&lathe, &["status", "--watch"]);
    group.wait_for_line("steady#1.1 ready", SOON);
    status.wait_for_line("steady#1.1 ready", SOON);

    let killed = lathe.lathe(&["hosts", "kill", &host]).with_code(0);
    assert_eq!(killed.out, "", "talk goes to stderr");
    assert!(killed.err.contains(&format!("{host} is dead")), "{}", killed.err);
    let again = lathe.lathe(&["hosts", "kill", &host]).with_code(3);
    assert!(again.err.contains("dead"), "{}", again.err);
    let unknown = lathe.lathe(&["hosts", "pause", "host-99"]).with_code(1);
    assert!(unknown.err.contains("host-99"), "{}", unknown.err);

    events.wait_for_line("ready steady#1.2 on", SOON);
    group.wait_for_line("steady#1.2 ready", SOON);
    group.wait_for_line("steady#1.1 gone", SOON);
    status.wait_for_line("steady#1.2 ready", SOON);
    let hosts = json(&lathe.lathe(&["hosts", "--json"]).with_code(0));
    let state = |hosts: &Value| {
        let found = hosts.as_array().unwrap().iter().find(|one| one["name"] == host.as_str());
        found.unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&hosts), "dead");
    lathe.lathe(&["hosts", "resume", &host]).with_code(0);
    until("the host is back", SOON, || {
        (state(&json(&lathe.lathe(&["hosts", "--json"]))) == "active").then_some(())
    });

    for (running, code) in [(events, Some(0)), (group, Some(0)), (status, Some(0))] {
        running.signal(Signal::INT);
        let outcome = running.finish(SOON);
        assert_eq!(outcome.code, code, "{}", outcome.err);
        assert!(!outcome.out.contains('\u{1b}'), "plain without a terminal: {}", outcome.out);
    }

    // The life before the newest, whose host is no longer the one of the newest.
    let old = lathe.lathe(&["logs", "--previous", "steady#1"]).with_code(0);
    assert_eq!(old.out, "hello\n");
    let first = lathe.lathe(&["logs", "--previous", "steady#1.1"]).with_code(1);
    assert!(first.err.contains("earlier life"), "{}", first.err);
    // The life before, then the present one, as long as somebody looks.
    let both = following(&lathe, &["logs", "-f", "--previous", "steady#1"]);
    both.wait_for_line("--- steady#1.2 goes on", SOON);
    until("both lives", SOON, || (both.out() == "hello\nhello\n").then_some(()));
    both.signal(Signal::INT);
    assert_eq!(both.finish(SOON).code, Some(0));
    let pieces = lines(&lathe.lathe(&["logs", "--json", "steady#1.1"]).with_code(0));
    assert_eq!(
        (&pieces[0]["text"], &pieces[0]["incarnation"]),
        (&"hello\n".into(), &"steady#1.1".into())
    );

    let last = lines(&lathe.lathe(&["events", "--json", "--last", "2"]).with_code(0));
    assert_eq!(last.len(), 2);
    assert!(last[0]["id"].as_u64().unwrap() < last[1]["id"].as_u64().unwrap());
    let since = lathe.lathe(&["events", "--since", "1h", "--topology", "steady"]).with_code(0);
    assert!(since.out.contains("submitted steady"), "{}", since.out);
    lathe.lathe(&["events", "--since", "soon"]).with_code(2);
}

#[test]
fn who_follows_goes_on_when_lathe_up_is_started_again_elsewhere() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default().with("steady", "exec sleep 100000", "tasks = 2");
    let file = scripts.write(&lathe.folder().join("steady.toml"));
    lathe.up(&[file.to_str().unwrap()]);
    let before = (lathe.scheduler(), lathe.registry());
    let events = following(&lathe, &["events", "-f", "--last", "0"]);
    let group = following(&lathe, &["watch", "steady"]);
    let status = following(&lathe, &["status", "--watch"]);
    group.wait_for_line("steady#1.1 ready", SOON);
    status.wait_for_line("steady#1.1 ready", SOON);
    let _ = lathe.end(Signal::INT);
    lathe.up(&[]);
    let after = (lathe.scheduler(), lathe.registry());
    assert!(before.0 != after.0 && before.1 != after.1, "other ports: {before:?}, {after:?}");
    events.wait_for_line("ready steady#1.2 on", SOON);
    group.wait_for_line("steady#1.2 ready", SOON);
    status.wait_for_line("steady#1.2 ready", SOON);
}

#[test]
fn registries_are_asked_and_a_doctor_looks_at_everything() {
    let mut lathe = Lathe::new();
    let nothing = lathe.lathe(&["doctor"]).with_code(1);
    assert!(nothing.out.contains("no scheduler was found"), "{}", nothing.out);
    steady(&mut lathe);

    let view = json(&lathe.lathe(&["lookup", "--json", "steady"]).with_code(0));
    assert_eq!(view["entries"].as_array().unwrap().len(), 3);
    let by_tag = lathe.lathe(&["lookup", "s"]).with_code(0);
    assert!(by_tag.out.contains("3 of 3 ready"), "{}", by_tag.out);
    let nobody = lathe.lathe(&["lookup", "nobody"]).with_code(1);
    assert!(nobody.err.contains("nobody") && nobody.out.is_empty(), "{}", nobody.err);

    let well = lathe.lathe(&["doctor"]).with_code(0);
    for check in ["scheduler", "master", "hosts", "registry", "store", "token", "instances"] {
        assert!(
            well.out.lines().any(|line| line.starts_with(&format!("ok    {check}"))),
            "{}",
            well.out
        );
    }
    // The token is there for others: a warning, and no failure.
    let token = lathe.home().join("run/token");
    let mut mode = std::fs::metadata(&token).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o644);
    std::fs::set_permissions(&token, mode).unwrap();
    let open = lathe.lathe(&["doctor", "--json"]).with_code(0);
    let findings = json(&open)["findings"].as_array().unwrap().clone();
    let of = |check: &str| findings.iter().find(|one| one["check"] == check).unwrap();
    assert_eq!(of("token")["level"], "warn", "{}", open.out);
    assert!(of("token")["hint"].as_str().unwrap().contains("chmod 600"), "{}", open.out);

    // What ends at once is in trouble, with its reason; the rest is not.
    let broken = Scripts::default().with("broken", "exit 7", "");
    let broken = broken.write(&lathe.folder().join("broken.toml"));
    // Without the SDK it counts as ready once it was started.
    lathe.lathe(&["submit", text(&broken)]).with_code(0);
    until("the doctor sees it", SOON, || {
        let ill = lathe.lathe(&["doctor"]);
        let line = ill.out.lines().find(|line| line.contains("broken#0"))?.to_owned();
        (ill.code == Some(1) && line.starts_with("fail")).then_some(line)
    });

    // A wrong token is told as such, and a scheduler that is not there is code 5.
    let wrong = write(&lathe.folder().join("wrong"), "not-the-token\n");
    let refused = lathe.lathe(&["status", "--token-file", text(&wrong)]).with_code(1);
    assert!(refused.err.contains("[LT0602]"), "{}", refused.err);
    let nowhere = lathe.lathe(&["status", "--scheduler", "http://127.0.0.1:9"]).with_code(5);
    assert!(nowhere.err.contains("127.0.0.1:9"), "{}", nowhere.err);
    // The configuration comes before a running `lathe up`, and its hosts are not ours to kill.
    let config = lathe.folder().join("config");
    let named =
        format!("scheduler = \"{}/\"\n", lathe.scheduler().replace("127.0.0.1", "localhost"));
    write(
        &config.join("lathe/config.toml"),
        &format!("{named}token_file = \"{}\"\n", text(&token)),
    );
    let with_config = |arguments: &[&str]| {
        let mut command = lathe.command();
        command.env("XDG_CONFIG_HOME", &config).args(arguments);
        Running::complete(command, SOON)
    };
    let status = with_config(&["status", "--json"]).with_code(0);
    assert_eq!(json(&status)["hosts"].as_array().unwrap().len(), 3);
    let refused = with_config(&["hosts", "kill", "host-1"]).with_code(3);
    assert!(refused.err.contains("lathe up"), "{}", refused.err);
    assert_eq!(lathe.status().hosts.len(), 3, "nothing was killed");

    // A frozen registry is failed by the doctor.
    let registry = lathe.daemon("lathe-registry");
    registry.signal(Signal::STOP);
    let ill = lathe.lathe(&["doctor"]).with_code(1);
    registry.signal(Signal::CONT);
    assert!(ill.out.lines().any(|line| line.starts_with("fail  registry")), "{}", ill.out);
}

#[test]
fn what_the_arguments_say_of_themselves_is_printed() {
    let lathe = Lathe::new();
    for (shell, part) in
        [("bash", "complete -F"), ("zsh", "#compdef lathe"), ("fish", "complete -c lathe")]
    {
        let script = lathe.lathe(&["completions", shell]).with_code(0);
        assert!(script.out.contains(part), "{}", script.out);
    }
    let page = lathe.lathe(&["man", "submit"]).with_code(0);
    assert!(page.out.contains(".TH") && page.out.contains("submission\\-id"), "{}", page.out);
    lathe.lathe(&["man", "nothing"]).with_code(2);
    let folder = lathe.folder().join("man");
    lathe.lathe(&["man", "--out", text(&folder)]).with_code(0);
    for file in ["lathe.1", "lathe-submit.1", "lathe-hosts-kill.1"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let coloured = lathe.lathe(&["--color", "always", "nothing-like-this"]).with_code(2);
    assert!(coloured.err.contains("nothing-like-this"), "{}", coloured.err);
}
