//! Those who keep a copy of the catalog have the same in the end, however they are told.

use lathe_catalog::{Board, Catalog, Change};
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A copy as an agent keeps it.
#[derive(Clone, Debug, Default)]
struct Copy {
    history: String,
    commit: u64,
    nodes: BTreeMap<String, (u64, Vec<u8>)>,
    registries: Vec<String>,
    whole: bool,
}

impl Copy {
    fn take(&mut self, delta: &Delta) {
        if delta.reset {
            self.nodes.clear();
        }
        assert!(delta.reset || *delta.history == *self.history, "{delta:?}");
        assert!(delta.reset || delta.commit >= self.commit, "a commit never goes back");
        for (path, commit, data) in &delta.nodes {
            match data {
                Some(data) => {
                    self.nodes.insert(path.clone(), (*commit, data.clone()));
                }
                None => {
                    self.nodes.remove(path);
                }
            }
        }
        if let Some(registries) = &delta.registries {
            self.registries.clone_from(registries);
        }
        (self.commit, self.whole) = (delta.commit, delta.whole);
        self.history = delta.history.to_string();
    }

    fn catalog(&self) -> Catalog {
        let changes = self.nodes.iter().map(|(path, (commit, data))| {
            (*commit, Change::decode(path, Some(data)).unwrap().unwrap())
        });
        let mut catalog = Catalog::default();
        catalog.load(&self.history, self.commit, changes.collect()).unwrap();
        catalog
    }

    fn resume(&self) -> Option<Resume> {
        // Of a state that is told in part nothing is kept but what is complete.
        (!self.history.is_empty() && self.commit > 0)
            .then(|| Resume { history: self.history.clone(), commit: self.commit })
    }
}

impl Rig {
    fn follow(&mut self, id: u64, groups: &[&str], resume: Option<Resume>) {
        self.take(Event::Followed { watcher: WatcherId(id), groups: names(groups), resume });
    }

    fn told(&mut self, id: u64) -> Vec<Delta> {
        let told = std::mem::take(&mut self.commands).into_iter();
        told.filter_map(|command| match command {
            Command::Tell { watcher, delta } if watcher.0 == id => Some(delta),
            _ => None,
        })
        .collect()
    }

    /// Takes everything that there is for the copy.
    fn catch_up(&mut self, id: u64, copy: &mut Copy) -> usize {
        let mut deltas = 0;
        loop {
            let told = self.told(id);
            if told.is_empty() {
                return deltas;
            }
            assert_eq!(told.len(), 1, "one is under way at a time");
            copy.take(&told[0]);
            deltas += 1;
            self.take(Event::Drained { watcher: WatcherId(id) });
        }
    }

    fn delete(&mut self, incarnation: &str) {
        self.commit += 1;
        let mut nodes = written(self.commit, incarnation, State::Ready);
        nodes[0].content = None;
        self.take(Event::Committed { commit: self.commit, nodes });
    }

    fn say_to(&mut self, group: &str) {
        self.commit += 1;
        let mut board = Board::new(group);
        board.keep("at", Some(json!(self.commit))).unwrap();
        let data = serde_json::to_vec(&board).unwrap();
        let nodes = vec![node(paths::board(group), data, self.commit, self.commit)];
        self.take(Event::Committed { commit: self.commit, nodes });
    }

    /// Everything that the machine knows, as a listing of the store would have it.
    fn nodes(&self) -> BTreeMap<String, Vec<u8>> {
        let catalog = self.machine.catalog();
        let bytes = |record: Vec<u8>| record;
        let entries = catalog.entries().map(|entry| {
            (paths::entry(&entry.incarnation), bytes(serde_json::to_vec(entry).unwrap()))
        });
        let tasks = ["a", "b", "c"].into_iter().filter_map(|task| catalog.task(task));
        let tasks = tasks.map(|task| (paths::task(&task.task), serde_json::to_vec(task).unwrap()));
        let boards = catalog.boards();
        let boards =
            boards.map(|board| (paths::board(&board.group), serde_json::to_vec(board).unwrap()));
        entries.chain(tasks).chain(boards).collect()
    }
}

#[test]
fn a_follower_is_told_everything_and_then_what_changes() {
    let mut rig = Rig::new();
    for slot in 0..1200 {
        rig.put(&format!("a#{slot}.1"), State::Ready);
    }
    rig.take(Event::RegistriesListed { urls: vec!["http://one:1".to_owned()] });
    rig.commands.clear();
    rig.follow(1, &[], None);
    let mut copy = Copy::default();
    assert_eq!(rig.catch_up(1, &mut copy), 3, "1,201 nodes, 512 at a time");
    assert!(copy.whole && copy.commit == 1200 && copy.registries == ["http://one:1"]);
    rig.put("b#0.1", State::Starting);
    let told = rig.told(1);
    let paths: Vec<&str> = told[0].nodes.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(paths, [paths::entry("b#0.1"), paths::task("b")]);
    // A slow one is told the newest state, once.
    rig.put("b#0.1", State::Ready);
    rig.put("b#0.1", State::Draining);
    rig.delete("a#7.1");
    assert!(rig.told(1).is_empty());
    copy.take(&told[0]);
    rig.take(Event::Drained { watcher: WatcherId(1) });
    let told = rig.told(1);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].nodes.len(), 4);
    assert_eq!((told[0].commit, told[0].whole), (1204, true));
}

#[test]
fn a_follower_of_some_groups_is_told_of_those() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.put("b#0.1", State::Ready);
    rig.follow(1, &["b"], None);
    let mut copy = Copy::default();
    rig.catch_up(1, &mut copy);
    let known: Vec<&String> = copy.nodes.keys().collect();
    assert_eq!(known, [&paths::entry("b#0.1"), &paths::task("b")]);
    rig.put("a#0.1", State::Draining);
    assert!(rig.told(1).is_empty(), "nobody is woken for nothing");
    rig.say_to("b");
    rig.catch_up(1, &mut copy);
    assert!(copy.nodes.contains_key(&paths::board("b")));
    rig.delete("b#0.1");
    rig.catch_up(1, &mut copy);
    assert!(!copy.nodes.contains_key(&paths::entry("b#0.1")));
}

#[test]
fn who_has_missed_too_much_begins_anew() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.follow(1, &[], None);
    let mut copy = Copy::default();
    rig.catch_up(1, &mut copy);
    rig.take(Event::Left { watcher: WatcherId(1) });
    let resume = copy.resume();
    for life in 0..8193 {
        rig.put(&format!("b#0.{life}"), State::Ready);
        rig.delete(&format!("b#0.{life}"));
    }
    rig.commands.clear();
    rig.follow(2, &[], resume);
    let told = rig.told(2);
    assert!(told[0].reset);
    copy.take(&told[0]);
    // One that has missed less goes on.
    let resume = copy.resume();
    rig.delete("a#0.1");
    rig.commands.clear();
    rig.follow(3, &[], resume);
    let told = rig.told(3);
    assert!(!told[0].reset);
    copy.take(&told[0]);
    assert!(!copy.nodes.contains_key(&paths::entry("a#0.1")));
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8, State),
    Delete(u8, u8),
    Say(u8),
    /// The follower takes what is there.
    Take,
    /// Its stream breaks off, and it comes back.
    Break,
    /// The store was lost, and lists all anew.
    Relist,
    /// The store has another history.
    Another,
}

fn step() -> impl Strategy<Value = Step> {
    let state = prop::sample::select(vec![State::Starting, State::Ready, State::Draining]);
    prop_oneof![
        6 => (0..3u8, 0..3u8, state).prop_map(|(task, slot, state)| Step::Put(task, slot, state)),
        3 => (0..3u8, 0..3u8).prop_map(|(task, slot)| Step::Delete(task, slot)),
        1 => (0..3u8).prop_map(Step::Say),
        4 => Just(Step::Take),
        2 => Just(Step::Break),
        1 => Just(Step::Relist),
        1 => Just(Step::Another),
    ]
}

fn incarnation(task: u8, slot: u8) -> String {
    format!("{}#{slot}.1", ["a", "b", "c"][usize::from(task)])
}

proptest! {
    #[test]
    fn a_copy_ends_as_the_registry_is(steps in prop::collection::vec(step(), 1..60)) {
        let mut rig = Rig::new();
        let mut history = 0;
        let mut id = 1;
        let mut copy = Copy::default();
        rig.follow(id, &[], None);
        for step in steps {
            match step {
                Step::Put(task, slot, state) => rig.put(&incarnation(task, slot), state),
                Step::Delete(task, slot) => rig.delete(&incarnation(task, slot)),
                Step::Say(task) => rig.say_to(["a", "b", "c"][usize::from(task)]),
                Step::Take => {
                    rig.catch_up(id, &mut copy);
                }
                Step::Break => {
                    rig.take(Event::Left { watcher: WatcherId(id) });
                    rig.commands.clear();
                    id += 1;
                    rig.follow(id, &[], copy.resume());
                }
                Step::Relist | Step::Another => {
                    history += u64::from(matches!(step, Step::Another));
                    let commit = rig.commit;
                    let nodes = rig.nodes().into_iter().map(|(path, data)| {
                        node(path, data, commit, commit)
                    });
                    let nodes = nodes.collect();
                    rig.list(&format!("h{history}"), commit, nodes);
                }
            }
        }
        rig.catch_up(id, &mut copy);
        prop_assert!(copy.whole);
        let known: BTreeMap<String, Vec<u8>> =
            copy.nodes.iter().map(|(path, (_, data))| (path.clone(), data.clone())).collect();
        prop_assert_eq!(known, rig.nodes());
        let (own, shown) = (copy.catalog(), rig.machine.catalog());
        for group in ["a", "b", "c", "web"] {
            prop_assert_eq!(own.view(group).entries, shown.view(group).entries);
        }
        prop_assert_eq!(own.commit(), shown.commit());
    }
}
