//! Health: what makes ready, what makes suspect, what ends.

use super::*;
use crate::supervisor::command::Cause;
use TaskState::{Failed, Killed, Killing, Running, Starting};

const PROBE: Health = Health::Probe { interval_ms: 2_000, failures: 3, grace_ms: 60_000 };
const BEAT: Health = Health::Beat { interval_ms: 1_000, timeout_ms: 10_000 };

/// The task's process runs.
fn up(ready_by: ReadyBy, health: Health) -> Stage {
    let mut stage = Stage::subscribed();
    let launch = Launch { ready_by, grace_ms: 60_000, health };
    stage.feed(Event::LaunchArrived { task: task(), launch: Ok(launch) });
    stage.feed(Event::FetchDone).feed(Event::Spawned);
    stage
}

/// Ready, and asked for the second time.
fn ready(health: Health) -> Stage {
    let mut stage = up(ReadyBy::Exec, health);
    stage.feed(Event::HealthPassed).wait(2_000);
    stage.take();
    stage
}

fn beating() -> Stage {
    let mut stage = up(HANDSHAKE, BEAT);
    stage.feed(Event::ReadyHeard { beats: true });
    assert_eq!(stage.states(), [Starting, Running]);
    stage.take();
    stage
}

fn failed(stage: &mut Stage) -> &mut Stage {
    stage.feed(Event::HealthFailed { message: "GET /: answered 503".to_owned() })
}

/// Beats without those that only say again what the one before said.
fn told(stage: &Stage) -> Vec<Life> {
    let mut beats = stage.beats();
    beats.dedup();
    beats
}

fn ailing(why: &str) -> Life {
    Life::Ailing(why.to_owned())
}

fn questions(stage: &Stage) -> usize {
    stage.commands.iter().filter(|command| **command == Command::Probe).count()
}

const KILLED_9: Exit = Exit { code: None, signal: Some(9), out_of_memory: false };

#[test]
fn the_first_good_answer_makes_ready() {
    let mut stage = up(ReadyBy::Exec, PROBE);
    assert_eq!((stage.states(), questions(&stage)), (vec![Starting], 1));
    assert_eq!(told(&stage), [Life::Starting]);
    failed(&mut stage);
    assert_eq!(stage.states(), [Starting], "in the grace it does not count");
    stage.wait(100);
    assert_eq!(questions(&stage), 2);
    stage.feed(Event::HealthPassed);
    assert_eq!(stage.states(), [Starting, Running]);
    assert_eq!(told(&stage), [Life::Starting, Life::Ready]);
    stage.take();
    stage.wait(1_999);
    assert_eq!(questions(&stage), 0);
    stage.wait(1);
    assert_eq!(questions(&stage), 1);
    stage.wait(60_000);
    assert_eq!(questions(&stage), 1, "one question at a time");
}

#[test]
fn at_first_it_is_asked_more_often() {
    let mut stage = up(ReadyBy::Exec, PROBE);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        stage.take();
        failed(&mut stage);
        let before_ms = stage.now_ms;
        while questions(&stage) == 0 {
            stage.wait(10);
        }
        pauses.push(stage.now_ms - before_ms);
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
}

#[test]
fn a_program_of_the_sdk_is_asked_after_its_hand_shake() {
    let mut stage = up(HANDSHAKE, PROBE);
    assert_eq!(questions(&stage), 0);
    stage.feed(Event::ReadyHeard { beats: false });
    assert_eq!((stage.states(), questions(&stage)), (vec![Starting], 1));
    stage.feed(Event::ReadyHeard { beats: false });
    stage.wait(120_000);
    assert_eq!(questions(&stage), 1, "a second hand-shake asks nothing");
    stage.feed(Event::HealthPassed);
    assert_eq!(stage.states(), [Starting, Running]);
}

#[test]
fn one_bad_answer_makes_suspect_and_a_good_one_takes_it_back() {
    let mut stage = ready(PROBE);
    failed(&mut stage);
    assert_eq!(stage.beats(), [ailing("GET /: answered 503")], "told at once");
    stage.wait(2_000);
    stage.feed(Event::HealthFailed { message: "another".to_owned() });
    stage.wait(2_000);
    assert_eq!(told(&stage), [ailing("GET /: answered 503")], "the reason stays the first");
    stage.feed(Event::HealthPassed);
    assert_eq!(told(&stage).pop(), Some(Life::Ready));
    stage.take();
    for _ in 0..10 {
        failed(stage.wait(2_000));
        failed(stage.wait(2_000));
        stage.wait(2_000).feed(Event::HealthPassed);
    }
    assert_eq!(stage.states(), [], "never three in a row");
}

#[test]
fn three_bad_answers_in_a_row_end_it_and_say_why() {
    let mut stage = ready(PROBE);
    for _ in 0..3 {
        failed(&mut stage).wait(2_000);
    }
    assert!(stage.has(&Command::AskToEnd));
    assert_eq!(told(&stage).pop(), Some(Life::Draining));
    stage.wait(3_000);
    assert!(stage.has(&Command::KillNow), "who hangs gets five seconds, whatever its grace");
    stage.feed(Event::ChildExited(KILLED_9));
    assert_eq!(stage.states(), [Failed]);
    let last = stage.updates().pop().unwrap();
    assert_eq!(last.cause, Some(Cause::Unhealthy));
    assert_eq!(last.message, "3 health checks failed in a row: GET /: answered 503");
    assert!(stage.has(&Command::WriteCrashLog { exit: KILLED_9 }));
}

#[test]
fn a_start_without_a_good_answer_ends_after_its_grace() {
    let health = Health::Probe { interval_ms: 500, failures: 1, grace_ms: 10_000 };
    let mut stage = up(ReadyBy::Exec, health);
    while !stage.has(&Command::AskToEnd) {
        assert!(stage.now_ms <= START_MS + 11_000);
        stage.take();
        failed(&mut stage).wait(500);
    }
    assert!(stage.now_ms >= START_MS + 10_000);
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.last_message(), "a health check failed: GET /: answered 503");
}

#[test]
fn an_end_for_another_reason_stops_the_questions() {
    let mut stage = up(ReadyBy::Exec, PROBE);
    stage.feed(kill(None));
    assert!(stage.has(&Command::CancelProbe));
    assert_eq!(stage.states(), [Starting, Killing]);
    stage.take();
    stage.feed(Event::HealthPassed);
    failed(&mut stage);
    assert_eq!(stage.states(), []);
    stage.feed(Event::ChildExited(EXITED)).wait(10_000);
    assert_eq!((stage.states(), questions(&stage)), (vec![Killed], 0));

    let mut stage = ready(PROBE);
    stage.feed(Event::ChildExited(EXITED));
    assert!(stage.has(&Command::CancelProbe));
}

#[test]
fn a_kill_of_one_that_hangs_still_says_why_it_ended() {
    let mut stage = ready(PROBE);
    for _ in 0..3 {
        failed(&mut stage).wait(2_000);
    }
    stage.feed(kill(Some(0))).feed(Event::ChildExited(KILLED_9));
    assert_eq!(stage.states(), [Failed], "its end had begun before the kill");
    assert_eq!(stage.updates().pop().unwrap().cause, Some(Cause::Unhealthy));
}

#[test]
fn a_program_that_beats_is_left_alone() {
    let mut stage = beating();
    for _ in 0..100 {
        stage.wait(1_000).feed(Event::BeatHeard);
    }
    assert_eq!((stage.states(), told(&stage)), (vec![], vec![Life::Ready]));
}

#[test]
fn silence_makes_suspect_after_three_beats_and_ends_after_its_time() {
    let mut stage = beating();
    stage.wait(2_999);
    assert_eq!(told(&stage), [Life::Ready]);
    stage.wait(1);
    assert_eq!(told(&stage).pop(), Some(ailing("no beat for 3 s")));
    stage.wait(5_000);
    stage.take();
    stage.feed(Event::BeatHeard);
    assert_eq!(stage.beats(), [Life::Ready], "back at once");
    stage.wait(9_999);
    assert!(!stage.has(&Command::AskToEnd));
    stage.wait(1);
    assert!(stage.has(&Command::AskToEnd));
    stage.wait(5_000);
    assert!(stage.has(&Command::KillNow), "a stopped process takes no TERM");
    stage.feed(Event::ChildExited(KILLED_9));
    assert_eq!(stage.states(), [Failed]);
    assert_eq!(stage.last_message(), "the program hangs: no beat for 10 s");
}

#[test]
fn an_sdk_that_does_not_beat_is_not_watched() {
    let mut stage = up(HANDSHAKE, BEAT);
    stage.feed(Event::ReadyHeard { beats: false });
    stage.take();
    stage.wait(100_000);
    assert_eq!((stage.states(), told(&stage)), (vec![], vec![Life::Ready]));
}

#[test]
fn beats_do_not_matter_where_something_else_is_asked() {
    let mut stage = ready(PROBE);
    stage.feed(Event::BeatHeard);
    stage.wait(100_000);
    assert_eq!((stage.states(), told(&stage)), (vec![], vec![Life::Ready]));
}

#[test]
fn an_executor_that_stood_still_takes_it_for_no_silence() {
    let mut stage = beating();
    // Nothing was heard, as nobody listened: the beats are still to be read.
    stage.now_ms += 60_000;
    stage.feed(Event::TimePassed);
    assert!(!stage.has(&Command::AskToEnd));
    stage.feed(Event::BeatHeard);
    stage.wait(2_000);
    assert_eq!(told(&stage), [Life::Ready]);
    stage.wait(8_000);
    assert!(stage.has(&Command::AskToEnd), "from then on silence counts again");
}
