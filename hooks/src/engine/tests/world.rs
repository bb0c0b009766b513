//! A model of everything around the machine: what is durable, what programs did, and the end of the process
//! at any moment. It judges while it goes: nothing is done that was not announced, and nothing is announced
//! without a cause.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use lathe_catalog::{Entry, GroupView};
use serde_json::json;

use crate::engine::{
    Command, End, Engine, Event, HookStatus, Remembered, Report, RunId, Stage, Staged, TurnAnswer,
    Why,
};
use crate::recipe::{FileRecipe, Recipe};
use crate::record::{Phase, Record};
use crate::render::Template;
use crate::snapshot::{Input, Snapshot};

/// A run that was begun.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ran {
    pub(super) hook: String,
    pub(super) version: u64,
    pub(super) from_version: u64,
    pub(super) why: Why,
    pub(super) at_ms: u64,
    pub(super) stale: bool,
    /// It came to its end before the process did.
    pub(super) ended: Option<bool>,
}

/// What is left when the process is killed.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) records: BTreeMap<String, Record>,
    next: BTreeMap<String, Input>,
    /// Content by place; the content of a file is who is in it.
    pub(super) places: BTreeMap<String, String>,
    staged: BTreeMap<String, String>,
    kept: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

pub(super) struct World {
    pub(super) now: u64,
    recipes: Vec<Arc<Recipe>>,
    host: String,
    pub(super) engine: Engine,
    pub(super) disk: Disk,
    queue: VecDeque<Command>,
    pub(super) ran: Vec<Ran>,
    pub(super) reports: Vec<Report>,
    pub(super) told: Vec<(String, bool)>,
    wake_at: Option<u64>,
    /// Programs that are to fail, one after the other; then all succeed.
    pub(super) failing_runs: u32,
    pub(super) failing_stages: u32,
    pub(super) failing_journals: u32,
    /// Programs wait until they are let go.
    pub(super) hold: bool,
    pub(super) held: VecDeque<(String, RunId)>,
    /// So many effects from now on, the process is killed.
    pub(super) kill_after: Option<u64>,
    pub(super) effects: u64,
    forced: BTreeSet<String>,
    /// What is said of turns, one after the other; then each is granted.
    pub(super) answers: VecDeque<TurnAnswer>,
    /// Who has a turn, and who goes without one.
    turns: BTreeSet<String>,
    without_turn: BTreeSet<String>,
    pub(super) given_back: u32,
    /// It is not known when turns are back.
    pub(super) slow_to_take_back: bool,
    seed: u64,
}

/// A hook with one file and a program.
pub(super) fn with_file(name: &str, group: &str) -> Recipe {
    let mut recipe = Recipe::new(name, &[group]);
    let template = Template::parse("t", "{{ entries | length }}").unwrap();
    let path = format!("/etc/{name}").into();
    recipe.files.push(FileRecipe { template, path, mode: 0o600, owner: None, check: Vec::new() });
    recipe.command = vec!["reload".to_owned()];
    recipe
}

/// A hook with a program alone.
pub(super) fn script(name: &str, group: &str) -> Recipe {
    let mut recipe = Recipe::new(name, &[group]);
    recipe.command = vec!["script".to_owned()];
    recipe
}

/// An instance of this slot and life that is ready.
pub(super) fn entry(slot: u32, life: u32) -> Entry {
    let task = "web.cache";
    serde_json::from_value(json!({
        "topology": "demo", "task": task, "slot": slot, "incarnation": format!("{task}#{slot}.{life}"),
        "host": "h", "address": "127.0.0.1", "ports": { "http": 31000 + slot }, "tags": [task],
        "crate_name": "cache", "version": "1.0.0", "state": "ready", "since_ms": 1,
    }))
    .unwrap()
}

/// A snapshot with one group, `cache`.
pub(super) fn snapshot(version: u64, entries: &[Entry]) -> Arc<Snapshot> {
    snapshot_in("one", version, entries)
}

pub(super) fn snapshot_in(history: &str, version: u64, entries: &[Entry]) -> Arc<Snapshot> {
    let view = GroupView {
        group: "cache".to_owned(),
        history: history.to_owned(),
        version,
        entries: entries.to_vec(),
    };
    let groups = BTreeMap::from([("cache".to_owned(), Arc::new(view))]);
    Arc::new(Snapshot { history: history.to_owned(), groups })
}

fn content(input: &Input) -> String {
    input.entries().keys().copied().collect::<Vec<_>>().join(",")
}

impl World {
    pub(super) fn of(recipes: Vec<Recipe>) -> Self {
        Self::on("host-1", recipes)
    }

    pub(super) fn on(host: &str, recipes: Vec<Recipe>) -> Self {
        let recipes: Vec<Arc<Recipe>> = recipes.into_iter().map(Arc::new).collect();
        let engine = Engine::new(&recipes, BTreeMap::new(), host, 1);
        Self {
            now: 0,
            recipes,
            host: host.to_owned(),
            engine,
            disk: Disk::default(),
            queue: VecDeque::new(),
            ran: Vec::new(),
            reports: Vec::new(),
            told: Vec::new(),
            wake_at: None,
            failing_runs: 0,
            failing_stages: 0,
            failing_journals: 0,
            hold: false,
            held: VecDeque::new(),
            kill_after: None,
            effects: 0,
            forced: BTreeSet::new(),
            answers: VecDeque::new(),
            turns: BTreeSet::new(),
            without_turn: BTreeSet::new(),
            given_back: 0,
            slow_to_take_back: false,
            seed: 1,
        }
    }

    /// The process ends here, and another one begins with what is durable.
    pub(super) fn restart(&mut self) {
        self.queue.clear();
        self.held.clear();
        self.forced.clear();
        self.turns.clear();
        self.kill_after = None;
        self.seed += 1;
        let remembered = self.recipes.iter().map(|recipe| {
            let record = self.disk.records.get(&recipe.name).cloned().unwrap_or_default();
            let next = self.disk.next.get(&recipe.name).cloned();
            let input = next.filter(|_| record.pending.is_some());
            (recipe.name.clone(), Remembered { record, input })
        });
        self.engine = Engine::new(&self.recipes, remembered.collect(), &self.host, self.seed);
        self.wake_at = None;
        self.tell(Event::Woken);
    }

    /// The same with other recipes.
    pub(super) fn restart_with(&mut self, recipes: Vec<Recipe>) {
        self.recipes = recipes.into_iter().map(Arc::new).collect();
        self.restart();
    }

    pub(super) fn see(&mut self, snapshot: &Arc<Snapshot>) {
        self.tell(Event::Seen { snapshot: Arc::clone(snapshot) });
    }

    pub(super) fn force(&mut self, hook: &str) {
        self.forced.insert(hook.to_owned());
        self.tell(Event::Forced { hook: hook.to_owned() });
    }

    /// One event, and whatever follows from it at once.
    pub(super) fn tell(&mut self, event: Event) {
        self.step(event);
        self.drain();
    }

    fn step(&mut self, event: Event) {
        let mut commands = Vec::new();
        self.engine.step(self.now, event, &mut commands);
        self.queue.extend(commands);
    }

    pub(super) fn is_killed(&self) -> bool {
        self.kill_after == Some(0)
    }

    fn drain(&mut self) {
        while let Some(command) = self.queue.pop_front() {
            let Some(event) = self.carry_out(command) else {
                if self.is_killed() {
                    return;
                }
                continue;
            };
            if self.is_killed() {
                return;
            }
            self.step(event);
        }
    }

    /// One effect that outlives the process. False: the process was killed before it.
    fn effect(&mut self) -> bool {
        if self.is_killed() {
            return false;
        }
        self.effects += 1;
        if let Some(left) = &mut self.kill_after {
            *left -= 1;
        }
        true
    }

    /// Lets time go on, with every wake-up in it.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            if self.is_killed() {
                return;
            }
            self.now = self.now.max(at);
            self.wake_at = None;
            self.tell(Event::Woken);
        }
        self.now = until;
    }

    fn recipe(&self, hook: &str) -> Arc<Recipe> {
        Arc::clone(self.recipes.iter().find(|recipe| recipe.name == hook).unwrap())
    }

    fn carry_out(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Stage(stage) => self.stage(stage),
            Command::Journal { hook, run, record } => self.journal(hook, run, *record),
            Command::Replace { hook, run } => {
                self.replace(&hook)?;
                Some(Event::Replaced { hook, run, outcome: Ok(()) })
            }
            Command::Restore { hook, run } => {
                let phase = self.disk.records[&hook].pending.as_ref().unwrap().phase;
                assert_eq!(phase, Phase::Restoring, "files are put back when that is announced");
                for (place, content) in self.disk.kept[&hook].clone() {
                    if !self.effect() {
                        return None;
                    }
                    match content {
                        Some(content) => self.disk.places.insert(place, content),
                        None => self.disk.places.remove(&place),
                    };
                }
                Some(Event::Restored { hook, run, outcome: Ok(()) })
            }
            Command::Run { hook, run, start } => {
                self.judge_run(&hook);
                if !self.effect() {
                    return None;
                }
                self.ran.push(Ran {
                    hook: hook.clone(),
                    version: start.version,
                    from_version: start.from_version,
                    why: start.why,
                    at_ms: self.now,
                    stale: start.stale,
                    ended: None,
                });
                if self.hold {
                    self.held.push_back((hook, run));
                    return None;
                }
                if !self.effect() {
                    return None;
                }
                Some(self.end_of(hook, run))
            }
            Command::Ask { hook, ask, turn } => {
                assert!(turn.lease_ms > 0);
                let answer = self.turn_of(&hook);
                Some(Event::Answered { hook, ask, answer })
            }
            Command::GiveBack { hook, .. } => self.take_back(hook),
            Command::Tell { hook, gave_up, .. } => {
                self.told.push((hook, gave_up));
                None
            }
            Command::WakeAt { ms } => {
                self.wake_at = Some(ms);
                None
            }
            Command::Report(report) => {
                if let Report::WithoutTurn { hook, .. } = &report {
                    self.without_turn.insert(hook.clone());
                }
                self.reports.push(report);
                None
            }
        }
    }

    fn turn_of(&mut self, hook: &str) -> TurnAnswer {
        self.without_turn.remove(hook);
        let answer = self.answers.pop_front().unwrap_or(TurnAnswer::Granted);
        if answer == TurnAnswer::Granted {
            self.turns.insert(hook.to_owned());
        }
        answer
    }

    fn take_back(&mut self, hook: String) -> Option<Event> {
        assert!(self.turns.remove(&hook), "a turn is given back that nobody has");
        self.given_back += 1;
        (!self.slow_to_take_back).then_some(Event::GivenBack { hook })
    }

    fn replace(&mut self, hook: &str) -> Option<()> {
        let phase = self.disk.records[hook].pending.as_ref().unwrap().phase;
        assert_eq!(phase, Phase::Rendered, "files are replaced when that is announced");
        for file in &self.recipe(hook).files {
            let place = file.path.display().to_string();
            if !self.effect() {
                return None;
            }
            if let Some(staged) = self.disk.staged.remove(&place) {
                self.disk.places.insert(place, staged);
            }
        }
        Some(())
    }

    fn judge_run(&self, hook: &str) {
        let pending = self.disk.records[hook].pending.as_ref().unwrap();
        assert_ne!(pending.phase, Phase::Rendered, "a program runs when that is announced");
        assert!(self.held.iter().all(|(held, _)| held != hook), "one at a time");
        let free = self.recipe(hook).fleet.is_none() || self.forced.contains(hook);
        let has_turn = self.turns.contains(hook) || self.without_turn.contains(hook);
        assert!(free || has_turn, "a program runs when it is its turn");
    }

    /// So is answered for so many times.
    pub(super) fn answer(&mut self, times: usize, answer: &TurnAnswer) {
        self.answers.extend(std::iter::repeat_n(answer.clone(), times));
    }

    fn end_of(&mut self, hook: String, run: RunId) -> Event {
        let ok = self.failing_runs == 0;
        self.failing_runs = self.failing_runs.saturating_sub(1);
        let mine = self.ran.iter_mut().rev().find(|ran| ran.hook == hook).unwrap();
        mine.ended = Some(ok);
        let how = if ok { "exit status 0" } else { "exit status 1" };
        let end = End { ok, how: how.to_owned(), output: String::new(), took_ms: 5 };
        Event::Ended { hook, run, end }
    }

    /// The oldest program that waits comes to its end.
    pub(super) fn let_go(&mut self) {
        let (hook, run) = self.held.pop_front().expect("a program runs");
        let event = self.end_of(hook, run);
        self.tell(event);
    }

    fn stage(&mut self, stage: Stage) -> Option<Event> {
        let Stage { hook, run, input, keep, .. } = stage;
        if !self.effect() {
            return None;
        }
        self.disk.next.insert(hook.clone(), (*input).clone());
        let recipe = self.recipe(&hook);
        let places: Vec<String> =
            recipe.files.iter().map(|file| file.path.display().to_string()).collect();
        if self.failing_stages > 0 {
            self.failing_stages -= 1;
            return Some(Event::Staged { hook, run, outcome: Err("no".to_owned()) });
        }
        if keep && !places.is_empty() {
            let now = places.iter().map(|it| (it.clone(), self.disk.places.get(it).cloned()));
            self.disk.kept.insert(hook.clone(), now.collect());
        }
        let text = content(&input);
        let mut same = true;
        for place in &places {
            if self.disk.places.get(place) == Some(&text) {
                self.disk.staged.remove(place);
            } else {
                same = false;
                if !self.effect() {
                    return None;
                }
                self.disk.staged.insert(place.clone(), text.clone());
            }
        }
        let files = if places.is_empty() { String::new() } else { format!("digest of {text}") };
        Some(Event::Staged { hook, run, outcome: Ok(Staged { files, same }) })
    }

    fn journal(&mut self, hook: String, run: RunId, record: Record) -> Option<Event> {
        if self.failing_journals > 0 {
            self.failing_journals -= 1;
            return Some(Event::Journaled { hook, run, outcome: Err("full".to_owned()) });
        }
        if !self.effect() {
            return None;
        }
        let before = self.disk.records.get(&hook).cloned().unwrap_or_default();
        if let Some(pending) = &record.pending
            && before.pending.is_none()
        {
            let acknowledged = before.done.as_ref().map(|done| done.hash.as_str());
            let starts = self.recipe(&hook).on_start == crate::recipe::OnStart::Always;
            assert!(
                acknowledged != Some(pending.to.hash.as_str())
                    || starts
                    || self.forced.contains(&hook),
                "announced without a cause: {record:?}"
            );
        }
        // Who is put back has not been followed: the wish stands.
        let back = before.pending.as_ref().is_some_and(|it| it.phase == Phase::Restoring);
        if record.pending.is_none() && !back {
            self.forced.remove(&hook);
        }
        self.disk.records.insert(hook.clone(), record);
        Some(Event::Journaled { hook, run, outcome: Ok(()) })
    }

    /// Why, version: of every program that was begun.
    pub(super) fn runs(&self) -> Vec<(Why, u64)> {
        self.ran.iter().map(|ran| (ran.why, ran.version)).collect()
    }

    pub(super) fn status(&self, hook: &str) -> HookStatus {
        let all = self.engine.status(self.now);
        all.into_iter().find(|status| status.hook == hook).unwrap()
    }

    /// Everything is as the newest state wants it: acknowledged, and in its places.
    pub(super) fn assert_followed(&self, snapshot: &Snapshot) {
        for recipe in &self.recipes {
            let input = Input::of(snapshot, recipe, &recipe.digest()).unwrap();
            let record = &self.disk.records[&recipe.name];
            assert_eq!(record.pending, None, "{}", recipe.name);
            assert_eq!(record.done.as_ref().unwrap().hash, input.hash, "{}", recipe.name);
            for file in &recipe.files {
                let place = file.path.display().to_string();
                assert_eq!(self.disk.places.get(&place), Some(&content(&input)), "{place}");
            }
        }
    }
}
