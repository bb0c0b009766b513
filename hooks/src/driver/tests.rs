//! The whole of it on a real disk with real programs.

use std::collections::BTreeMap;
use std::fs;

use lathe_catalog::{Entry, GroupView};

use super::*;
use crate::engine::Standing;
use crate::recipe::{FileRecipe, Pace, Retries};
use crate::render::Template;

const DEADLINE: Duration = Duration::from_secs(60);

fn snapshot(version: u64, slots: &[u32]) -> Order {
    let entry = |slot: &u32| -> Entry {
        serde_json::from_value(serde_json::json!({
            "topology": "demo", "task": "web", "slot": slot, "incarnation": format!("web#{slot}.1"),
            "host": "h", "address": "127.0.0.1", "crate_name": "c", "version": "1", "state": "ready",
            "since_ms": 1,
        }))
        .unwrap()
    };
    let entries = slots.iter().map(entry).collect();
    let history = "one".to_owned();
    let view = GroupView { group: "web".to_owned(), history: history.clone(), version, entries };
    let groups = BTreeMap::from([("web".to_owned(), Arc::new(view))]);
    Order::Seen(Arc::new(Snapshot { history, groups }))
}

struct Rig {
    folder: tempfile::TempDir,
    recipe: Recipe,
}

impl Rig {
    /// A hook with two files, and a program that notes each of its runs.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut recipe = Recipe::new("h", &["web"]);
        recipe.pace = Pace { settle_ms: 0, max_wait_ms: 0, urgent_settle_ms: 0, splay_ms: 0 };
        recipe.retries = Retries { longest_ms: 50, ..Retries::default() };
        for name in ["one", "two"] {
            recipe.files.push(FileRecipe {
                template: Template::parse("t", "{% for e in entries %}{{ e.slot }} {% endfor %}")
                    .unwrap(),
                path: folder.path().join(name),
                mode: 0o600,
                owner: None,
                check: Vec::new(),
            });
        }
        let log = folder.path().join("log");
        recipe.command = shell(&format!("echo $LATHE_VERSION $LATHE_REASON >> {}", log.display()));
        Self { folder, recipe }
    }

    fn open(&self) -> (Hooks, tokio::task::JoinHandle<()>) {
        let data = self.folder.path().join("data");
        let (hooks, running) = Hooks::open(&data, vec![self.recipe.clone()], "host", 1).unwrap();
        (hooks, tokio::spawn(running.run()))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

async fn until(hooks: &Hooks, is_so: impl Fn(&HookStatus) -> bool) -> HookStatus {
    let end = Instant::now() + DEADLINE;
    loop {
        let status = hooks.status().remove(0);
        if is_so(&status) {
            return status;
        }
        assert!(Instant::now() < end, "{status:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn acknowledged(hooks: &Hooks, version: u64) {
    until(hooks, |it| it.acknowledged == Some(version) && it.standing == Standing::Idle).await;
}

async fn end(hooks: &Hooks, running: tokio::task::JoinHandle<()>) {
    hooks.order(Order::End).await;
    tokio::time::timeout(DEADLINE, running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_change_goes_through_files_and_program_and_a_restart_repeats_nothing() {
    let rig = Rig::new();
    let (hooks, running) = rig.open();
    hooks.order(snapshot(1, &[0])).await;
    acknowledged(&hooks, 1).await;
    hooks.order(snapshot(2, &[0, 1])).await;
    acknowledged(&hooks, 2).await;
    assert_eq!((rig.read("one"), rig.read("two")), ("0 1 ".to_owned(), "0 1 ".to_owned()));
    end(&hooks, running).await;
    let (hooks, running) = rig.open();
    hooks.order(snapshot(2, &[0, 1])).await;
    acknowledged(&hooks, 2).await;
    hooks.order(Order::Force("h".to_owned())).await;
    until(&hooks, |it| it.past.len() == 1 && it.standing == Standing::Idle).await;
    end(&hooks, running).await;
    assert_eq!(rig.read("log"), "1 changed\n2 changed\n2 forced\n");
}

#[tokio::test]
async fn h8_one_check_that_says_no_keeps_all_files_of_the_hook_from_their_places() {
    let mut rig = Rig::new();
    rig.recipe.files[1].check = ["/bin/sh", "-c", "! grep -n 7 {}"].map(str::to_owned).to_vec();
    let (hooks, running) = rig.open();
    hooks.order(snapshot(1, &[0])).await;
    acknowledged(&hooks, 1).await;
    hooks.order(snapshot(2, &[0, 7])).await;
    let status = until(&hooks, |it| it.failures > 2).await;
    assert!(!status.pending);
    assert_eq!((rig.read("one"), rig.read("two")), ("0 ".to_owned(), "0 ".to_owned()));
    hooks.order(snapshot(3, &[0, 8])).await;
    acknowledged(&hooks, 3).await;
    assert_eq!(rig.read("one"), "0 8 ");
    end(&hooks, running).await;
    assert_eq!(rig.read("log"), "1 changed\n3 changed\n");
}

#[tokio::test]
async fn h7_a_program_that_fails_on_new_files_is_run_on_the_old_ones() {
    let mut rig = Rig::new();
    let (one, log) = (rig.folder.path().join("one"), rig.folder.path().join("log"));
    let script = format!(
        "echo $LATHE_VERSION $LATHE_REASON >> {}; ! grep -q 7 {}",
        log.display(),
        one.display()
    );
    rig.recipe.command = shell(&script);
    rig.recipe.retries = Retries { rollback: true, give_up_after: Some(1), ..Retries::default() };
    let told = rig.folder.path().join("told");
    rig.recipe.on_failure =
        shell(&format!("echo $LATHE_GAVE_UP $LATHE_PROBLEM > {}", told.display()));
    let (hooks, running) = rig.open();
    hooks.order(snapshot(1, &[0])).await;
    acknowledged(&hooks, 1).await;
    hooks.order(snapshot(2, &[7])).await;
    until(&hooks, |it| it.standing == Standing::Refused).await;
    assert_eq!(rig.read("one"), "0 ");
    assert_eq!(rig.read("log"), "1 changed\n2 changed\n1 rollback\n");
    let end_at = Instant::now() + DEADLINE;
    while rig.read("told").is_empty() && Instant::now() < end_at {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(
        rig.read("told").starts_with("1 the program failed: exit status 1"),
        "{}",
        rig.read("told")
    );
    end(&hooks, running).await;
}

#[tokio::test]
async fn what_is_stopped_at_the_end_is_resumed_at_the_next_start() {
    let mut rig = Rig::new();
    let log = rig.folder.path().join("log");
    let stone = rig.folder.path().join("stone");
    let script = format!(
        "echo $LATHE_VERSION $LATHE_REASON >> {}; [ -e {} ] || exec sleep 600",
        log.display(),
        stone.display()
    );
    rig.recipe.command = shell(&script);
    let (hooks, running) = rig.open();
    hooks.order(snapshot(1, &[0])).await;
    let end_at = Instant::now() + DEADLINE;
    while rig.read("log").is_empty() {
        assert!(Instant::now() < end_at);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    end(&hooks, running).await;
    fs::write(&stone, "").unwrap();
    // Nobody says anything of groups in the second life.
    let (hooks, running) = rig.open();
    acknowledged(&hooks, 1).await;
    end(&hooks, running).await;
    assert_eq!(rig.read("log"), "1 changed\n1 resume\n");
}

#[tokio::test]
async fn h2_what_a_program_has_left_ends_before_the_next_life_and_a_daemon_does_not() {
    let mut rig = Rig::new();
    let pids = rig.folder.path().join("pids");
    let script = format!(
        "sleep 600 & echo $! >> {0}; setsid sleep 600 & sleep 0.2; echo $! >> {0}",
        pids.display()
    );
    rig.recipe.command = shell(&script);
    let (hooks, running) = rig.open();
    hooks.order(snapshot(1, &[0])).await;
    acknowledged(&hooks, 1).await;
    end(&hooks, running).await;
    let lives = |line: usize| {
        let pid = rig.read("pids").lines().nth(line).unwrap().to_owned();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    assert!(lives(0) && lives(1));
    let (hooks, running) = rig.open();
    assert!(!lives(0) && lives(1));
    let daemon = rig.read("pids").lines().nth(1).unwrap().parse().unwrap();
    let daemon = lathe_child::Pid::from_raw(daemon).unwrap();
    lathe_child::Spawn::new("/bin/kill")
        .arg("-KILL")
        .arg(daemon.to_string())
        .start()
        .unwrap()
        .wait()
        .await;
    end(&hooks, running).await;
}

#[tokio::test]
async fn one_process_at_a_time_has_the_data_folder() {
    let rig = Rig::new();
    let (hooks, running) = rig.open();
    let data = rig.folder.path().join("data");
    let second = Hooks::open(&data, Vec::new(), "host", 1);
    assert!(matches!(second, Err(OpenError::Used { .. })));
    end(&hooks, running).await;
}

#[tokio::test]
async fn h16_neither_journal_nor_status_has_what_a_template_renders() {
    let mut rig = Rig::new();
    for file in &mut rig.recipe.files {
        file.template = Template::parse("t", "password = hunter2 {{ version }}").unwrap();
    }
    let (hooks, running) = rig.open();
    hooks.order(snapshot(1, &[0])).await;
    acknowledged(&hooks, 1).await;
    let status = serde_json::to_string(&hooks.status()).unwrap();
    let journal = rig.read("data/journal");
    assert!(rig.read("one").contains("hunter2"));
    assert!(!journal.is_empty() && !journal.contains("hunter2") && !status.contains("hunter2"));
    end(&hooks, running).await;
}
