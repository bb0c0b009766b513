//! A store that several registries hear, each in its own time, and programs that end when they are told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lathe_catalog::{Content, Entry, Node, State, TaskRecord, paths as catalog};

use crate::engine::End;
use crate::monitor::picture::Page;
use crate::monitor::{Command, Event, Expect, Input, Machine, Now, Put, Record, Rule, Told, paths};

/// The store: nodes, and everything that was ever committed.
#[derive(Default)]
pub(super) struct Store {
    nodes: BTreeMap<String, Content>,
    log: Vec<(u64, Vec<Node>)>,
    commit: u64,
}

impl Store {
    fn commit(&mut self, puts: Vec<(String, Option<Vec<u8>>)>) -> u64 {
        self.commit += 1;
        let mut nodes = Vec::new();
        for (path, data) in puts {
            let version = self.nodes.get(&path).map_or(0, |node| node.version + 1);
            let commit = self.commit;
            let content = data.map(|data| Content { data, version, commit });
            match &content {
                Some(content) => self.nodes.insert(path.clone(), content.clone()),
                None => self.nodes.remove(&path),
            };
            nodes.push(Node { path, content });
        }
        nodes.sort_by(|a, b| a.path.cmp(&b.path));
        self.log.push((self.commit, nodes));
        self.commit
    }

    fn write(&mut self, puts: Vec<Put>) -> Option<u64> {
        let holds = |put: &Put| match put.expect {
            Expect::Any => true,
            Expect::Absent => !self.nodes.contains_key(&put.path),
            Expect::Version(version) => {
                self.nodes.get(&put.path).is_some_and(|node| node.version == version)
            }
        };
        let all = puts.iter().all(holds);
        all.then(|| self.commit(puts.into_iter().map(|put| (put.path, put.data)).collect()))
    }

    fn listing(&self, below: &str) -> Vec<Node> {
        let below = self.nodes.iter().filter(|(path, _)| path.starts_with(below));
        below
            .map(|(path, content)| Node { path: path.clone(), content: Some(content.clone()) })
            .collect()
    }

    pub(super) fn record(&self, hook: &str) -> Option<Record> {
        let node = self.nodes.get(&paths::record(hook))?;
        Some(serde_json::from_slice(&node.data).unwrap())
    }

    /// Every life that a durable picture ever showed.
    pub(super) fn pictured(&self) -> BTreeSet<String> {
        let mut lives = BTreeSet::new();
        for node in self.log.iter().flat_map(|(_, nodes)| nodes) {
            let (Some((_, (task, _))), Some(content)) = (paths::page_of(&node.path), &node.content)
            else {
                continue;
            };
            let page: Page = serde_json::from_slice(&content.data).unwrap();
            for (slot, known) in &page.slots {
                lives.extend(known.lives.keys().map(|life| format!("{task}#{slot}.{life}")));
            }
        }
        lives
    }
}

/// One life of a registry.
pub(super) struct Registry {
    pub(super) machine: Machine,
    /// What it has heard of the catalog, and of hooks: places in the log.
    heard: [usize; 2],
    pub(super) began_at: u64,
    runner: String,
    pub(super) running: Option<Told>,
    writing: Option<(String, Vec<Put>)>,
    pub(super) told_failures: Vec<(String, bool)>,
    wake_ms: Option<u64>,
}

/// A program that was begun.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) registry: String,
    pub(super) told: Told,
    pub(super) ended_well: bool,
}

pub(super) struct World {
    pub(super) store: Store,
    pub(super) now: Now,
    pub(super) registries: BTreeMap<String, Registry>,
    pub(super) history: String,
    rules: Vec<Rule>,
    lives: u64,
    touched: u64,
    pub(super) begun: Vec<Begun>,
    entries: BTreeMap<String, Entry>,
}

impl World {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        let mut world = Self {
            store: Store::default(),
            now: Now { ms: 1000, unix_ms: 1_000_000 },
            registries: BTreeMap::new(),
            history: "h".to_owned(),
            rules,
            lives: 0,
            touched: 0,
            begun: Vec::new(),
            entries: BTreeMap::new(),
        };
        world.task("page", "1.0");
        world
    }

    pub(super) fn task(&mut self, task: &str, version: &str) {
        self.record(task, version, false);
    }

    /// Registries that start from now on have these.
    pub(super) fn set_rules(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
    }

    pub(super) fn remove(&mut self, task: &str) {
        self.record(task, "1.0", true);
    }

    fn record(&mut self, task: &str, version: &str, removed: bool) {
        self.touched += 1;
        let record = TaskRecord {
            topology: "site".to_owned(),
            task: task.to_owned(),
            groups: vec![task.to_owned(), "net".to_owned()],
            own: serde_json::Map::new(),
            crate_name: "c".to_owned(),
            version: version.to_owned(),
            removed,
            touched: self.touched,
        };
        let data = serde_json::to_vec(&record).unwrap();
        self.store.commit(vec![(catalog::task(task), Some(data))]);
    }

    /// An incarnation is shown in this state.
    pub(super) fn show(&mut self, incarnation: &str, state: State) {
        let (task, rest) = incarnation.split_once('#').unwrap();
        let (slot, _) = rest.split_once('.').unwrap();
        let entry = Entry {
            topology: "site".to_owned(),
            task: task.to_owned(),
            slot: slot.parse().unwrap(),
            incarnation: incarnation.to_owned(),
            host: "h1".to_owned(),
            address: "127.0.0.1".to_owned(),
            ports: BTreeMap::new(),
            tags: vec![task.to_owned(), "net".to_owned()],
            crate_name: "c".to_owned(),
            version: "1.0".to_owned(),
            state,
            reason: None,
            since_ms: self.now.unix_ms,
        };
        let data = serde_json::to_vec(&entry).unwrap();
        self.entries.insert(incarnation.to_owned(), entry);
        self.store.commit(vec![(catalog::entry(incarnation), Some(data))]);
    }

    /// It is shown no more.
    pub(super) fn end(&mut self, incarnation: &str) {
        self.entries.remove(incarnation);
        self.store.commit(vec![(catalog::entry(incarnation), None)]);
    }

    pub(super) fn state(&self, incarnation: &str) -> Option<State> {
        self.entries.get(incarnation).map(|entry| entry.state)
    }

    /// A registry starts, and has listed what the store has.
    pub(super) fn start(&mut self, name: &str) {
        self.lives += 1;
        let by = format!("{name}-{}", self.lives);
        let rules = self.rules.iter().cloned().map(Arc::new).collect();
        let machine = Machine::new(&by, &format!("http://{name}"), rules, self.lives);
        let node = serde_json::to_vec(&machine.runner()).unwrap();
        let runner = paths::runner(&by);
        self.store.commit(vec![(runner.clone(), Some(node))]);
        let at = self.store.log.len();
        let registry = Registry {
            machine,
            heard: [at, at],
            began_at: self.store.commit,
            runner,
            running: None,
            writing: None,
            told_failures: Vec::new(),
            wake_ms: None,
        };
        self.registries.insert(name.to_owned(), registry);
        let commit = self.store.commit;
        let (history, nodes) = (self.history.clone(), self.store.listing(catalog::CATALOG));
        self.step(name, Input::Listed { history, commit, nodes });
        let nodes = self.store.listing(paths::HOOKS);
        self.step(name, Input::HooksListed { commit, nodes });
    }

    pub(super) fn store_commit(&self) -> u64 {
        self.store.commit
    }

    /// A registry is killed; the store still lists it.
    pub(super) fn kill(&mut self, name: &str) -> String {
        self.registries.remove(name).unwrap().runner
    }

    /// The store has ended its session.
    pub(super) fn unlist(&mut self, runner: &str) {
        self.store.commit(vec![(runner.to_owned(), None)]);
    }

    pub(super) fn step(&mut self, name: &str, input: Input) {
        let now = self.now;
        let registry = self.registries.get_mut(name).unwrap();
        let mut commands = Vec::new();
        registry.machine.step(now, input, &mut commands);
        for command in commands {
            match command {
                Command::Write { hook, puts } => {
                    assert!(registry.writing.is_none(), "one write at a time, with one hook");
                    registry.writing = Some((hook, puts));
                }
                Command::Run { told } => {
                    assert!(registry.running.is_none(), "one program at a time");
                    registry.running = Some((*told).clone());
                    let registry = name.to_owned();
                    self.begun.push(Begun { registry, told: *told, ended_well: false });
                }
                Command::Tell { problem, gave_up, .. } => {
                    registry.told_failures.push((problem, gave_up));
                }
                Command::WakeAt { ms } => registry.wake_ms = Some(ms),
                Command::Report(_) => {}
            }
        }
    }

    /// A registry hears the next commit of the catalog (0) or of hooks (1).
    pub(super) fn hear(&mut self, name: &str, which: usize) -> bool {
        let registry = self.registries.get_mut(name).unwrap();
        let Some((commit, nodes)) = self.store.log.get(registry.heard[which]) else {
            return false;
        };
        registry.heard[which] += 1;
        let below = [catalog::CATALOG, paths::HOOKS][which];
        let nodes: Vec<Node> =
            nodes.iter().filter(|node| node.path.starts_with(below)).cloned().collect();
        let commit = *commit;
        if which == 0 && !nodes.is_empty() {
            self.step(name, Input::Committed { commit, nodes });
        } else {
            for node in nodes {
                self.step(name, Input::HookChanged { node });
            }
        }
        true
    }

    /// Its write reaches the store, and unless the answer is lost, it is told so.
    pub(super) fn write(&mut self, name: &str, answered: bool) -> bool {
        let registry = self.registries.get_mut(name).unwrap();
        let Some((hook, puts)) = registry.writing.take() else { return false };
        let durable = self.store.write(puts).filter(|_| answered);
        self.step(name, Input::Written { hook, durable });
        true
    }

    /// Its program ends.
    pub(super) fn finish(&mut self, name: &str, ok: bool) -> bool {
        let registry = self.registries.get_mut(name).unwrap();
        let Some(told) = registry.running.take() else { return false };
        if ok {
            let own = self.begun.iter_mut().rev();
            let mut own = own.filter(|one| one.registry == name && one.told.run == told.run);
            own.next().unwrap().ended_well = true;
        }
        let end = End { ok, how: "exit".to_owned(), output: "said".to_owned(), took_ms: 1 };
        self.step(name, Input::Ended { hook: told.hook, run: told.run, end });
        true
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now.ms += ms;
        self.now.unix_ms += ms;
        let due: Vec<String> = self
            .registries
            .iter_mut()
            .filter(|(_, one)| one.wake_ms.is_some_and(|at| at <= self.now.ms))
            .map(|(name, one)| {
                one.wake_ms = None;
                name.clone()
            })
            .collect();
        for name in due {
            self.step(&name, Input::Woken);
        }
    }

    /// One thing happens at this registry, if there is anything to happen.
    pub(super) fn advance(&mut self, name: &str) -> bool {
        self.hear(name, 0)
            || self.hear(name, 1)
            || self.write(name, true)
            || self.finish(name, true)
    }

    /// Until nothing happens any more.
    pub(super) fn settle(&mut self) {
        for _ in 0..50_000 {
            let names: Vec<String> = self.registries.keys().cloned().collect();
            let moved = names.iter().filter(|name| self.advance(name)).count();
            self.pass(50);
            let waits = self
                .registries
                .values()
                .any(|one| one.wake_ms.is_some() || one.writing.is_some() || one.running.is_some());
            if moved == 0 && !waits {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// The events of programs that ended well, in order.
    pub(super) fn told(&self) -> Vec<String> {
        let well = self.begun.iter().filter(|one| one.ended_well);
        well.flat_map(|one| &one.told.events).map(|event: &Event| event.id.clone()).collect()
    }
}
