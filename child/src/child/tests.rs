//! Real processes: their environment, their ends, and that nobody is left.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;

use super::Exit;
use crate::{Child, Output, Pid, Signal, Spawn, procfs};

const DEADLINE: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(600);

fn sh(script: &str) -> Spawn {
    Spawn::new("sh").args(["-c", script])
}

/// All that it writes to its standard output.
async fn text(child: &mut Child) -> String {
    let mut text = String::new();
    child.stdout().unwrap().read_to_string(&mut text).await.unwrap();
    text
}

async fn pid_from(path: &Path) -> Pid {
    let end = Instant::now() + DEADLINE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if let Some(line) = text.strip_suffix('\n') {
            return Pid::from_raw(line.parse().unwrap()).unwrap();
        }
        assert!(Instant::now() < end, "no id in {}", path.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn gone(pid: Pid) -> bool {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        if procfs::read(pid).is_none_or(|process| process.ended) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

#[tokio::test]
async fn an_exit_code_and_a_signal_are_told_apart() {
    let exit = sh("exit 7").start().unwrap().wait().await;
    assert_eq!(exit, Exit { code: Some(7), signal: None });
    assert_eq!(exit.to_string(), "exit status 7");
    let exit = sh("kill -KILL $$").start().unwrap().wait().await;
    assert_eq!(exit, Exit { code: None, signal: Some(9) });
    assert_eq!(exit.to_string(), "signal 9 (SIGKILL)");
}

#[tokio::test]
async fn standard_input_is_empty_or_the_file_that_was_given() {
    let mut child = sh("cat; echo end").stdout(Output::Pipe).start().unwrap();
    assert_eq!(text(&mut child).await, "end\n");
    let path = tempfile::NamedTempFile::new().unwrap();
    fs::write(path.path(), "told\n").unwrap();
    let file = fs::File::open(path.path()).unwrap();
    let mut child = sh("cat; echo end").stdin(file).stdout(Output::Pipe).start().unwrap();
    assert_eq!(text(&mut child).await, "told\nend\n");
}

#[tokio::test]
async fn the_environment_is_exactly_what_was_given() {
    let mut child = Spawn::new("env").env("ONE", "1").stdout(Output::Pipe).start().unwrap();
    assert_eq!(text(&mut child).await, "ONE=1\n");
    assert!(child.wait().await.success());
}

#[tokio::test]
async fn no_open_file_is_inherited() {
    let file = fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let mut child = sh("ls /proc/$$/fd").stdout(Output::Pipe).start().unwrap();
    let open = text(&mut child).await;
    let number = std::os::fd::AsRawFd::as_raw_fd(&file).to_string();
    assert!(!open.lines().any(|line| line == number), "{number} in {open}");
}

#[tokio::test]
async fn directory_files_and_both_outputs_are_as_told() {
    let dir = tempfile::tempdir().unwrap();
    let out = fs::File::create(dir.path().join("out")).unwrap();
    let mut child = sh("pwd; echo wrong >&2")
        .dir(dir.path())
        .stdout(Output::File(out))
        .stderr(Output::Pipe)
        .start()
        .unwrap();
    let mut wrong = String::new();
    child.stderr().unwrap().read_to_string(&mut wrong).await.unwrap();
    assert!(child.stderr().is_none(), "a pipe is given out once");
    assert!(child.wait().await.success());
    assert_eq!(wrong, "wrong\n");
    let own = fs::canonicalize(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("out")).unwrap().trim(), own.to_str().unwrap());
}

#[tokio::test]
async fn a_group_that_obeys_ends_within_its_grace() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sh -c 'echo $$ > lower; exec sleep 1000' & wait";
    let mut child = sh(script).dir(dir.path()).own_group().start().unwrap();
    let lower = pid_from(&dir.path().join("lower")).await;
    let exit = child.end(LONG).await;
    assert_eq!(exit.signal, Some(15));
    assert!(gone(lower).await);
}

#[tokio::test]
async fn a_group_that_ignores_the_request_is_killed_after_its_grace() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; sh -c 'echo $$ > lower; while :; do sleep 1; done' & wait; wait";
    let mut child = sh(script).dir(dir.path()).own_group().start().unwrap();
    let lower = pid_from(&dir.path().join("lower")).await;
    let exit = child.end(Duration::from_millis(50)).await;
    assert_eq!(exit.signal, Some(9));
    assert!(gone(lower).await);
}

#[tokio::test]
async fn the_rest_of_a_group_has_the_grace_when_its_leader_ends_first() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sh -c 'trap \"echo done > drained; exit 0\" TERM; echo $$ > lower; \
                  while :; do sleep 0.01; done' & wait";
    let mut child = sh(script).dir(dir.path()).own_group().start().unwrap();
    pid_from(&dir.path().join("lower")).await;
    child.end(LONG).await;
    assert_eq!(fs::read_to_string(dir.path().join("drained")).unwrap(), "done\n");
}

#[tokio::test]
async fn a_descendant_that_left_the_group_is_killed_too() {
    let dir = tempfile::tempdir().unwrap();
    let script = "setsid sh -c 'trap \"\" TERM; echo $$ > lower; while :; do sleep 1; done' & wait";
    let mut child = sh(script).dir(dir.path()).own_group().start().unwrap();
    let lower = pid_from(&dir.path().join("lower")).await;
    child.end(Duration::from_millis(50)).await;
    assert!(gone(lower).await);
}

#[tokio::test]
async fn leftovers_of_a_leader_that_ended_by_itself_are_ended() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sh -c 'echo $$ > lower; exec sleep 1000' & exit 3";
    let mut child = sh(script).dir(dir.path()).own_group().start().unwrap();
    let lower = pid_from(&dir.path().join("lower")).await;
    assert_eq!(child.wait().await.code, Some(3));
    assert!(!procfs::read(lower).unwrap().ended);
    assert_eq!(child.end(Duration::ZERO).await.code, Some(3));
    assert!(gone(lower).await);
}

#[tokio::test]
async fn a_stopped_process_is_ended() {
    let mut child = Spawn::new("sleep").arg("1000").own_group().start().unwrap();
    child.signal(Signal::Stop).unwrap();
    assert_eq!(child.end(LONG).await.signal, Some(15));
}

#[tokio::test]
async fn the_id_stays_taken_until_the_child_is_dropped() {
    let mut child = sh("exit 0").start().unwrap();
    let pid = child.id();
    child.wait().await;
    assert!(procfs::read(pid).is_some_and(|process| process.ended));
    child.signal(Signal::Kill).unwrap();
    assert!(crate::reap_adopted(&std::collections::BTreeSet::new()).iter().all(|p| *p != pid));
    assert!(child.wait().await.success());
    drop(child);
    assert!(procfs::read(pid).is_none_or(|process| process.parent != Some(Pid::own())));
}

#[tokio::test]
async fn waiting_can_be_given_up_and_taken_up_again() {
    let mut child = Spawn::new("sleep").arg("1000").start().unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(20), child.wait()).await;
    assert!(given_up.is_err());
    assert_eq!(child.try_wait(), None);
    child.signal(Signal::Kill).unwrap();
    assert_eq!(child.wait().await.signal, Some(9));
    assert_eq!(child.try_wait(), Some(child.wait().await));
}

#[tokio::test]
async fn a_dropped_child_runs_on_and_is_reaped_later() {
    let child = Spawn::new("sleep").arg("1000").start().unwrap();
    let pid = child.id();
    drop(child);
    let process = procfs::read(pid).unwrap();
    assert!(!process.ended);
    rustix::process::kill_process(pid.inner(), rustix::process::Signal::KILL).unwrap();
    let end = Instant::now() + DEADLINE;
    // Another process may get the id once it is reaped; its start would differ.
    while procfs::read(pid).is_some_and(|now| now.start == process.start) {
        assert!(Instant::now() < end, "never reaped");
        crate::known::lock().sweep();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn another_user_is_taken_on_with_groups() {
    if !rustix::process::geteuid().is_root() {
        // Only root can; then the refusal is what is looked at.
        let refused = sh("id").user("root").start().unwrap_err();
        assert!(refused.to_string().contains("root"), "{refused}");
        return;
    }
    let user = crate::User::by_name("nobody").unwrap();
    let mut child =
        sh("id -u; id -g; id -G").dir("/").user("nobody").stdout(Output::Pipe).start().unwrap();
    let groups: Vec<String> = user.groups.iter().map(ToString::to_string).collect();
    let wanted = format!("{}\n{}\n{}\n", user.uid, user.gid, groups.join(" "));
    assert_eq!(text(&mut child).await, wanted);
}

#[tokio::test]
async fn the_tree_below_a_process_is_listed_and_killed() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sh -c 'sleep 1000 & echo $$ > lower; wait' & wait";
    let mut child = sh(script).dir(dir.path()).own_group().start().unwrap();
    let lower = pid_from(&dir.path().join("lower")).await;
    assert_eq!(crate::children(child.id()), [lower]);
    let below = crate::descendants(child.id());
    assert_eq!((below.len(), below[0]), (2, lower));
    assert!(crate::kill_descendants(child.id(), Signal::Kill).is_empty());
    for pid in below {
        assert!(gone(pid).await);
    }
    child.end(Duration::ZERO).await;
}
