//! Which instances are chosen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lathe_catalog::{Entry, GroupView, State};

use super::{Endpoint, Group, Groups, MOST};
use crate::server::Metrics;

fn entry(slot: u32, state: State) -> Entry {
    Entry {
        topology: "t".to_owned(),
        task: "a".to_owned(),
        slot,
        incarnation: format!("a#{slot}.1"),
        host: "h".to_owned(),
        address: "127.0.0.1".to_owned(),
        ports: BTreeMap::from([("http".to_owned(), 1000 + u16::try_from(slot).unwrap())]),
        tags: Vec::new(),
        crate_name: "c".to_owned(),
        version: "1.0.0".to_owned(),
        state,
        reason: None,
        since_ms: 0,
    }
}

fn view(history: &str, version: u64, entries: Vec<Entry>) -> GroupView {
    GroupView { group: "a".to_owned(), history: history.to_owned(), version, entries }
}

fn group(entries: Vec<Entry>) -> Group {
    let group = Group::new("a", Arc::new(Metrics::default()));
    group.take(view("h", 1, entries));
    group
}

fn ready(count: u32) -> Group {
    group((0..count).map(|slot| entry(slot, State::Ready)).collect())
}

fn spread(group: &Group, tried: &[Arc<Endpoint>]) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..3_000 {
        let chosen = group.pick(tried).unwrap();
        *counts.entry(chosen.incarnation.clone()).or_default() += 1;
    }
    counts
}

#[test]
fn only_what_is_ready_is_chosen() {
    let states = [State::Starting, State::Ready, State::Suspect, State::Draining, State::Gone];
    let group =
        group(states.into_iter().zip(0..).map(|(state, slot)| entry(slot, state)).collect());
    assert_eq!(spread(&group, &[]).into_keys().collect::<Vec<_>>(), ["a#1.1"]);
    assert_eq!(group.entries().len(), 5);
    assert!(ready(0).pick(&[]).is_none());
    assert!(Group::new("a", Arc::new(Metrics::default())).pick(&[]).is_none());
}

#[test]
fn a_suspect_is_better_than_nobody() {
    let two = |one, other| vec![entry(0, one), entry(1, other)];
    let group = group(two(State::Ready, State::Suspect));
    let first = group.pick(&[]).unwrap();
    assert_eq!((first.incarnation.as_str(), first.is_lost()), ("a#0.1", false));
    assert!(group.pick(std::slice::from_ref(&first)).is_none(), "one is ready");
    group.take(view("h", 2, two(State::Suspect, State::Suspect)));
    assert!(first.is_lost() && !group.has_other(&first));
    assert_eq!(spread(&group, &[]).len(), 2);
    group.take(view("h", 3, two(State::Ready, State::Draining)));
    let again = group.pick(&[]).unwrap();
    assert!(Arc::ptr_eq(&first, &again) && !first.is_lost(), "an endpoint that stays is the same");
}

#[test]
fn who_drains_is_not_lost_and_who_is_gone_is() {
    let group = ready(2);
    let all: Vec<_> = {
        let first = group.pick(&[]).unwrap();
        let second = group.pick(std::slice::from_ref(&first)).unwrap();
        vec![first, second]
    };
    let draining = all.iter().find(|end| end.incarnation == "a#1.1").unwrap();
    let gone = all.iter().find(|end| end.incarnation == "a#0.1").unwrap();
    assert!(group.has_other(gone) && group.hopes_until(Duration::ZERO).is_none());
    group.take(view("h", 2, vec![entry(1, State::Draining)]));
    assert!(!draining.is_lost() && gone.is_lost());
    assert!(group.hopes_until(Duration::ZERO).is_some(), "the last one went just now");
}

#[test]
fn equal_instances_are_chosen_about_as_often() {
    let counts = spread(&ready(3), &[]);
    // Ten standard deviations around 1,000.
    assert!(counts.values().all(|count| (740..1_260).contains(count)), "{counts:?}");
}

#[test]
fn the_busiest_of_all_is_never_chosen_by_two_choices() {
    let group = ready(3);
    let busy = group.pick(&[]).unwrap();
    busy.in_flight.store(9, Ordering::Relaxed);
    let counts = spread(&group, &[]);
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!(!counts.contains_key(&busy.incarnation));
}

#[test]
fn one_that_failed_is_left_out_unless_all_did() {
    let group = ready(2);
    let bad = group.pick(&[]).unwrap();
    bad.failed();
    assert!(!spread(&group, &[]).contains_key(&bad.incarnation));
    let good = group.pick(&[]).unwrap();
    good.failed();
    assert_eq!(spread(&group, &[]).len(), 2);
    good.succeeded();
    assert_eq!(
        spread(&group, &[]).into_keys().collect::<Vec<_>>(),
        std::slice::from_ref(&good.incarnation)
    );
    assert_eq!(spread(&group, std::slice::from_ref(&good)).len(), 1);
    assert!(group.pick(&[good, bad]).is_none());
}

#[test]
fn older_news_of_the_same_history_is_left_aside() {
    let group = ready(1);
    let before = group.pick(&[]).unwrap();
    group.take(view("h", 5, vec![entry(0, State::Ready), entry(1, State::Ready)]));
    group.take(view("h", 4, vec![]));
    assert_eq!((group.version(), group.entries().len()), (5, 2));
    let counts = spread(&group, std::slice::from_ref(&before));
    assert!(!counts.contains_key(&before.incarnation), "an endpoint that stays is the same");
    group.take(view("other", 1, vec![]));
    assert_eq!((group.version(), group.entries().len()), (1, 0));
}

#[test]
fn groups_are_bounded_and_settle_empty() {
    let groups = Groups::new(Arc::new(Metrics::default()));
    for number in 0..MOST + 5 {
        groups.get(&number.to_string());
    }
    assert_eq!(groups.names().len(), MOST);
    assert!(!groups.get("7").is_known());
    groups.settle(&["7".to_owned()]);
    assert!(groups.get("7").is_known());
    assert!(!groups.get("8").is_known());
}
