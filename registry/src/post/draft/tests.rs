//! What goes into one write, and what is refused.

use std::collections::BTreeMap;

use lathe_catalog::board::{MESSAGES_MAX, VALUE_BYTES_MAX};
use lathe_catalog::{BoardError, Entry};
use lathe_coordination::Op;
use serde_json::json;

use super::*;
use crate::directory::{Content, Event, Limits, Node, Now};

/// A directory of a store that this test writes itself.
struct Rig {
    directory: Directory,
    commit: u64,
}

impl Rig {
    fn with(incarnations: &[(&str, State)]) -> Self {
        let nodes = incarnations.iter().map(|(incarnation, state)| {
            let task = incarnation.split_once('#').unwrap().0;
            let entry: Entry = serde_json::from_value(json!({
                "topology": "t", "task": task, "slot": 0, "incarnation": incarnation,
                "host": "h", "address": "127.0.0.1", "ports": {}, "tags": [task, "web"],
                "crate_name": "c", "version": "1.0.0", "state": state, "since_ms": 1,
            }))
            .unwrap();
            node(paths::entry(incarnation), text(&entry), 0, 1)
        });
        let mut rig =
            Self { directory: Directory::new("http://registry", Limits::default()), commit: 1 };
        let nodes = nodes.collect();
        rig.take(Event::Listed { history: "h".to_owned(), commit: 1, nodes });
        rig
    }

    fn take(&mut self, event: Event) {
        self.directory.step(Now::default(), event, &mut Vec::new());
    }

    /// Drafts, writes as a store would, and gives what became of the letters.
    fn write(&mut self, asked: &[Asked]) -> Vec<Result<Option<u64>, Refusal>> {
        let drafted = draft(&self.directory, asked, 7);
        self.commit += 1;
        let mut nodes = Vec::new();
        for op in drafted.ops {
            nodes.push(match op {
                Op::Create { path, data, .. } => {
                    assert_eq!(self.directory.version_of(&path), None, "{path}");
                    node(path, data.to_vec(), 0, self.commit)
                }
                Op::Set { path, data, expect } => {
                    assert_eq!(self.directory.version_of(&path), expect, "{path}");
                    node(path, data.to_vec(), expect.unwrap() + 1, self.commit)
                }
                Op::Delete { path, .. } => Node { path, content: None },
                other => panic!("{other:?}"),
            });
        }
        self.take(Event::Committed { commit: self.commit, nodes });
        drafted.outcomes
    }

    fn board(&self, group: &str) -> &Board {
        self.directory.catalog().board(group).unwrap()
    }
}

fn node(path: String, data: Vec<u8>, version: u64, commit: u64) -> Node {
    Node { path, content: Some(Content { data, version, commit }) }
}

fn send(group: &str, body: impl Into<Value>) -> Asked {
    Asked::Send { group: group.to_owned(), key: None, body: body.into() }
}

fn keep(group: &str, value: Option<Value>, seen: Option<Seen>) -> Asked {
    Asked::Keep { group: group.to_owned(), key: "k".to_owned(), value, seen }
}

fn ack(incarnation: &str, group: &str, number: u64) -> Asked {
    let groups = BTreeMap::from([(group.to_owned(), number)]);
    Asked::Acknowledge { incarnation: incarnation.to_owned(), groups }
}

#[test]
fn messages_that_come_together_are_one_write_and_keep_their_order() {
    let mut rig = Rig::with(&[("a#0.1", State::Ready), ("b#0.1", State::Starting)]);
    let outcomes = rig.write(&[send("web", 1), send("a", 2), send("web", 3)]);
    assert_eq!(outcomes, [Ok(Some(1)), Ok(Some(1)), Ok(Some(2))]);
    assert_eq!(rig.commit, 2);
    let web = rig.board("web");
    assert_eq!(web.messages.iter().map(|one| &one.body).collect::<Vec<_>>(), [1, 3]);
    let to = |group: &str| rig.board(group).messages[0].to.iter().collect::<Vec<_>>();
    assert_eq!((to("web"), to("a")), (vec!["a#0.1".into(), "b#0.1".into()], vec!["a#0.1".into()]));
    assert_eq!(rig.write(&[send("web", 4)]), [Ok(Some(3))]);
}

#[test]
fn those_who_are_about_to_end_are_not_among_the_members() {
    let mut rig = Rig::with(&[("a#0.1", State::Draining), ("b#0.1", State::Suspect)]);
    assert_eq!(rig.write(&[send("web", 1)]), [Ok(Some(1))]);
    assert_eq!(rig.board("web").messages[0].to.iter().collect::<Vec<_>>(), ["b#0.1"]);
    let outcomes = rig.write(&[send("a", 1), send("nobody", 1)]);
    let refused = [Err(Refusal::Board(BoardError::NobodyThere)), Err(Refusal::UnknownGroup)];
    assert_eq!(outcomes, refused);
}

#[test]
fn what_is_refused_takes_nothing_with_it() {
    let mut rig = Rig::with(&[("a#0.1", State::Ready)]);
    let large = "x".repeat(VALUE_BYTES_MAX);
    let outcomes = rig.write(&[send("a", 1), send("a", large), keep("a", Some(json!(2)), None)]);
    let too_large = Err(Refusal::Board(BoardError::ValueTooLarge(VALUE_BYTES_MAX + 2)));
    assert_eq!(outcomes, [Ok(Some(1)), too_large, Ok(None)]);
    let board = rig.board("a");
    assert_eq!((board.messages.len(), &board.metadata["k"]), (1, &json!(2)));
}

#[test]
fn a_value_is_written_if_what_was_seen_still_holds() {
    let mut rig = Rig::with(&[("a#0.1", State::Ready), ("a#1.1", State::Ready)]);
    let one = || Some(json!(1));
    assert_eq!(rig.write(&[keep("a", one(), Some(Seen::Present))]), [Err(Refusal::Changed)]);
    assert_eq!(rig.write(&[keep("a", one(), Some(Seen::Absent))]), [Ok(None)]);
    assert_eq!(rig.write(&[keep("a", one(), Some(Seen::Absent))]), [Err(Refusal::Changed)]);
    let seen = rig.directory.catalog().said_version("a");
    assert_eq!(rig.write(&[send("a", 1)]), [Ok(Some(1))]);
    let two = |seen| keep("a", Some(json!(2)), Some(Seen::Commit(seen)));
    assert_eq!(rig.write(&[two(seen)]), [Err(Refusal::Changed)]);
    let seen = rig.directory.catalog().said_version("a");
    // Acknowledgements are nothing that is said.
    assert_eq!(rig.write(&[ack("a#0.1", "a", 1)]), [Ok(None)]);
    assert_eq!(rig.write(&[two(seen), two(seen)]), [Ok(None), Err(Refusal::Changed)]);
    assert_eq!(rig.write(&[keep("a", None, Some(Seen::Present))]), [Ok(None)]);
    assert!(rig.board("a").metadata.is_empty());
}

#[test]
fn acknowledgements_are_of_what_was_sent_and_cost_a_write_only_when_they_are_new() {
    let mut rig = Rig::with(&[("a#0.1", State::Ready)]);
    rig.write(&[send("a", 1), send("web", 1), send("a", 2)]);
    let outcomes = rig.write(&[
        ack("a#0.1", "a", 1),
        ack("a#0.1", "web", 1),
        ack("a#0.1", "a", 3),
        ack("a#0.1", "nobody", 1),
        ack("a#0.2", "a", 1),
    ]);
    let never = |group: &str| Err(Refusal::NeverSent(group.to_owned()));
    let unknown = Err(Refusal::UnknownIncarnation);
    assert_eq!(outcomes, [Ok(None), Ok(None), never("a"), never("nobody"), unknown]);
    let acks = rig.directory.catalog().acks("a#0.1").unwrap();
    assert_eq!(acks.groups, BTreeMap::from([("a".to_owned(), 1), ("web".to_owned(), 1)]));
    assert!(draft(&rig.directory, &[ack("a#0.1", "a", 1)], 7).ops.is_empty());
}

#[test]
fn what_those_have_acknowledged_who_are_gone_is_cleared_when_no_message_names_them() {
    let mut rig = Rig::with(&[("a#0.1", State::Ready), ("a#1.1", State::Ready)]);
    rig.write(&[send("a", 1)]);
    rig.write(&[ack("a#0.1", "a", 1), ack("a#1.1", "a", 1)]);
    let gone = Node { path: paths::entry("a#0.1"), content: None };
    rig.commit += 1;
    rig.take(Event::Committed { commit: rig.commit, nodes: vec![gone] });
    for number in 2..=17 {
        assert_eq!(rig.write(&[send("a", number)]), [Ok(Some(number))]);
        assert!(rig.directory.catalog().acks("a#0.1").is_some());
        rig.write(&[ack("a#1.1", "a", number)]);
    }
    // The first message is let go of, and with it who had it.
    rig.write(&[send("a", 18)]);
    rig.write(&[send("a", 19)]);
    let catalog = rig.directory.catalog();
    assert!(catalog.acks("a#0.1").is_none() && catalog.acks("a#1.1").is_some());
}

#[test]
fn a_write_holds_no_more_than_a_store_takes() {
    let mut rig = Rig::with(&[("a#0.1", State::Ready), ("b#0.1", State::Ready)]);
    let body = "x".repeat(VALUE_BYTES_MAX - 2);
    let asked = vec![send("a", body); MESSAGES_MAX];
    let outcomes = rig.write(&asked);
    assert!((20..30).contains(&outcomes.len()), "{}", outcomes.len());
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(rig.write(&asked[outcomes.len()..])[0], Ok(Some(outcomes.len() as u64 + 1)));
}
