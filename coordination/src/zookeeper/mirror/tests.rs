//! The mirror before a model of a server: whatever the order of writes, events, reads and answers,
//! what is given out is the state at one commit, and events are in order.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A server that answers reads at one commit, and tells events before answers.
#[derive(Default)]
struct Server {
    commit: u64,
    /// The last commit that was a write, not the end of a session.
    written: u64,
    records: BTreeMap<String, Record>,
    /// Everything that was ever the case, by commit.
    history: BTreeMap<u64, BTreeMap<String, Record>>,
    asked: VecDeque<Vec<Item>>,
    way: VecDeque<Told>,
    /// Whether events tell their commits.
    numbered: bool,
}

enum Told {
    Event { node: String, kind: Kind, commit: Option<u64> },
    Answer { answer: Vec<(Item, Found)>, at: u64 },
}

impl Server {
    fn put(&mut self, path: &str, ephemeral: bool) {
        let version = self.records.get(path).map_or(0, |record| record.version + 1);
        let ephemeral = self.records.get(path).map_or(ephemeral, |record| record.ephemeral);
        let record = Record { data: "x".into(), version, commit: self.commit, ephemeral };
        self.records.insert(path.to_owned(), record);
        self.tell(path, if version == 0 { Kind::Created } else { Kind::Set });
    }

    fn create_and_delete(&mut self, path: &str) {
        if !self.records.contains_key(path) {
            self.tell(path, Kind::Created);
            self.tell(path, Kind::Deleted);
        }
    }

    fn delete(&mut self, path: &str) {
        if self.records.remove(path).is_some() {
            self.tell(path, Kind::Deleted);
        }
    }

    fn tell(&mut self, path: &str, kind: Kind) {
        let commit = self.numbered.then_some(self.commit);
        self.way.push_back(Told::Event { node: names::record(path), kind, commit });
    }

    fn begin(&mut self, write: bool) {
        self.commit += 1;
        if write {
            self.written = self.commit;
        }
    }

    fn end(&mut self) {
        self.history.insert(self.commit, self.records.clone());
    }

    fn answer(&mut self) {
        let Some(items) = self.asked.pop_front() else { return };
        let answer = items.into_iter().map(|item| {
            let found = match &item {
                Item::Record(path) => Found::Record(self.records.get(path).cloned()),
                Item::Folder(node) => self.children(node),
            };
            (item, found)
        });
        let answer = answer.collect();
        self.way.push_back(Told::Answer { answer, at: self.written });
    }

    fn children(&self, node: &str) -> Found {
        let mut children = BTreeSet::new();
        for path in self.records.keys() {
            let own = names::record(path);
            let below = if node == "/" { Some(own.as_str()) } else { own.strip_prefix(node) };
            if let Some(rest) = below.and_then(|rest| rest.strip_prefix('/')) {
                children.insert(rest.split('/').next().unwrap().to_owned());
            }
        }
        Found::Folder { children: children.into_iter().collect(), changed: 0 }
    }
}

/// Who is told, and looks whether it can be true.
struct Watcher {
    records: BTreeMap<String, Record>,
    commit: u64,
    given: usize,
}

impl Watcher {
    fn take(&mut self, given: Given, server: &Server) {
        self.given += 1;
        match given {
            Given::Snapshot(listing) => {
                assert!(listing.commit >= self.commit, "a snapshot went back");
                self.commit = listing.commit;
                self.records = listing.records.into_iter().collect();
            }
            Given::Events(events) => {
                let mut last = (self.commit, String::new());
                for event in events {
                    let (commit, path) = match &event {
                        WatchEvent::Changed { path, record, commit } => {
                            assert_eq!(record.commit, *commit);
                            self.records.insert(path.clone(), record.clone());
                            (*commit, path.clone())
                        }
                        WatchEvent::Deleted { path, commit } => {
                            assert!(self.records.remove(path).is_some(), "deleted twice");
                            (*commit, path.clone())
                        }
                        WatchEvent::Snapshot(_) => panic!("a snapshot among events"),
                    };
                    assert!((commit, &path) > (last.0, &last.1), "out of order: {commit} {path}");
                    last = (commit, path);
                }
                self.commit = last.0;
            }
        }
        let states = server.history.range(..);
        let before = std::iter::once(BTreeMap::new());
        let mut all = before.chain(states.map(|(_, state)| state.clone()));
        assert!(all.any(|state| state == self.records), "this was never so: {:?}", self.records);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// One commit of several puts and deletions.
    Write(Vec<(usize, bool, bool)>),
    /// All ephemerals go, as with a session.
    SessionEnds,
    /// The server answers the oldest read.
    Answer,
    /// So many things arrive.
    Arrive(usize),
    Renew,
    Restart,
}

const PATHS: [&str; 5] = ["/in", "/in/a", "/in/a/b", "/in/b", "/in/c/d"];

fn step() -> impl Strategy<Value = Step> {
    let op = (0..PATHS.len(), any::<bool>(), any::<bool>());
    prop_oneof![
        6 => proptest::collection::vec(op, 1..4).prop_map(Step::Write),
        1 => Just(Step::SessionEnds),
        5 => Just(Step::Answer),
        8 => (1..6usize).prop_map(Step::Arrive),
        1 => Just(Step::Renew),
        1 => Just(Step::Restart),
    ]
}

struct Scene {
    server: Server,
    mirror: Mirror,
    watcher: Watcher,
}

impl Scene {
    fn new(numbered: bool) -> Self {
        let server = Server { numbered, ..Server::default() };
        let watcher = Watcher { records: BTreeMap::new(), commit: 0, given: 0 };
        let mut scene = Self { server, mirror: Mirror::new("/in"), watcher };
        scene.server.begin(true);
        scene.server.end();
        scene.ask();
        scene
    }

    fn ask(&mut self) {
        while let Some(items) = self.mirror.next_read() {
            self.server.asked.push_back(items);
        }
    }

    fn give(&mut self) {
        if let Some(given) = self.mirror.give() {
            self.watcher.take(given, &self.server);
        }
    }

    fn arrive(&mut self) {
        match self.server.way.pop_front() {
            Some(Told::Event { node, kind, commit }) => {
                self.mirror.event(&node, kind, commit);
            }
            Some(Told::Answer { answer, at }) => {
                self.mirror.answer(answer, at).unwrap();
                self.give();
            }
            None => {}
        }
        self.ask();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Write(ops) => {
                self.server.begin(true);
                // A commit's events come by path here, as its steps would be given.
                let ops: BTreeMap<usize, (bool, bool)> = ops
                    .into_iter()
                    .map(|(path, put, ephemeral)| (path, (put, ephemeral)))
                    .collect();
                for (path, (put, ephemeral)) in ops {
                    if put {
                        self.server.put(PATHS[path], ephemeral);
                    } else if ephemeral {
                        self.server.create_and_delete(PATHS[path]);
                    } else {
                        self.server.delete(PATHS[path]);
                    }
                }
                self.server.end();
            }
            Step::SessionEnds => {
                self.server.begin(false);
                let all = self.server.records.clone();
                for (path, _) in all.iter().filter(|(_, record)| record.ephemeral) {
                    self.server.delete(path);
                }
                self.server.end();
            }
            Step::Answer => self.server.answer(),
            Step::Arrive(many) => (0..many).for_each(|_| self.arrive()),
            Step::Renew => {
                if let Some(given) = self.mirror.renew() {
                    self.watcher.take(given, &self.server);
                }
            }
            Step::Restart => {
                self.server.way.clear();
                self.server.asked.clear();
                self.mirror.restart();
                self.ask();
            }
        }
    }

    /// No more writes: what is known is what there is.
    fn settle(&mut self) {
        for _ in 0..1000 {
            self.server.answer();
            while !self.server.way.is_empty() {
                self.arrive();
            }
        }
        assert_eq!(self.watcher.records, self.server.records);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn what_is_given_out_was_so_at_one_commit(
        numbered in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut scene = Scene::new(numbered);
        for step in steps {
            scene.step(step);
        }
        scene.settle();
    }
}

/// Writes that never pause do not keep a watcher waiting, as long as the server numbers its events:
/// between asking and answering there is always another one, of a record that was not asked for.
#[test]
fn a_watcher_is_told_though_writes_never_pause() {
    let mut scene = Scene::new(true);
    scene.settle();
    let given = scene.watcher.given;
    for round in 0..100 {
        scene.step(Step::Write(vec![(round % PATHS.len(), true, false)]));
        scene.step(Step::Answer);
        scene.step(Step::Write(vec![((round + 2) % PATHS.len(), true, false)]));
        // The last event comes before the answer is taken in, though it happened after it.
        let behind = scene.server.way.len().saturating_sub(2);
        if let Some(answer) = scene.server.way.remove(behind) {
            scene.server.way.push_back(answer);
        }
        scene.step(Step::Arrive(5));
    }
    assert!(scene.watcher.given > given + 90, "{} of 100", scene.watcher.given - given);
}
