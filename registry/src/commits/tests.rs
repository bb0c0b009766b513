//! Tests of putting commits together.

use super::*;

fn entry(incarnation: &str) -> Node {
    Node { path: paths::entry(incarnation), content: None }
}

fn record(task: &str) -> Node {
    Node { path: paths::task(task), content: None }
}

fn committed(commit: u64, nodes: &[Node]) -> Option<Event> {
    Some(Event::Committed { commit, nodes: nodes.to_vec() })
}

#[test]
fn a_commit_is_whole_once_the_record_of_every_changed_entry_is_there() {
    let all = [entry("a#0.1"), entry("a#1.1"), entry("b.c#0.3"), record("a"), record("b.c")];
    let mut commits = Commits::default();
    for node in &all[..4] {
        assert_eq!(commits.add(5, node.clone()), None);
        assert_eq!(commits.take_whole(), None);
    }
    assert_eq!(commits.add(5, all[4].clone()), None);
    assert_eq!(commits.take_whole(), committed(5, &all));
    assert!(!commits.is_open());
}

#[test]
fn records_that_come_later_are_shown_by_themselves() {
    let mut commits = Commits::default();
    assert_eq!(commits.add(5, record("c")), None);
    assert_eq!(commits.take_whole(), committed(5, &[record("c")]));
    assert_eq!(commits.add(5, record("d")), None);
    assert_eq!(commits.take_whole(), committed(5, &[record("d")]));
}

#[test]
fn the_next_commit_ends_the_one_before() {
    let mut commits = Commits::default();
    assert_eq!(commits.add(5, entry("a#0.1")), None);
    assert_eq!(commits.add(6, entry("a#1.1")), committed(5, &[entry("a#0.1")]));
    assert!(commits.is_open());
    assert_eq!(commits.take(), committed(6, &[entry("a#1.1")]));
    assert_eq!(commits.take(), None);
}

#[test]
fn a_listing_replaces_what_was_open() {
    let mut commits = Commits::default();
    assert_eq!(commits.add(5, entry("a#0.1")), None);
    commits.clear();
    assert_eq!(commits.take(), None);
}
