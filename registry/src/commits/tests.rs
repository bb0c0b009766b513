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

fn together(commits: &[(u64, &[Node])]) -> Option<Event> {
    let commits = commits.iter().map(|(commit, nodes)| (*commit, nodes.to_vec())).collect();
    Some(Event::CommittedTogether { commits })
}

#[test]
fn a_commit_is_whole_once_the_record_of_every_changed_entry_is_there() {
    let all = [entry("a#0.1"), entry("a#1.1"), entry("b.c#0.3"), record("a"), record("b.c")];
    let mut commits = Commits::default();
    for node in &all[..4] {
        commits.add(5, node.clone());
        assert_eq!(commits.take_whole(), None);
    }
    commits.add(5, all[4].clone());
    assert_eq!(commits.take_whole(), committed(5, &all));
    assert_eq!(commits.first(), None);
}

#[test]
fn records_that_come_later_are_shown_by_themselves() {
    let mut commits = Commits::default();
    commits.add(5, record("c"));
    assert_eq!(commits.take_whole(), committed(5, &[record("c")]));
    commits.add(5, record("d"));
    assert_eq!(commits.take_whole(), committed(5, &[record("d")]));
}

#[test]
fn a_commit_that_is_whole_does_not_wait_for_the_one_behind_it() {
    let mut commits = Commits::default();
    commits.add(5, entry("a#0.1"));
    commits.add(5, record("a"));
    commits.add(6, entry("a#0.1"));
    assert_eq!(commits.take_whole(), committed(5, &[entry("a#0.1"), record("a")]));
    assert_eq!(commits.first(), Some(6));
    commits.add(6, record("a"));
    assert_eq!(commits.take_whole(), committed(6, &[entry("a#0.1"), record("a")]));
}

#[test]
fn what_was_told_as_the_sum_of_several_commits_is_shown_in_one_step() {
    let mut commits = Commits::default();
    commits.add(4, record("c"));
    commits.add(5, entry("a#0.1"));
    commits.add(6, entry("a#1.1"));
    commits.add(6, entry("b#0.1"));
    // The record that was written with 5 was written again, and so was that of b.
    commits.add(6, record("a"));
    assert_eq!(commits.take_whole(), committed(4, &[record("c")]));
    commits.add(7, record("b"));
    commits.add(8, entry("c#0.1"));
    let six = [entry("a#1.1"), entry("b#0.1"), record("a")];
    let whole = together(&[(5, &[entry("a#0.1")]), (6, &six), (7, &[record("b")])]);
    assert_eq!(commits.take_whole(), whole);
    assert_eq!(commits.first(), Some(8));
}

#[test]
fn what_never_gets_whole_is_given_as_it_is() {
    let mut commits = Commits::default();
    commits.add(5, entry("a#0.1"));
    commits.add(6, entry("a#1.1"));
    assert_eq!(commits.take_whole(), None);
    assert_eq!(commits.take(), together(&[(5, &[entry("a#0.1")]), (6, &[entry("a#1.1")])]));
    assert_eq!(commits.take(), None);
}

#[test]
fn a_listing_replaces_what_was_open() {
    let mut commits = Commits::default();
    commits.add(5, entry("a#0.1"));
    commits.clear();
    assert_eq!(commits.take(), None);
}
