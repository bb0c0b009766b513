//! Tests of the registry's machine: what it sends, what it writes, what it bounds.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Beat, Entry, GroupView, State, TaskRecord, paths};
use serde_json::json;

use super::*;

mod beats;
mod follow;
mod mail;
mod properties;
mod sharing;

/// The registry that the machine belongs to.
pub(super) const OWN: &str = "http://a";

fn at(ms: u64) -> Now {
    Now { ms, unix_ms: 1_700_000_000_000 + ms }
}

fn entry(incarnation: &str, state: State) -> Entry {
    let task = incarnation.split_once('#').map_or(incarnation, |(task, _)| task);
    serde_json::from_value(json!({
        "topology": "t", "task": task, "slot": 0, "incarnation": incarnation, "host": "h",
        "address": "127.0.0.1", "ports": { "http": 31000 }, "tags": [task, "web"],
        "crate_name": "c", "version": "1.0.0", "state": state, "since_ms": 1,
    }))
    .unwrap()
}

fn record(task: &str, touched: u64) -> TaskRecord {
    serde_json::from_value(json!({
        "topology": "t", "task": task, "groups": [task, "web"], "own": { "k": touched / 100 },
        "crate_name": "c", "version": "1.0.0", "touched": touched,
    }))
    .unwrap()
}

fn node(path: String, data: Vec<u8>, version: u64, commit: u64) -> Node {
    Node { path, content: Some(Content { data, version, commit }) }
}

/// An entry and its task's record, as one commit of the framework leaves them.
pub(super) fn written(commit: u64, incarnation: &str, state: State) -> Vec<Node> {
    let entry = entry(incarnation, state);
    let record = record(&entry.task, commit);
    vec![
        node(paths::entry(incarnation), serde_json::to_vec(&entry).unwrap(), commit, commit),
        node(paths::task(&entry.task), serde_json::to_vec(&record).unwrap(), commit, commit),
    ]
}

/// A machine with its commands, and shortcuts for what happens to it.
pub(super) struct Rig {
    pub(super) machine: Directory,
    pub(super) commands: Vec<Command>,
    ms: u64,
    pub(super) commit: u64,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        let mut rig =
            Self { machine: Directory::new(OWN, limits), commands: Vec::new(), ms: 0, commit: 0 };
        rig.list("h", 0, Vec::new());
        rig.registries(&[OWN]);
        rig.commands.clear();
        rig
    }

    pub(super) fn take(&mut self, event: Event) {
        self.machine.step(at(self.ms), event, &mut self.commands);
    }

    pub(super) fn list(&mut self, history: &str, commit: u64, nodes: Vec<Node>) {
        self.commit = commit;
        self.take(Event::Listed { history: history.to_owned(), commit, nodes });
    }

    /// The store lists these.
    pub(super) fn registries(&mut self, urls: &[&str]) {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        self.take(Event::RegistriesListed { urls });
    }

    pub(super) fn put(&mut self, incarnation: &str, state: State) {
        self.commit += 1;
        let nodes = written(self.commit, incarnation, state);
        self.take(Event::Committed { commit: self.commit, nodes });
    }

    pub(super) fn watch(&mut self, id: u64, groups: &[&str], resume: Option<(&str, u64)>) {
        self.take(Event::Subscribed {
            watcher: WatcherId(id),
            selection: Selection {
                groups: names(groups),
                configs: BTreeSet::new(),
                member: None,
                signed: false,
            },
            resume: resume.map(|(history, commit)| Resume { history: history.to_owned(), commit }),
        });
    }

    fn drained(&mut self, id: u64) {
        self.take(Event::Drained { watcher: WatcherId(id) });
    }

    /// Time passes as it does under a driver: each wake-up that was asked for comes.
    pub(super) fn until(&mut self, ms: u64) {
        while self.ms < ms {
            self.ms = (self.ms + 250).min(ms);
            self.take(Event::Woken);
        }
    }

    fn beat(&mut self, incarnation: &str) {
        self.say(incarnation, None);
    }

    fn say(&mut self, incarnation: &str, failing: Option<&str>) {
        let beat = Beat { state: State::Ready, failing: failing.map(str::to_owned) };
        self.take(Event::Beaten { incarnation: incarnation.to_owned(), beat });
    }

    fn sent(&mut self) -> Vec<(u64, Batch)> {
        let sent = std::mem::take(&mut self.commands).into_iter();
        sent.filter_map(|command| match command {
            Command::Send { watcher, batch } => Some((watcher.0, batch)),
            _ => None,
        })
        .collect()
    }

    fn writes(&mut self) -> Vec<Vec<Set>> {
        let commands = std::mem::take(&mut self.commands).into_iter();
        commands
            .filter_map(|command| match command {
                Command::Write { sets } => Some(sets),
                _ => None,
            })
            .collect()
    }

    /// The store takes a write and says it back.
    fn store_takes(&mut self, sets: &[Set]) {
        self.commit += 1;
        let commit = self.commit;
        let nodes = sets.iter();
        let nodes =
            nodes.map(|set| node(set.path.clone(), set.data.clone(), set.expect + 1, commit));
        let nodes = nodes.collect();
        self.take(Event::Written { outcome: Outcome::Durable { commit } });
        self.take(Event::Committed { commit, nodes });
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn kinds(batch: &Batch) -> Vec<&'static str> {
    batch.frames.iter().map(|frame| frame.kind.as_str()).collect()
}

fn groups(batch: &Batch) -> Vec<GroupView> {
    let groups = batch.frames.iter().filter(|frame| frame.kind == Kind::Group);
    groups.map(|frame| serde_json::from_str(&frame.data).unwrap()).collect()
}

#[test]
fn a_watcher_is_sent_the_first_state_and_then_that_it_is_complete() {
    let mut rig = Rig::new();
    rig.registries(&["http://b", OWN]);
    rig.put("a#0.1", State::Ready);
    rig.watch(1, &["a", "nobody"], None);
    let sent = rig.sent();
    assert_eq!(sent.len(), 1);
    let batch = &sent[0].1;
    assert_eq!(kinds(batch), ["registries", "group", "group", "synced"]);
    assert_eq!(&*batch.frames[0].data, r#"["http://a","http://b"]"#);
    assert_eq!(groups(batch)[0].entries[0].incarnation, "a#0.1");
    assert_eq!((groups(batch)[1].version, groups(batch)[1].entries.len()), (0, 0));
    assert_eq!(&*batch.history, "h");
}

#[test]
fn only_the_last_frame_of_a_batch_moves_the_resume_point() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.watch(1, &["a", "web"], None);
    let commits: Vec<u64> = rig.sent()[0].1.frames.iter().map(|frame| frame.commit).collect();
    assert_eq!(commits, [0, 0, 0, 1]);
    rig.drained(1);
    rig.put("a#0.1", State::Draining);
    let commits: Vec<u64> = rig.sent()[0].1.frames.iter().map(|frame| frame.commit).collect();
    assert_eq!(commits, [1, 2]);
}

#[test]
fn a_resume_in_the_same_history_sends_only_what_changed_since() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.put("b#0.1", State::Ready);
    rig.watch(1, &["a", "b"], Some(("h", 1)));
    let sent = rig.sent();
    assert_eq!(kinds(&sent[0].1), ["registries", "group", "synced"]);
    assert_eq!(groups(&sent[0].1)[0].group, "b");
    rig.watch(2, &["a", "b"], Some(("other", 1)));
    assert_eq!(groups(&rig.sent()[0].1).len(), 2);
}

#[test]
fn a_watcher_that_knows_more_is_not_told_older_things() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.watch(1, &["a"], Some(("h", 3)));
    assert_eq!(kinds(&rig.sent()[0].1), ["registries", "synced"]);
    rig.drained(1);
    rig.put("a#0.1", State::Draining);
    assert_eq!(rig.sent(), []);
    rig.commit = 3;
    rig.put("a#0.1", State::Ready);
    let sent = rig.sent();
    assert_eq!((sent[0].1.frames[0].commit, groups(&sent[0].1)[0].version), (4, 4));
}

#[test]
fn a_slow_watcher_has_one_batch_under_way_and_gets_the_newest_state_next() {
    let mut rig = Rig::new();
    rig.watch(1, &["a"], None);
    assert_eq!(rig.sent().len(), 1);
    for life in 1..=500 {
        rig.put(&format!("a#0.{life}"), State::Ready);
    }
    assert_eq!(rig.sent(), []);
    rig.drained(1);
    let sent = rig.sent();
    assert_eq!((sent.len(), sent[0].1.frames.len()), (1, 1));
    assert_eq!(groups(&sent[0].1)[0].entries.len(), 500);
    rig.drained(1);
    assert_eq!(rig.sent(), []);
}

#[test]
fn nobody_is_woken_for_nothing() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.watch(1, &["a"], None);
    rig.watch(2, &["b"], None);
    rig.drained(1);
    rig.drained(2);
    rig.commands.clear();
    // The same entry again: the version moves, the content does not.
    rig.put("a#0.1", State::Ready);
    assert_eq!(rig.sent(), []);
    rig.put("a#0.1", State::Draining);
    let woken: Vec<u64> = rig.sent().iter().map(|(watcher, _)| *watcher).collect();
    assert_eq!(woken, [1]);
}

#[test]
fn a_watcher_that_takes_nothing_is_closed() {
    let mut rig = Rig::new();
    rig.watch(1, &["a"], None);
    rig.watch(2, &["a"], None);
    rig.drained(2);
    rig.commands.clear();
    rig.until(60_000);
    let close = Command::Close { watcher: WatcherId(1), why: Why::Stuck };
    assert!(rig.commands.contains(&close));
    assert_eq!(rig.machine.counts().watchers, 1);
}

#[test]
fn there_are_no_more_watchers_than_there_may_be() {
    let mut rig = Rig::with(Limits { watchers_max: 2, ..Limits::default() });
    for id in 1..=3 {
        rig.watch(id, &["a"], None);
    }
    assert!(rig.commands.contains(&Command::Close { watcher: WatcherId(3), why: Why::Full }));
    rig.take(Event::Left { watcher: WatcherId(1) });
    rig.commands.clear();
    rig.watch(4, &["a"], None);
    assert_eq!(rig.sent().len(), 1);
}

#[test]
fn another_history_sends_everything_again_from_the_start() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.put("a#0.1", State::Draining);
    rig.watch(1, &["a"], None);
    rig.drained(1);
    rig.commands.clear();
    rig.list("i", 1, written(1, "a#0.1", State::Ready));
    let sent = rig.sent();
    assert_eq!(kinds(&sent[0].1), ["registries", "group", "synced"]);
    assert_eq!((&*sent[0].1.history, sent[0].1.frames[0].commit), ("i", 0));
    assert_eq!(groups(&sent[0].1)[0].version, 1);
}

#[test]
fn an_unreadable_node_is_reported_and_what_was_known_is_kept() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.commands.clear();
    let nodes = vec![node(paths::entry("a#0.1"), b"{".to_vec(), 9, 2)];
    rig.take(Event::Committed { commit: 2, nodes });
    assert!(matches!(&rig.commands[..], [Command::Report(Report::Unreadable { problem })]
        if problem.contains("a#0.1")));
    assert_eq!(rig.machine.catalog().entry("a#0.1").unwrap().state, State::Ready);
}

#[test]
fn an_older_listing_is_reported_and_refused() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.commands.clear();
    rig.list("h", 0, Vec::new());
    assert!(rig.commands.contains(&Command::Report(Report::Stale { known: 1, offered: 0 })));
    assert!(rig.machine.catalog().entry("a#0.1").is_some());
}

#[test]
fn the_end_closes_every_watcher() {
    let mut rig = Rig::new();
    rig.watch(1, &["a"], None);
    rig.watch(2, &["a"], None);
    rig.commands.clear();
    rig.take(Event::Ending);
    let closed = |watcher| Command::Close { watcher: WatcherId(watcher), why: Why::Ending };
    assert_eq!(rig.commands, [closed(1), closed(2)]);
}

#[test]
fn own_keys_are_sent_to_those_who_named_the_task() {
    let mut rig = Rig::new();
    rig.commit = 98;
    rig.put("a#0.1", State::Ready);
    rig.take(Event::Subscribed {
        watcher: WatcherId(1),
        selection: Selection {
            groups: BTreeSet::new(),
            configs: names(&["a"]),
            member: None,
            signed: false,
        },
        resume: None,
    });
    assert_eq!(kinds(&rig.sent()[0].1), ["registries", "config", "synced"]);
    rig.drained(1);
    rig.put("a#0.1", State::Draining);
    let batch = &rig.sent()[0].1;
    assert_eq!(kinds(batch), ["config"]);
    assert!(batch.frames[0].data.contains(r#""keys":{"k":1}"#), "{}", batch.frames[0].data);
    // Who resumes from this very commit may have missed the keys of one of its tasks.
    rig.take(Event::Subscribed {
        watcher: WatcherId(2),
        selection: Selection {
            groups: names(&["a"]),
            configs: names(&["a"]),
            member: None,
            signed: false,
        },
        resume: Some(Resume { history: "h".to_owned(), commit: 100 }),
    });
    assert_eq!(kinds(&rig.sent()[0].1), ["registries", "config", "synced"]);
}
