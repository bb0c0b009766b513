//! The agent comes, goes, restarts, shuts down.

use super::*;
use crate::supervisor::event::UpdateId;
use TaskState::{Error, Finished, Killed, Killing, Running, Starting};

fn lost() -> Event {
    Event::Disconnected { reason: "connection reset".to_owned() }
}

fn back() -> Event {
    Event::Subscribed { wants_killing: true }
}

/// The tasks and the updates of the only SUBSCRIBE asked for since the last look.
fn subscription(stage: &mut Stage) -> (Vec<TaskId>, Vec<TaskState>) {
    let mut found = Vec::new();
    for command in stage.take() {
        if let Command::Subscribe { tasks, updates } = command {
            found.push((tasks, updates.iter().map(|update| update.state).collect()));
        }
    }
    assert_eq!(found.len(), 1, "one subscription: {found:?}");
    found.remove(0)
}

#[test]
fn the_first_subscription_has_nothing_to_repeat() {
    let mut stage = Stage::new(Config::default());
    stage.feed(Event::Started);
    assert_eq!(subscription(&mut stage), (vec![], vec![]));
}

#[test]
fn an_agent_that_never_answers_is_given_up_after_a_minute() {
    let mut stage = Stage::new(Config::default());
    stage.feed(Event::Started);
    for _ in 0..200 {
        stage.feed(lost()).wait(500);
    }
    assert_eq!(stage.exit_code(), Some(1));
    let attempts =
        stage.take().iter().filter(|command| matches!(command, Command::Subscribe { .. })).count();
    assert!((100..=200).contains(&attempts), "{attempts}");
}

#[test]
fn a_new_subscription_repeats_what_is_not_acknowledged() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.take();
    stage.feed(lost()).wait(500);
    assert_eq!(subscription(&mut stage), (vec![task()], vec![Starting, Running]));
    stage.feed(back());
    assert_eq!(stage.states(), [], "they went with the subscription");
}

#[test]
fn a_task_with_an_acknowledged_update_is_not_repeated() {
    let mut stage = Stage::up(ReadyBy::Exec);
    let first = stage.updates().remove(0);
    stage.feed(Event::Acknowledged { task: task(), update: first.id }).take();
    stage.feed(lost()).wait(500);
    assert_eq!(subscription(&mut stage), (vec![], vec![Running]));
}

#[test]
fn a_launched_task_without_updates_is_repeated() {
    let mut stage = Stage::subscribed();
    stage.feed(launch(HANDSHAKE)).take();
    stage.feed(lost()).wait(500);
    assert_eq!(subscription(&mut stage), (vec![task()], vec![]));
}

#[test]
fn an_update_that_arises_while_subscribing_follows_after() {
    let mut stage = Stage::up(HANDSHAKE);
    stage.acknowledge_all().take();
    stage.feed(lost()).wait(500);
    assert_eq!(subscription(&mut stage), (vec![], vec![]));
    stage.feed(Event::ReadyHeard { beats: false });
    assert_eq!(stage.states(), [], "nobody to tell");
    stage.feed(back());
    assert_eq!(stage.states(), [Running]);
}

#[test]
fn attempts_to_subscribe_again_stay_well_below_two_seconds_apart() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.take();
    for _ in 0..100 {
        stage.feed(lost());
        stage.wait(500);
        subscription(&mut stage);
    }
}

#[test]
fn an_agent_away_for_too_long_ends_the_task() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.acknowledge_all().take();
    for _ in 0..(15 * 60 * 2 - 1) {
        stage.feed(lost()).wait(500);
    }
    assert!(!stage.has(&Command::AskToEnd));
    stage.feed(lost()).wait(500);
    assert!(stage.has(&Command::AskToEnd));
    stage.wait(4_000);
    assert!(stage.has(&Command::KillNow));
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.exit_code(), Some(0));
}

#[test]
fn coming_back_stops_the_recovery_clock() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.acknowledge_all();
    stage.feed(lost()).wait(800_000).feed(back()).wait(800_000);
    stage.feed(lost()).wait(800_000);
    assert!(!stage.has(&Command::AskToEnd));
}

#[test]
fn without_checkpointing_the_agent_takes_the_task_along() {
    let mut stage = Stage::new(Config { checkpoint: false, ..Config::default() });
    stage.feed(Event::Started).feed(lost()).wait(500).feed(back());
    stage.feed(launch(ReadyBy::Exec)).feed(Event::FetchDone).feed(Event::Spawned);
    assert!(!stage.has(&Command::AskToEnd), "before the first subscription it may retry");
    stage.take();
    stage.feed(lost());
    assert!(stage.has(&Command::AskToEnd));
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.exit_code(), Some(0));
    assert!(!stage.commands.iter().any(|command| matches!(command, Command::Subscribe { .. })));
}

#[test]
fn a_process_that_never_dies_does_not_keep_the_executor() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.feed(Event::ShutdownArrived).wait(60_000);
    assert_eq!(stage.exit_code(), Some(0));
}

#[test]
fn the_last_acknowledgement_is_awaited_for_five_seconds() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.acknowledge_all().feed(Event::ChildExited(EXITED)).wait(4_999);
    assert_eq!(stage.exit_code(), None);
    stage.wait(1);
    assert_eq!(stage.exit_code(), Some(0));

    let mut stage = Stage::up(ReadyBy::Exec);
    stage.feed(Event::ChildExited(EXITED)).acknowledge_all();
    assert_eq!(stage.exit_code(), Some(0), "everything is held: no reason to stay");
}

#[test]
fn an_end_during_the_agents_absence_is_kept_for_its_return() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.acknowledge_all().take();
    stage.feed(lost()).feed(Event::ChildExited(EXITED)).wait(100_000);
    assert_eq!(stage.exit_code(), None);
    stage.take();
    stage.feed(lost()).wait(500);
    assert_eq!(subscription(&mut stage), (vec![], vec![Finished]));
    stage.feed(back()).wait(5_000);
    assert_eq!(stage.exit_code(), Some(0));
}

#[test]
fn an_agent_that_comes_and_goes_does_not_keep_the_executor_for_ever() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.feed(Event::ChildExited(EXITED));
    for _ in 0..1_000 {
        stage.feed(lost()).feed(back()).wait(1_000);
    }
    assert_eq!(stage.exit_code(), Some(0));
}

#[test]
fn a_shutdown_ends_everything_within_its_grace() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.take();
    stage.feed(Event::ShutdownArrived);
    assert_eq!(stage.states(), [Killing]);
    assert!(stage.has(&Command::AskToEnd));
    stage.wait(4_000);
    assert!(stage.has(&Command::KillNow), "before the agent's own five seconds are over");
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.states(), [Killing, Killed]);
}

#[test]
fn a_shutdown_without_a_task_is_an_exit() {
    let mut stage = Stage::subscribed();
    stage.feed(Event::ShutdownArrived);
    assert_eq!(stage.exit_code(), Some(0));
}

#[test]
fn a_stop_is_like_a_shutdown() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.take();
    stage.feed(Event::StopAsked).feed(Event::ChildExited(EXITED)).acknowledge_all();
    assert_eq!(stage.states(), [Killing, Killed]);
}

#[test]
fn a_lost_parent_ends_all_at_once() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.take();
    stage.feed(Event::ParentLost);
    assert_eq!(stage.take(), [Command::Exit { code: 0 }]);
    stage.feed(Event::ChildExited(EXITED)).feed(back()).wait(100_000);
    assert_eq!(stage.take(), [], "nothing after the exit");
}

#[test]
fn a_refusal_by_the_agent_ends_the_task_and_shows_in_the_exit_status() {
    let mut stage = Stage::up(ReadyBy::Exec);
    stage.feed(Event::AgentRefused { message: "unknown executor".to_owned() });
    assert!(stage.has(&Command::AskToEnd));
    stage.feed(Event::ChildExited(EXITED));
    assert_eq!(stage.exit_code(), Some(1));
}

#[test]
fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
    let ids = |seed: u8| -> Vec<_> {
        let mut stage = Stage::new(Config { seed: [seed; 32], ..Config::default() });
        stage.feed(Event::Started).feed(back());
        stage.feed(launch(ReadyBy::Exec)).feed(Event::FetchDone).feed(Event::Spawned);
        stage.updates().iter().map(|update| update.id).collect()
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
    assert_ne!(ids(1)[0], ids(1)[1]);
}

#[test]
fn ids_are_uuids_of_version_4_as_agents_check() {
    for bytes in [[0x00; 16], [0xff; 16]] {
        let UpdateId(id) = UpdateId::from_random(bytes);
        assert_eq!((id[6] >> 4, id[8] >> 6), (4, 2));
        assert_eq!((id[0], id[15]), (bytes[0], bytes[15]));
    }
    for update in Stage::up(ReadyBy::Exec).updates() {
        assert_eq!((update.id.0[6] >> 4, update.id.0[8] >> 6), (4, 2));
    }
}

#[test]
fn an_unreadable_launch_is_awaited_like_any_other_end() {
    let mut stage = Stage::subscribed();
    stage.feed(Event::LaunchArrived { task: task(), launch: Err("no JSON".to_owned()) });
    assert_eq!(stage.states(), [Error]);
    stage.wait(5_000);
    assert_eq!(stage.exit_code(), Some(0));
}
