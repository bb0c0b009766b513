//! Who is released, when, and who is not.

use lathe_catalog::State;

use super::*;
use crate::directory::tests::{Rig, written};
use crate::directory::{Event, Limits};

impl Rig {
    fn wait(&mut self, id: u64, wish: Wish, history: &str, commit: u64) {
        let seen = Resume { history: history.to_owned(), commit };
        self.take(Event::Awaited { watcher: WatcherId(id), wish, seen });
    }

    fn released(&mut self) -> Vec<u64> {
        let commands = std::mem::take(&mut self.commands).into_iter();
        let released = commands.filter_map(|command| match command {
            Command::Release { watcher } => Some(watcher.0),
            _ => None,
        });
        released.collect()
    }
}

fn group(name: &str) -> Wish {
    Wish::Group(name.to_owned())
}

#[test]
fn who_waits_is_released_by_a_change_of_the_content_and_by_nothing_else() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.wait(1, group("a"), "h", 1);
    rig.wait(2, group("b"), "h", 1);
    rig.wait(3, group("web"), "h", 1);
    // The same again, and time that passes.
    rig.put("a#0.1", State::Ready);
    rig.until(5_000);
    assert!(rig.released().is_empty());
    rig.put("a#0.1", State::Draining);
    assert_eq!(rig.released(), [1, 3]);
    rig.put("b#0.1", State::Ready);
    assert_eq!(rig.released(), [2]);
    assert_eq!(rig.machine.counts().watchers, 0);
}

#[test]
fn who_has_seen_something_else_is_released_at_once() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.wait(1, group("a"), "h", 0);
    rig.wait(2, group("a"), "another", 9);
    assert_eq!(rig.released(), [1, 2]);
    // Its version has moved since, its content has not.
    rig.put("a#0.1", State::Ready);
    rig.wait(3, group("a"), "h", 1);
    rig.wait(4, group("nobody"), "h", 0);
    assert!(rig.released().is_empty());
}

#[test]
fn who_has_seen_more_than_is_known_waits_until_that_is_known_and_has_changed() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.wait(1, group("a"), "h", 3);
    rig.put("a#0.1", State::Draining);
    rig.put("a#0.1", State::Ready);
    assert!(rig.released().is_empty());
    rig.put("a#0.1", State::Draining);
    assert_eq!(rig.released(), [1]);
}

#[test]
fn own_keys_release_those_who_wait_for_them() {
    let mut rig = Rig::new();
    rig.commit = 97;
    rig.put("a#0.1", State::Ready);
    rig.wait(1, Wish::Config("a".to_owned()), "h", 98);
    rig.put("a#0.1", State::Draining);
    assert!(rig.released().is_empty());
    rig.put("a#0.1", State::Draining);
    assert_eq!(rig.released(), [1]);
}

#[test]
fn a_commit_is_waited_for_until_it_is_there() {
    let mut rig = Rig::new();
    for (id, commit) in [(1, 0), (2, 2), (3, 3)] {
        rig.wait(id, Wish::Commit, "h", commit);
    }
    assert_eq!(rig.released(), [1]);
    rig.put("a#0.1", State::Ready);
    assert!(rig.released().is_empty());
    rig.put("b#0.1", State::Ready);
    assert_eq!(rig.released(), [2]);
    rig.list("h", 7, written(7, "b#0.1", State::Ready));
    assert_eq!(rig.released(), [3]);
}

#[test]
fn another_history_releases_everybody() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.wait(1, group("a"), "h", 1);
    rig.wait(2, Wish::Commit, "h", 9);
    rig.list("i", 1, written(1, "a#0.1", State::Ready));
    assert_eq!(rig.released(), [1, 2]);
}

#[test]
fn waits_and_streams_share_their_limit_and_leave_places() {
    let mut rig = Rig::with(Limits { watchers_max: 2, ..Limits::default() });
    rig.wait(1, group("a"), "h", 0);
    rig.watch(2, &["a"], None);
    rig.commands.clear();
    rig.wait(3, group("a"), "h", 0);
    assert!(rig.commands.contains(&Command::Close { watcher: WatcherId(3), why: Why::Full }));
    rig.take(Event::Left { watcher: WatcherId(1) });
    rig.commands.clear();
    rig.wait(4, group("a"), "h", 0);
    assert_eq!(rig.machine.counts().watchers, 2);
    rig.put("a#0.1", State::Ready);
    assert_eq!(rig.released(), [4]);
    rig.wait(5, group("a"), "h", 1);
    rig.take(Event::Ending);
    assert!(rig.commands.contains(&Command::Close { watcher: WatcherId(5), why: Why::Ending }));
}
