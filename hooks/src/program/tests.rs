//! Programs that are real: their time, their group, their environment, their output.

use std::time::Duration;

use super::*;
use crate::engine::Why;

const LONG: Duration = Duration::from_secs(600);

fn shell(script: &str) -> Program {
    let mut recipe = Recipe::new("h", &["g"]);
    recipe.env.insert("OWN".to_owned(), "value".to_owned());
    let words = ["/bin/sh", "-c", script].map(str::to_owned);
    Program { timeout: LONG, ..Program::of(&recipe, &words) }
}

async fn run(program: Program) -> End {
    let (_stop, stopped) = watch::channel(false);
    program.run(stopped).await
}

#[tokio::test]
async fn h5_a_program_that_takes_too_long_is_ended_with_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    // It hears no TERM, and neither does what it started.
    let script =
        format!("trap '' TERM; (trap '' TERM; sleep 600) & echo $! > {}; wait", path.display());
    let program = Program {
        timeout: Duration::from_millis(300),
        kill_after: Duration::from_millis(50),
        ..shell(&script)
    };
    let end = run(program).await;
    assert!(!end.ok && end.how.starts_with("no end within 300 ms"), "{}", end.how);
    assert!(end.how.contains("KILL"), "{}", end.how);
    let pid = std::fs::read_to_string(path).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    assert!(stat.is_err() || stat.unwrap().contains(") Z "), "its child has ended too");
}

#[tokio::test]
async fn h5_a_program_is_stopped_with_its_process() {
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(shell("sleep 600").run(stopped));
    stop.send_replace(true);
    let end = running.await.unwrap();
    assert!(!end.ok && end.how.contains("stopped"), "{}", end.how);
}

#[tokio::test]
async fn h9_the_environment_is_clean() {
    let end = run(shell("env | sort")).await;
    let names: Vec<&str> = end.output.lines().filter_map(|line| line.split('=').next()).collect();
    // The shell adds some of its own.
    let own: Vec<&str> =
        names.into_iter().filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(own, ["LATHE_HOOK", "OWN", "PATH"]);
}

#[tokio::test]
async fn h9_words_are_no_shell_words() {
    let words = ["/bin/echo", "$HOME", "a b", ";"].map(str::to_owned);
    let program = Program { words: words.to_vec(), ..shell("") };
    assert_eq!(run(program).await.output, "$HOME a b ;\n");
}

#[tokio::test]
async fn h10_the_end_of_the_output_is_kept_and_no_more() {
    let end = run(shell("yes 0123456789 | head -c 1000000; echo; echo last >&2; exit 3")).await;
    assert_eq!(end.how, "exit status 3");
    assert!(end.output.len() <= OUTPUT_BYTES_MAX);
    assert!(end.output.contains("last\n"));
}

#[tokio::test]
async fn who_holds_the_output_open_is_not_waited_for() {
    let end = run(shell("sleep 600 & echo done; echo $! >&2")).await;
    assert!(end.ok && end.output.contains("done"));
    let pid = end.output.lines().find(|line| line.parse::<u32>().is_ok()).unwrap().to_owned();
    run(shell(&format!("kill -KILL {pid}"))).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_or_may_not_run_is_a_failure_in_words() {
    let program = Program { words: vec!["/nowhere/program".to_owned()], ..shell("") };
    let end = run(program).await;
    assert!(!end.ok && end.how.contains("/nowhere/program"), "{}", end.how);
    let program = Program { user: Some("nobody-of-this-name".to_owned()), ..shell("true") };
    let end = run(program).await;
    assert!(!end.ok && end.how.contains("nobody-of-this-name"), "{}", end.how);
}

#[tokio::test]
async fn h9_the_difference_and_the_state_come_on_standard_input() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::of(data.path(), "h").unwrap();
    let entry = |incarnation: &str, version: &str| -> Entry {
        serde_json::from_value(serde_json::json!({
            "topology": "demo", "task": "web", "slot": 0, "incarnation": incarnation, "host": "h",
            "address": "127.0.0.1", "crate_name": "c", "version": version, "state": "ready",
            "since_ms": 1,
        }))
        .unwrap()
    };
    let input = |version, entries: Vec<Entry>| Input {
        history: "one".to_owned(),
        version,
        hash: String::new(),
        groups: BTreeMap::from([("web".to_owned(), entries)]),
    };
    let write = |path: &Path, input: &Input| {
        std::fs::write(path, serde_json::to_vec(input).unwrap()).unwrap();
    };
    write(&folder.last(), &input(4, vec![entry("web#0.1", "1"), entry("web#1.1", "1")]));
    write(&folder.next(), &input(6, vec![entry("web#1.1", "2"), entry("web#2.1", "1")]));
    let mut recipe = Recipe::new("h", &["web"]);
    recipe.command = ["/bin/sh", "-c", "cmp - $LATHE_STATE <$LATHE_STATE && cat && env >&2"]
        .map(str::to_owned)
        .to_vec();
    let start = Start {
        why: Why::Changed,
        from_version: 4,
        version: 6,
        history: "one".to_owned(),
        stale: true,
    };
    tell(&recipe, &folder, &start).unwrap();
    let end = run(Program::told(&recipe, &folder, &start)).await;
    assert!(end.ok, "{} {}", end.how, end.output);
    let text = end.output.lines().find(|line| line.starts_with('{')).unwrap();
    // The environment may follow on the same line.
    let mut told = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    let told = told.next().unwrap().unwrap();
    let names = |key: &str| told[key][0]["incarnation"].as_str().unwrap().to_owned();
    assert_eq!(
        [names("added"), names("removed"), names("changed")],
        ["web#2.1", "web#0.1", "web#1.1"]
    );
    assert_eq!((told["reason"].as_str(), told["version"].as_u64()), (Some("changed"), Some(6)));
    assert_eq!(told["groups"]["web"].as_array().unwrap().len(), 2);
    for line in ["LATHE_VERSION=6", "LATHE_PREV_VERSION=4", "LATHE_REASON=changed", "LATHE_STALE=1"]
    {
        assert!(end.output.contains(line), "{line} in {}", end.output);
    }
}
