//! Whatever comes in whatever order: the promises about updates hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::supervisor::event::UpdateId;

/// One move of the outside; acknowledgements speak of the n-th update sent.
#[derive(Debug, Clone)]
enum Move {
    Feed(Event),
    Acknowledge(usize),
    Wait(u64),
}

fn any_task() -> impl Strategy<Value = TaskId> {
    prop_oneof![4 => Just(task()), 1 => Just(other_task())]
}

fn any_exit() -> impl Strategy<Value = Exit> {
    (prop::option::of(0..4_i32), prop::option::of(1..16_i32), any::<bool>())
        .prop_map(|(code, signal, out_of_memory)| Exit { code, signal, out_of_memory })
}

fn any_launch() -> impl Strategy<Value = Result<Launch, String>> {
    let ready_by = prop_oneof![Just(ReadyBy::Exec), Just(HANDSHAKE)];
    let health = prop_oneof![
        Just(Health::None),
        Just(Health::Beat { interval_ms: 1_000, timeout_ms: 10_000 }),
        (1..3_u32, 0..5_000_u64).prop_map(|(failures, grace_ms)| Health::Probe {
            interval_ms: 2_000,
            failures,
            grace_ms
        }),
    ];
    let good = (ready_by, 0..10_000_u64, health)
        .prop_map(|(ready_by, grace_ms, health)| Ok(Launch { ready_by, grace_ms, health }));
    prop_oneof![6 => good, 1 => Just(Err("unreadable".to_owned()))]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => Just(Event::Started),
        4 => any::<bool>().prop_map(|wants_killing| Event::Subscribed { wants_killing }),
        3 => Just(Event::Disconnected { reason: String::new() }),
        4 => (any_task(), any_launch())
            .prop_map(|(task, launch)| Event::LaunchArrived { task, launch }),
        4 => Just(Event::FetchDone),
        1 => any::<bool>().prop_map(|permanent| Event::FetchFailed(failure(permanent))),
        4 => Just(Event::Spawned),
        1 => any::<bool>().prop_map(|permanent| Event::SpawnFailed(failure(permanent))),
        3 => any::<bool>().prop_map(|beats| Event::ReadyHeard { beats }),
        1 => Just(Event::BeatHeard),
        2 => Just(Event::HealthPassed),
        2 => Just(Event::HealthFailed { message: "no".to_owned() }),
        2 => any_exit().prop_map(Event::ChildExited),
        2 => (any_task(), prop::option::of(0..20_000_u64))
            .prop_map(|(task, grace_ms)| Event::KillArrived { task, grace_ms }),
        1 => Just(Event::ShutdownArrived),
        1 => Just(Event::StopAsked),
        1 => Just(Event::AgentRefused { message: String::new() }),
        1 => (any_task(), any::<[u8; 16]>())
            .prop_map(|(task, id)| Event::Acknowledged { task, update: UpdateId(id) }),
        1 => Just(Event::TimePassed),
    ]
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => any_event().prop_map(Move::Feed),
        3 => (0..8_usize).prop_map(Move::Acknowledge),
        3 => (0..20_000_u64).prop_map(Move::Wait),
    ]
}

/// Plays the moves; gives back everything that was asked for, in order.
fn play(moves: &[Move]) -> Stage {
    let mut stage = Stage::new(Config::default());
    stage.feed(Event::Started).feed(Event::Subscribed { wants_killing: true });
    for one in moves {
        match one {
            Move::Feed(event) => drop(stage.feed(event.clone())),
            Move::Wait(ms) => drop(stage.wait(*ms)),
            Move::Acknowledge(number) => {
                if let Some(update) = stage.updates().get(*number).cloned() {
                    stage.feed(Event::Acknowledged { task: update.task, update: update.id });
                }
            }
        }
    }
    stage
}

/// Every update ever told, by task, in the order in which it was first told.
fn told(stage: &Stage) -> BTreeMap<TaskId, Vec<Update>> {
    let mut by_task: BTreeMap<TaskId, Vec<Update>> = BTreeMap::new();
    let mut note = |update: &Update| {
        let known = by_task.entry(update.task.clone()).or_default();
        if !known.iter().any(|other| other.id == update.id) {
            known.push(update.clone());
        }
    };
    for command in &stage.commands {
        match command {
            Command::SendUpdate(update) => note(update),
            Command::Subscribe { updates, .. } => updates.iter().for_each(&mut note),
            _ => {}
        }
    }
    by_task
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn updates_make_sense_in_any_order_of_events(moves in prop::collection::vec(any_move(), 0..60)) {
        let stage = play(&moves);
        for (task, updates) in told(&stage) {
            let states: Vec<_> = updates.iter().map(|update| update.state).collect();
            let terminal = states.iter().filter(|state| state.is_terminal()).count();
            prop_assert!(terminal <= 1, "{task}: {states:?}");
            if terminal == 1 {
                prop_assert!(states.last().unwrap().is_terminal(), "{task}: {states:?}");
            }
            let running = states.iter().position(|state| *state == TaskState::Running);
            let starting = states.iter().position(|state| *state == TaskState::Starting);
            if let Some(running) = running {
                prop_assert!(starting.is_some_and(|at| at < running), "{task}: {states:?}");
            }
            for state in [TaskState::Starting, TaskState::Running, TaskState::Killing] {
                prop_assert!(states.iter().filter(|known| **known == state).count() <= 1);
            }
        }
    }

    #[test]
    fn one_task_is_fetched_and_started_at_most_once(
        moves in prop::collection::vec(any_move(), 0..60)
    ) {
        let stage = play(&moves);
        let [mut fetches, mut spawns, mut exits] = [0; 3];
        for command in &stage.commands {
            prop_assert_eq!(exits, 0, "nothing after the exit");
            match command {
                Command::Fetch { .. } => fetches += 1,
                Command::Spawn { .. } => spawns += 1,
                Command::Exit { .. } => exits += 1,
                _ => {}
            }
        }
        prop_assert!(fetches <= 1 && spawns <= fetches, "{} fetches, {} spawns", fetches, spawns);
    }

    #[test]
    fn after_a_shutdown_the_executor_always_leaves(
        moves in prop::collection::vec(any_move(), 0..60)
    ) {
        let mut stage = play(&moves);
        stage.feed(Event::ShutdownArrived).wait(20_000);
        prop_assert!(stage.exit_code().is_some());
        prop_assert_eq!(stage.machine.next_deadline(), None);
    }

    #[test]
    fn the_same_moves_give_the_same_commands(moves in prop::collection::vec(any_move(), 0..40)) {
        prop_assert_eq!(play(&moves).commands, play(&moves).commands);
    }
}
