//! Hosts that do not answer, and how long each task is waited for.

use super::super::event::{Event, TaskState};
use super::super::ids::Incarnation;
use super::rig::{Rig, page};

fn unreachable(rig: &mut Rig, life: &str) {
    rig.step(Event::StatusArrived(rig.status(life, TaskState::Unreachable, None)));
    rig.write_all();
}

fn pass(rig: &mut Rig, ms: u64) {
    rig.now += ms;
    rig.step(Event::TimePassed);
    rig.settle_without_time();
}

fn counter(rig: &Rig) -> u64 {
    let id = "page#0.1".parse::<Incarnation>().unwrap().instance;
    rig.framework.record(&id).unwrap().counter
}

fn with(replace_after: &str) -> String {
    format!("{}unreachable = {{ replace_after = \"{replace_after}\" }}\n", page(1))
}

#[test]
fn a_task_out_of_reach_is_waited_for_as_long_as_it_says() {
    let mut rig = Rig::running(&with("1m"));
    unreachable(&mut rig, "page#0.1");
    pass(&mut rig, 59_000);
    assert_eq!(counter(&rig), 1);
    assert_eq!(rig.framework.next_deadline(), Some(rig.now + 1_000));
    assert!(rig.instances()[0].reason.as_deref().unwrap().ends_with("replaced when away for 1m"));
    pass(&mut rig, 1_000);
    assert_eq!(counter(&rig), 2);
}

#[test]
fn a_task_that_is_waited_for_without_end_is_replaced_when_its_host_is_given_up() {
    let mut rig = Rig::running(&with("never"));
    unreachable(&mut rig, "page#0.1");
    for _ in 0..20 {
        pass(&mut rig, 86_400_000);
    }
    assert_eq!(counter(&rig), 1);
    rig.end("page#0.1", TaskState::GoneByOperator);
    rig.settle_without_time();
    assert_eq!(counter(&rig), 2);
}

#[test]
fn one_of_which_nobody_knows_any_more_is_waited_for_as_well() {
    let mut rig = Rig::running(&with("never"));
    unreachable(&mut rig, "page#0.1");
    rig.step(Event::StatusArrived(rig.status("page#0.1", TaskState::Unknown, None)));
    pass(&mut rig, 86_400_000);
    assert_eq!(counter(&rig), 1);
}

#[test]
fn a_new_wait_holds_for_what_is_out_of_reach_already_and_restarts_nothing() {
    let mut rig = Rig::running(&with("never"));
    unreachable(&mut rig, "page#0.1");
    pass(&mut rig, 600_000);
    rig.submit(&with("5m"));
    rig.settle();
    assert_eq!(counter(&rig), 2);
    rig.seen.clear();
    rig.submit(&with("1h"));
    rig.settle();
    // The one that is out of reach is told to end, whether it hears it or not.
    assert!(rig.kills().iter().all(|life| life == "page#0.1"), "{:?}", rig.kills());
    assert_eq!(rig.accepted(), 0);
}

#[test]
fn without_a_word_of_its_own_a_task_is_waited_for_as_the_scheduler_is_told() {
    // The rig's scheduler waits for nothing.
    let mut rig = Rig::running(&page(1));
    unreachable(&mut rig, "page#0.1");
    rig.settle_without_time();
    assert_eq!(counter(&rig), 2);
}

#[test]
fn what_was_still_being_started_when_its_host_fell_silent_is_not_given_up_once_that_is_back() {
    let mut rig = Rig::running(&with("1m"));
    unreachable(&mut rig, "page#0.1");
    pass(&mut rig, 30_000);
    // Its agent is back, and no executor has said anything of it so far.
    rig.step(Event::StatusArrived(rig.status("page#0.1", TaskState::Staging, None)));
    rig.write_all();
    pass(&mut rig, 120_000);
    assert_eq!((counter(&rig), rig.instances()[0].state.as_str()), (1, "launching"));
}
