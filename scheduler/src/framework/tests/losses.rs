//! Many hosts that fall out of reach at once.

use super::super::Framework;
use super::super::command::Answer;
use super::super::event::{Event, Question, TaskState};
use super::super::records::Recovered;
use super::rig::{Rig, page};

/// One on each of so many hosts, replaced after a minute out of reach.
fn one_on_each(hosts: u32) -> Rig {
    let mut rig = Rig::connected(usize::try_from(hosts).unwrap());
    let keys = "tags = [\"apart\"]\nbiases = [[\"apart\", \"avoid\"]]\n\
                unreachable = { replace_after = \"1m\" }\n";
    rig.submit(&format!("{}{keys}", page(hosts)));
    rig.settle();
    assert!(rig.instances().iter().all(|one| one.state == "ready"));
    rig.seen.clear();
    rig
}

fn lose(rig: &mut Rig, slots: std::ops::Range<u32>) {
    for slot in slots {
        let status = rig.status(&format!("page#{slot}.1"), TaskState::Unreachable, None);
        rig.step(Event::StatusArrived(status));
        rig.write_all();
    }
}

fn pass(rig: &mut Rig, ms: u64) {
    rig.now += ms;
    rig.step(Event::TimePassed);
    rig.settle();
}

fn held(rig: &Rig) -> usize {
    rig.framework.counts().losses_held
}

#[test]
fn what_many_hosts_had_is_not_replaced_while_they_are_away_at_once() {
    let mut rig = one_on_each(6);
    lose(&mut rig, 0..3);
    assert_eq!(held(&rig), 3);
    pass(&mut rig, 600_000);
    assert_eq!(rig.accepted(), 0);
    let status = rig.framework.status();
    let waits = status.scheduler.waiting_for.unwrap();
    assert_eq!(waits, "3 of 6 hosts, which went at once");
    let reason = status.instances[0].reason.clone().unwrap();
    assert!(reason.ends_with("waited for, since many hosts went at once"), "{reason}");
    // What ends on a host that answers is started again all the while.
    rig.end("page#5.1", TaskState::Failed);
    rig.settle();
    assert_eq!(rig.accepted(), 1);
}

#[test]
fn a_launch_that_the_master_drops_says_nothing_of_a_host_that_is_away() {
    // Two on each host: of the first host, one is out of reach and the other was never begun.
    let mut rig = Rig::connected(6);
    let keys = "tags = [\"apart\"]\nbiases = [[\"apart\", \"avoid\"]]\n";
    rig.submit(&format!("{}{keys}", page(12)));
    rig.settle();
    let hosts: Vec<_> = rig.instances().iter().map(|one| one.host.clone()).collect();
    let mut away = std::collections::BTreeMap::new();
    for slot in (1..12_u32).filter(|slot| hosts[*slot as usize] == hosts[0]).chain(1..12) {
        away.entry(hosts[slot as usize].clone()).or_insert(slot);
    }
    let first = away.remove(&hosts[0]).unwrap();
    for slot in std::iter::once(first).chain(away.into_values().take(2)) {
        lose(&mut rig, slot..slot + 1);
    }
    assert_eq!(held(&rig), 3);
    rig.end("page#0.1", TaskState::Dropped);
    assert_eq!(held(&rig), 3);
}

#[test]
fn fewer_than_three_hosts_hold_nothing_up() {
    let mut rig = one_on_each(3);
    lose(&mut rig, 0..2);
    assert_eq!(held(&rig), 0);
    pass(&mut rig, 60_000);
    assert_eq!(rig.accepted(), 2);
}

#[test]
fn three_of_many_hold_nothing_up() {
    let mut rig = one_on_each(11);
    lose(&mut rig, 0..3);
    assert_eq!(held(&rig), 0);
    lose(&mut rig, 3..4);
    assert_eq!(held(&rig), 4, "of eleven");
}

#[test]
fn hosts_that_are_lost_one_after_another_hold_nothing_up() {
    let mut rig = one_on_each(6);
    for slot in 0..3 {
        lose(&mut rig, slot..slot + 1);
        pass(&mut rig, 200_000);
    }
    assert_eq!(held(&rig), 0);
    assert_eq!(rig.accepted(), 3);
}

#[test]
fn when_enough_are_back_the_others_are_replaced_by_themselves() {
    let mut rig = one_on_each(6);
    lose(&mut rig, 0..3);
    pass(&mut rig, 600_000);
    let back = rig.status("page#1.1", TaskState::Running, None);
    rig.step(Event::StatusArrived(back));
    rig.settle();
    assert_eq!(held(&rig), 0);
    assert_eq!(rig.accepted(), 2);
}

#[test]
fn what_an_operator_gives_up_is_replaced_at_once() {
    let mut rig = one_on_each(8);
    lose(&mut rig, 0..4);
    rig.end("page#0.1", TaskState::GoneByOperator);
    rig.settle();
    assert_eq!((held(&rig), rig.accepted()), (3, 1));
}

#[test]
fn after_a_bounded_time_all_is_replaced() {
    let mut rig = one_on_each(6);
    lose(&mut rig, 0..3);
    assert_eq!(rig.accepted(), 0);
    pass(&mut rig, 30 * 60_000);
    assert_eq!((held(&rig), rig.accepted()), (0, 3));
    // The same three are not held against a fourth that goes later.
    pass(&mut rig, 600_000);
    lose(&mut rig, 3..4);
    assert_eq!(held(&rig), 0);
}

fn confirmed(rig: &mut Rig) -> usize {
    rig.ask(Question::ConfirmLosses);
    rig.settle();
    let mut answers = rig.answers.iter().filter_map(|answer| match answer {
        Answer::LossesConfirmed { hosts } => Some(hosts.len()),
        _ => None,
    });
    answers.next_back().expect("an answer")
}

#[test]
fn what_somebody_says_is_lost_for_good_is_replaced_at_once() {
    let mut rig = one_on_each(6);
    lose(&mut rig, 0..3);
    pass(&mut rig, 600_000);
    let shown = rig.framework.status().scheduler.losses.expect("they are shown");
    assert_eq!((shown.hosts.len(), shown.of), (3, 6));
    assert_eq!(rig.accepted(), 0);
    assert_eq!(confirmed(&mut rig), 3);
    assert_eq!((held(&rig), rig.accepted()), (0, 3));
    assert_eq!(rig.framework.status().scheduler.losses, None);
}

#[test]
fn a_confirmation_where_nothing_is_held_changes_nothing() {
    let mut rig = one_on_each(6);
    lose(&mut rig, 0..2);
    let writes = rig.writes_seen;
    assert_eq!(confirmed(&mut rig), 0);
    assert_eq!(rig.writes_seen, writes);
    // So that a third loss is held as ever.
    lose(&mut rig, 2..3);
    assert_eq!(held(&rig), 3);
}

#[test]
fn what_was_confirmed_is_not_held_by_the_next_leader() {
    let mut rig = one_on_each(6);
    lose(&mut rig, 0..3);
    let confirmed_ms = rig.now;
    for (losses_confirmed_ms, holds) in [(0, 3), (confirmed_ms, 0)] {
        let recovered = Recovered {
            term: 2,
            losses_confirmed_ms,
            instances: rig.framework.instances.values().cloned().collect(),
            ..Recovered::default()
        };
        let mut next = Framework::new(rig.framework.config.clone());
        next.step(rig.now, Event::Recovered(recovered), &mut Vec::new());
        assert_eq!(next.counts().losses_held, holds);
    }
}
