//! Programs that behave badly, and what is to be seen of it.

use std::path::{Path, PathBuf};

use lathe_system::{Lathe, SOON, Scripts, until};

const STUBBORN: &str = "trap '' TERM; echo deaf; while :; do sleep 1; done";
const FALLS: &str = "echo about to fall; echo oops >&2; exit 7";

#[test]
fn a_program_that_ignores_term_is_killed_after_its_grace() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default().with("stubborn", STUBBORN, "grace = \"300ms\"");
    let file = scripts.write(&lathe.folder().join("stubborn.toml"));
    lathe.up(&[file.to_str().unwrap()]);
    until("its first words", SOON, || {
        (lathe.lathe(&["logs", "stubborn#0"]).out == "deaf\n").then_some(())
    });
    let task = lathe.task("stubborn#0.1");
    // A deaf one does not even notice.
    task.signal(lathe_system::Signal::TERM);
    assert!(task.runs());
    assert_eq!(lathe.status().instance("stubborn#0").life(), 1);
    lathe.lathe(&["remove", "--yes", "stubborn"]).with_code(0);
    until("its end", SOON, || (!task.runs()).then_some(()));
    lathe.status_when("nothing", |now| now.instances.is_empty());
}

#[test]
fn a_task_that_falls_again_and_again_backs_off_alone() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default()
        .with("steady", "echo steady; exec sleep 100000", "tasks = 2")
        .with("falling", FALLS, "");
    let file = scripts.write(&lathe.folder().join("mixed.toml"));
    lathe.up(&[file.to_str().unwrap()]);
    let now = lathe.status_when("a back-off with its reason", |now| {
        let reason = now.instance("falling#0").reason.as_deref().unwrap_or_default();
        reason.contains("backs off after")
    });
    let falling = now.instance("falling#0");
    assert!(falling.incarnations >= 3, "two ends are free: {falling:?}");
    let reason = falling.reason.as_deref().unwrap();
    assert!(reason.contains('7'), "how it ended: {reason}");
    let table = lathe.lathe(&["status"]).with_code(0).out;
    assert!(table.contains("backs off after"), "{table}");
    for slot in 0..2 {
        let one = now.instance(&format!("steady#{slot}"));
        assert_eq!((one.state.as_str(), one.life()), ("ready", 1));
        let logs = lathe.lathe(&["logs", &one.instance]).with_code(0);
        assert_eq!(logs.out, "steady\n");
    }

    // What an ended incarnation has said can be read, its own and what was noted at its end.
    let logs = |arguments: &[&str]| lathe.lathe(&[&["logs"], arguments].concat()).with_code(0).out;
    assert_eq!(logs(&["falling#0"]), "about to fall\n");
    assert_eq!(logs(&["falling#0", "--stderr"]), "oops\n");
    assert_eq!(logs(&["falling#0.1"]), "about to fall\n", "an earlier life");
    let crash = logs(&["falling#0.1", "--file", "crash.log"]);
    assert!(crash.contains('7') && crash.contains("about to fall"), "{crash}");
    assert!(crash.contains("oops"), "{crash}");
    let unknown = lathe.lathe(&["logs", "falling#0", "--file", "../secret"]).with_code(1);
    assert!(unknown.err.contains("crash.log"), "the files that there are: {}", unknown.err);

    // Mended, it runs; the others were never touched.
    let mended = Scripts::default()
        .with("steady", "echo steady; exec sleep 100000", "tasks = 2")
        .with("falling", "exec sleep 100000", "");
    let _ = mended.write(&file);
    lathe.lathe(&["submit", "--yes", file.to_str().unwrap()]).with_code(0);
    let now = lathe.all_ready(3);
    assert_eq!(now.instance("steady#0").life(), 1);
    assert_eq!(now.instance("steady#1").life(), 1);
}

/// Every line of each daemon, to its end: an object with time, level, message and, of whom it
/// speaks, an id.
#[test]
fn every_daemon_logs_json_and_nothing_else_when_it_is_told_to() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default().with("steady", "echo plain; exec sleep 100000", "");
    let file = scripts.write(&lathe.folder().join("steady.toml"));
    lathe.up_logging_json("debug", &[file.to_str().unwrap()]);
    lathe.lathe(&["restart", "--yes", "steady#0"]).with_code(0);
    lathe.status_when("a second life", |now| {
        now.instances.iter().all(|one| one.life() == 2 && one.state == "ready")
    });
    lathe.end(lathe_system::Signal::TERM).with_code(0);
    let home = lathe.home();
    let mut logs: Vec<PathBuf> = Vec::new();
    let mut folders = vec![home.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            match name.to_str().unwrap_or_default() {
                _ if path.is_dir() && !path.is_symlink() => folders.push(path),
                name if name == "stderr" || name.ends_with(".log") => logs.push(path),
                _ => {}
            }
        }
    }
    let executors = logs.iter().filter(|path| path.ends_with("stderr")).count();
    for name in ["standalone", "scheduler", "registry"] {
        assert!(logs.contains(&home.join(format!("log/{name}.log"))), "{name}: {logs:?}");
    }
    assert!(executors >= 2, "one of each life: {logs:?}");
    logs.iter().for_each(|path| json_lines(path));
}

fn json_lines(path: &Path) {
    let log = std::fs::read_to_string(path).expect("a log");
    let mut ids = 0;
    for line in log.lines() {
        let said: serde_json::Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{}: {error} in {line}", path.display()));
        let time = said["timestamp"].as_str().unwrap_or_default();
        assert!(time.len() >= 20 && time.ends_with('Z'), "no time: {line}");
        let level = said["level"].as_str().unwrap_or_default();
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&level), "no level: {line}");
        let fields = said["fields"].as_object().unwrap_or_else(|| panic!("no fields: {line}"));
        let own = said["target"].as_str().is_some_and(|target| target.starts_with("lathe_"));
        let message = fields.get("message").is_some_and(serde_json::Value::is_string);
        assert!(message || !own, "no message: {line}");
        let named = ["incarnation", "topology", "host", "agent", "url", "session"];
        ids += usize::from(named.iter().any(|name| fields.contains_key(*name)));
        let of_executor = path.ends_with("stderr");
        let incarnation = said["span"]["incarnation"].as_str().unwrap_or_default();
        assert!(!of_executor || incarnation.starts_with("steady#0."), "whose? {line}");
        ids += usize::from(of_executor);
    }
    assert!(ids > 0, "{} names nobody by a field: {log}", path.display());
}
