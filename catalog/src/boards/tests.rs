//! Versions, and who has what.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::board::Audience;
use crate::{Acks, Board, Catalog, Change, Entry, Receipt, State};

fn entry(incarnation: &str) -> Change {
    let task = incarnation.split_once('#').unwrap().0;
    let entry = Entry {
        topology: "t".to_owned(),
        task: task.to_owned(),
        slot: 0,
        incarnation: incarnation.to_owned(),
        host: "host-1".to_owned(),
        address: "127.0.0.1".to_owned(),
        ports: BTreeMap::new(),
        tags: vec!["web".to_owned()],
        crate_name: "c".to_owned(),
        version: "1.0.0".to_owned(),
        state: State::Ready,
        reason: None,
        since_ms: 5,
    };
    Change::Entry { incarnation: incarnation.to_owned(), entry: Some(Box::new(entry)) }
}

fn board(board: &Board) -> Change {
    Change::Board { group: board.group.clone(), board: Some(Box::new(board.clone())) }
}

fn acks(incarnation: &str, group: &str, number: u64) -> Change {
    let incarnation = incarnation.to_owned();
    let groups = BTreeMap::from([(group.to_owned(), number)]);
    let acks = Acks { incarnation: incarnation.clone(), groups };
    Change::Acks { incarnation, acks: Some(Box::new(acks)) }
}

fn said(group: &str, to: &[&str]) -> Board {
    let mut board = Board::new(group);
    let to: Audience = to.iter().copied().collect();
    board.send((json!("hello"), None, to), 1, |_| false).unwrap();
    board
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_board_has_the_version_of_its_last_change_or_acknowledgement() {
    let mut catalog = Catalog::default();
    catalog.load("h", 1, vec![(1, entry("a#0.1")), (1, entry("a#1.1"))]).unwrap();
    let message = said("web", &["a#0.1", "a#1.1"]);
    assert_eq!(catalog.apply(2, vec![board(&message)]).boards, names(&["web"]));
    assert_eq!((catalog.said_version("web"), catalog.board_changed("web")), (2, 2));
    // The same again tells nobody anything.
    assert!(catalog.apply(3, vec![board(&message)]).is_empty());
    assert_eq!(catalog.apply(4, vec![acks("a#0.1", "web", 1)]).boards, names(&["web"]));
    assert_eq!((catalog.said_version("web"), catalog.board_changed("web")), (4, 2));
    assert!(catalog.apply(5, vec![acks("a#0.1", "web", 1)]).is_empty());
    // That of somebody who is gone is cleared away.
    let cleared = Change::Acks { incarnation: "a#0.1".to_owned(), acks: None };
    assert!(catalog.apply(6, vec![cleared]).is_empty());
    assert_eq!((catalog.said_version("web"), catalog.said_version("never")), (4, 0));
    let gone = Change::Entry { incarnation: "a#1.1".to_owned(), entry: None };
    catalog.apply(7, vec![gone]);
    assert_eq!((catalog.said_version("web"), catalog.board_changed("web")), (7, 2));
}

#[test]
fn a_receipt_is_of_one_member_and_one_message() {
    let mut catalog = Catalog::default();
    let all = ["a#0.1", "a#1.1", "a#2.1"];
    catalog.load("h", 1, all.map(|one| (1, entry(one))).into()).unwrap();
    let message = said("web", &all);
    catalog.apply(2, vec![board(&message), acks("a#0.1", "web", 1), acks("a#1.1", "other", 7)]);
    let gone = Change::Entry { incarnation: "a#2.1".to_owned(), entry: None };
    catalog.apply(3, vec![gone]);
    let first = &message.messages[0];
    let receipts = all.map(|one| catalog.receipt("web", first, one));
    assert_eq!(receipts, [Receipt::Acknowledged, Receipt::Waiting, Receipt::Gone]);
    assert!(!catalog.is_done("web", first));
    catalog.apply(4, vec![acks("a#1.1", "web", 1)]);
    assert!(catalog.is_done("web", first));
}

#[test]
fn a_listing_tells_what_changed_meanwhile_and_versions_never_go_back() {
    let mut catalog = Catalog::default();
    let first = vec![
        (1, entry("a#0.1")),
        (2, board(&said("one", &["a#0.1"]))),
        (3, board(&said("two", &["a#0.1"]))),
        (4, board(&said("three", &["a#0.1"]))),
        (5, acks("a#0.1", "one", 1)),
    ];
    catalog.load("h", 9, first.clone()).unwrap();
    let same = catalog.load("h", 10, first.clone()).unwrap();
    assert!(same.boards.is_empty(), "{same:?}");
    // One was acknowledged further, one was removed, one stays.
    let mut next = vec![first[0].clone(), first[1].clone(), first[2].clone()];
    next.push((12, acks("a#0.1", "two", 1)));
    let applied = catalog.load("h", 20, next).unwrap();
    assert_eq!(applied.boards, names(&["three", "two"]));
    let versions = ["one", "two", "three"].map(|group| catalog.said_version(group));
    assert_eq!(versions, [5, 12, 20]);
    // Another life of the store: everything is told.
    let other = catalog.load("i", 3, vec![(2, board(&said("one", &["a#0.1"])))]).unwrap();
    assert_eq!(other.boards, names(&["one"]));
    assert_eq!(catalog.said_version("one"), 2);
}
