//! The task's life, step by step and out of step.

use super::*;
use crate::supervisor::command::Cause;
use TaskState::{Error, Failed, Finished, Killed, Killing, Running, Starting};

#[test]
fn a_program_with_a_handshake_runs_once_it_says_so() {
    let mut stage = Stage::subscribed();
    stage.feed(launch(HANDSHAKE));
    assert_eq!(stage.take(), [Command::Fetch { task: task() }]);
    stage.feed(Event::FetchDone);
    assert_eq!(stage.take(), [Command::Spawn { task: task() }]);
    stage.feed(Event::Spawned);
    assert_eq!(stage.states(), [Starting]);
    assert_eq!(stage.beats(), [Life::Starting]);
    stage.feed(Event::ReadyHeard { beats: false });
    assert_eq!(stage.states(), [Starting, Running]);
    assert_eq!(stage.beats(), [Life::Starting, Life::Ready]);
    stage.feed(Event::ReadyHeard { beats: false });
    assert_eq!(stage.states(), [Starting, Running], "ready once is ready");
}

#[test]
fn a_program_without_a_handshake_runs_at_once() {
    let stage = Stage::up(ReadyBy::Exec);
    assert_eq!(stage.states(), [Starting, Running]);
}

#[test]
fn a_handshake_heard_before_the_start_is_known_counts() {
    let mut stage = Stage::subscribed();
    stage.feed(launch(HANDSHAKE)).feed(Event::FetchDone).feed(Event::ReadyHeard { beats: false });
    assert_eq!(stage.states(), []);
    stage.feed(Event::Spawned);
    assert_eq!(stage.states(), [Starting, Running]);
}

#[test]
fn beats_come_each_second_until_the_end() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.take();
    stage.wait(3_000);
    assert_eq!(stage.beats(), [Life::Ready, Life::Ready, Life::Ready]);
    stage.take();
    stage.feed(kill(None));
    assert_eq!(stage.beats(), [Life::Draining]);
    stage.feed(Event::ChildExited(EXITED));
    stage.take();
    stage.wait(2_000);
    assert_eq!(stage.beats(), []);
}

#[test]
fn a_clean_end_is_finished_and_anything_else_failed() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.states(), [Starting, Running, Finished]);
    assert!(stage.has(&Command::KillNow), "what it left behind ends too");

    let mut stage = Stage::up(ReadyBy::Exec);
    let exit = Exit { code: Some(3), signal: None, out_of_memory: false };
    stage.feed(Event::ChildExited(exit));
    assert_eq!(stage.states(), [Starting, Running, Failed]);
    assert!(stage.last_message().contains("exit status 3"), "{}", stage.last_message());
    assert!(stage.has(&Command::WriteCrashLog { exit }));
}

#[test]
fn an_end_for_lack_of_memory_says_so() {
    let mut stage = Stage::up(HANDSHAKE);
    stage.feed(Event::ChildExited(Exit { code: None, signal: Some(9), out_of_memory: true }));
    let last = stage.updates().pop().unwrap();
    assert_eq!((last.state, last.cause), (Failed, Some(Cause::OutOfMemory)));
    assert!(last.message.contains("signal 9 before it was ready: out of memory"));
}

#[test]
fn a_program_that_is_never_ready_is_ended_and_failed() {
    let mut stage = Stage::up(HANDSHAKE);
    stage.take();
    stage.wait(59_999);
    assert!(!stage.has(&Command::AskToEnd));
    stage.wait(1);
    assert!(stage.has(&Command::AskToEnd));
    stage.wait(5_000);
    assert!(stage.has(&Command::KillNow));
    stage.feed(Event::ChildExited(Exit { code: None, signal: Some(9), out_of_memory: false }));
    assert_eq!(stage.states(), [Failed], "nobody asked for a kill: no TASK_KILLING");
    assert_eq!(stage.last_message(), "not ready after 60 s");
}

#[test]
fn kill_is_term_then_grace_then_kill_again_and_again() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.take();
    stage.feed(kill(Some(2_000)));
    assert_eq!(stage.states(), [Killing]);
    assert!(stage.has(&Command::AskToEnd));
    stage.wait(1_999);
    assert!(!stage.has(&Command::KillNow));
    stage.wait(1);
    assert!(stage.has(&Command::KillNow));
    stage.take();
    stage.wait(2_000);
    let kills = stage.take().iter().filter(|command| **command == Command::KillNow).count();
    assert_eq!(kills, 2);
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.states(), [Killed]);
}

#[test]
fn a_framework_that_did_not_ask_is_not_told_of_killing() {
    let mut stage = Stage::new(Config::default());
    stage.feed(Event::Started).feed(Event::Subscribed { wants_killing: false });
    stage.feed(launch(ReadyBy::Exec)).feed(Event::FetchDone).feed(Event::Spawned);
    stage.feed(kill(None)).feed(Event::ChildExited(EXITED));
    assert_eq!(stage.states(), [Starting, Running, Killed]);
}

#[test]
fn a_second_kill_can_only_shorten_the_grace() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.feed(kill(Some(10_000)));
    stage.feed(kill(Some(60_000)));
    stage.take();
    stage.wait(1_000);
    stage.feed(kill(Some(2_000)));
    stage.wait(1_999);
    assert!(!stage.has(&Command::KillNow));
    stage.wait(1);
    assert!(stage.has(&Command::KillNow));
    assert_eq!(stage.states(), [], "TASK_KILLING is said once");

    let mut stage = Stage::up(ReadyBy::Exec);
    stage.feed(kill(Some(10_000))).take();
    stage.feed(kill(Some(0)));
    assert!(stage.has(&Command::KillNow), "no grace: at once");
}

#[test]
fn a_kill_during_the_fetch_cancels_it() {
    let mut stage = Stage::subscribed();
    stage.feed(launch(HANDSHAKE)).feed(kill(None));
    assert!(stage.has(&Command::CancelFetch));
    assert_eq!(stage.states(), [Killed]);
    stage.take();
    stage.feed(Event::FetchDone).feed(Event::FetchFailed(failure(false)));
    assert_eq!(stage.take(), [], "too late to matter");
}

#[test]
fn a_kill_during_the_start_is_remembered() {
    let mut stage = Stage::subscribed();
    stage.feed(launch(HANDSHAKE)).feed(Event::FetchDone).feed(kill(Some(700)));
    assert_eq!(stage.states(), []);
    stage.feed(Event::Spawned);
    assert_eq!(stage.states(), [Starting, Killing]);
    assert!(stage.has(&Command::AskToEnd));
    stage.wait(700);
    assert!(stage.has(&Command::KillNow));
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.states(), [Starting, Killing, Killed]);

    let mut stage = Stage::subscribed();
    stage.feed(launch(HANDSHAKE)).feed(Event::FetchDone).feed(kill(None));
    stage.feed(Event::SpawnFailed(failure(true)));
    assert_eq!(stage.states(), [Killed]);
}

#[test]
fn a_kill_that_overtakes_its_launch_is_remembered() {
    let mut stage = Stage::subscribed();
    stage.feed(kill(None)).feed(launch(HANDSHAKE));
    assert_eq!(stage.states(), [Killed]);
    assert!(!stage.has(&Command::Fetch { task: task() }));
}

#[test]
fn an_end_heard_before_the_start_still_reports_both() {
    let mut stage = Stage::subscribed();
    stage.feed(launch(HANDSHAKE)).feed(Event::FetchDone);
    stage.feed(Event::ChildExited(Exit { code: Some(1), signal: None, out_of_memory: false }));
    assert_eq!(stage.states(), [Starting, Failed]);
    stage.take();
    stage.feed(Event::Spawned);
    assert_eq!(stage.take(), [Command::KillNow]);
}

#[test]
fn a_launch_that_cannot_be_read_is_an_error_with_its_reason() {
    let mut stage = Stage::subscribed();
    stage.feed(Event::LaunchArrived { task: task(), launch: Err("missing `task`".to_owned()) });
    assert_eq!(stage.states(), [Error]);
    assert!(stage.last_message().ends_with("missing `task`"));
    stage.acknowledge_all();
    assert_eq!(stage.exit_code(), Some(0));
}

#[test]
fn a_launch_that_fails_for_ever_is_an_error_and_for_now_a_failure() {
    for (permanent, state) in [(true, Error), (false, Failed)] {
        let mut stage = Stage::subscribed();
        stage.feed(launch(HANDSHAKE)).feed(Event::FetchFailed(failure(permanent)));
        assert_eq!(stage.states(), [state]);

        let mut stage = Stage::subscribed();
        stage.feed(launch(HANDSHAKE)).feed(Event::FetchDone);
        stage.feed(Event::SpawnFailed(failure(permanent)));
        assert_eq!(stage.states(), [state]);
        assert_eq!(stage.last_message(), "no such thing");
    }
}

#[test]
fn a_fetch_without_end_is_ended() {
    let mut stage = Stage::subscribed();
    stage.feed(launch(HANDSHAKE)).wait(600_000);
    assert!(stage.has(&Command::CancelFetch));
    assert_eq!(stage.states(), [Failed]);
}

#[test]
fn a_second_launch_is_refused_and_the_first_lives_on() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.take();
    let second = Launch { ready_by: HANDSHAKE, grace_ms: 0, health: Health::None };
    stage.feed(Event::LaunchArrived { task: other_task(), launch: Ok(second) });
    let [update] = &stage.updates()[..] else { panic!("one update: {:?}", stage.commands) };
    assert_eq!((&update.task, update.state), (&other_task(), Error));
    stage.take();
    stage.feed(launch(ReadyBy::Exec));
    assert_eq!(stage.states(), [], "the same launch again changes nothing");
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.states(), [Finished]);
}

#[test]
fn a_flood_of_launches_is_bounded() {
    let mut stage = Stage::up(ReadyBy::Exec);
    for number in 0..1_000 {
        let launch = Err("nothing".to_owned());
        stage.feed(Event::LaunchArrived { task: TaskId(format!("t{number}")), launch });
    }
    assert!(stage.updates().len() <= 66, "{}", stage.updates().len());
}
