//! One slot: what is seen of it, and what somebody else has seen.

use std::collections::BTreeMap;

use super::*;

fn entry(life: u64, state: State) -> Entry {
    Entry {
        topology: "site".to_owned(),
        task: "page".to_owned(),
        slot: 0,
        incarnation: format!("page#0.{life}"),
        host: "h".to_owned(),
        address: "127.0.0.1".to_owned(),
        ports: BTreeMap::new(),
        tags: Vec::new(),
        crate_name: "c".to_owned(),
        version: "1".to_owned(),
        state,
        reason: None,
        since_ms: 7,
    }
}

fn names(steps: &[Step]) -> Vec<&'static str> {
    let name = |step: &Step| match step {
        Step::Started(_) => "started",
        Step::Unhealthy(_) => "unhealthy",
        Step::Died(_) => "died",
    };
    steps.iter().map(name).collect()
}

#[test]
fn each_thing_is_a_step_once() {
    let mut slot = Slot::default();
    let mut seen = Vec::new();
    let states = [
        (State::Starting, vec![]),
        (State::Ready, vec!["started"]),
        (State::Ready, vec![]),
        (State::Suspect, vec!["unhealthy"]),
        (State::Suspect, vec![]),
        (State::Ready, vec![]),
        (State::Suspect, vec!["unhealthy"]),
        (State::Draining, vec![]),
        (State::Gone, vec!["died"]),
    ];
    for (at, (state, expected)) in (1..).zip(states) {
        let steps = slot.show(1, &entry(1, state), at);
        assert_eq!(names(&steps), expected, "at {at}");
        seen.extend(steps);
    }
    assert_eq!(slot.end(1, 9), None);
    let Some(Step::Died(last)) = seen.last() else { panic!("{seen:?}") };
    assert!(last.ready && last.draining);
}

#[test]
fn what_is_old_changes_nothing() {
    let mut slot = Slot::default();
    let _ = slot.show(1, &entry(1, State::Ready), 5);
    let _ = slot.end(1, 8);
    let over = slot.clone();
    assert_eq!(slot.show(1, &entry(1, State::Ready), 5), []);
    assert_eq!(slot, over);
    assert!(slot.is_over(1, 8) && !slot.is_over(1, 9) && !slot.is_over(2, 1));
}

#[test]
fn two_lives_of_a_slot_are_told_apart() {
    let mut slot = Slot::default();
    let _ = slot.show(1, &entry(1, State::Ready), 1);
    assert_eq!(names(&slot.show(2, &entry(2, State::Ready), 2)), ["started"]);
    let died = slot.end(1, 3);
    assert_eq!(names(died.as_slice()), ["died"]);
    assert_eq!(slot.lives.keys().collect::<Vec<_>>(), [&2]);
}

#[test]
fn what_another_has_seen_the_end_of_is_over_and_what_it_did_not_see_is_not() {
    let mut own = Slot::default();
    for life in 1..=3 {
        let _ = own.show(life, &entry(life, State::Ready), life);
    }
    // The other one came when the second was over already.
    let mut other = Slot::default();
    let _ = other.show(1, &entry(1, State::Ready), 1);
    let _ = other.show(3, &entry(3, State::Ready), 3);
    let _ = other.end(1, 9);
    assert_eq!(other.unseen, BTreeSet::from([2]));
    assert!(!other.is_over(2, 2));
    own.absorb(&other, |_| None, |_| false);
    assert_eq!(own.lives.keys().collect::<Vec<_>>(), [&2, &3]);
    assert_eq!(own.unseen, BTreeSet::new());
}

#[test]
fn what_ended_here_does_not_come_back_by_another_who_has_not_heard_of_it() {
    let mut own = Slot::default();
    let _ = own.show(1, &entry(1, State::Ready), 1);
    let other = own.clone();
    let _ = own.end(1, 2);
    own.absorb(&other, |_| None, |life| life == 1);
    assert!(own.lives.is_empty());
    own.absorb(&other, |_| None, |_| false);
    assert_eq!(own.lives.len(), 1, "its end was not seen here");
}

#[test]
fn lives_that_nobody_saw_are_remembered_within_bounds() {
    let mut slot = Slot::default();
    let _ = slot.show(1000, &entry(1000, State::Ready), 1);
    assert!(slot.unseen.len() <= 16, "{:?}", slot.unseen);
    assert!(slot.unseen.contains(&999));
}

#[test]
fn a_task_says_what_is_another_one() {
    let record = |version: &str, removed: bool| TaskRecord {
        topology: "site".to_owned(),
        task: "page".to_owned(),
        groups: vec!["page".to_owned()],
        own: serde_json::Map::new(),
        crate_name: "c".to_owned(),
        version: version.to_owned(),
        removed,
        touched: 0,
    };
    let first = Task::of(&record("1", false), 1);
    assert_eq!(first.differs(None), [Part::Added]);
    let same = Task::of(&TaskRecord { touched: 9, ..record("1", false) }, 2);
    assert_eq!(same.differs(Some(&first)), []);
    let mut other = record("2", false);
    other.groups.push("net".to_owned());
    other.own.insert("color".to_owned(), "blue".into());
    let other = Task::of(&other, 3);
    assert_eq!(other.differs(Some(&first)), [Part::Version, Part::Keys, Part::Tags]);
    let removed = Task::of(&record("2", true), 4);
    assert_eq!(removed.differs(Some(&other)), [Part::Removed]);
    assert_eq!(removed.differs(None), []);
    assert_eq!(first.differs(Some(&removed)), [Part::Added]);
}
