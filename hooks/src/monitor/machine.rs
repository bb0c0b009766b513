//! The machine of a registry's hooks: what the store says and which programs ended in, what to write and
//! to run out.
//!
//! Owns what all hooks share: the catalog, which registries are there, whether the store is heard. Pure:
//! no I/O, no clock; time comes with each input.

use lathe_catalog::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::around::Around;
use super::exchange::{Command, Input, Now, Report};
use super::hook::Hook;
use super::lookout::{Found, News};
use super::picture::Page;
use super::record::{Record, Runner, paths};
use super::rule::Rule;
use super::status::Status;
use super::world::{Sight, World};

/// The machine.
#[derive(Debug)]
pub struct Machine {
    by: String,
    url: String,
    hooks: BTreeMap<String, Hook>,
    world: World,
    runners: BTreeMap<String, Runner>,
    listed: bool,
    hooks_listed: bool,
    /// Both were, and the hooks have compared them.
    begun: bool,
    heard: bool,
    ending: bool,
    dice: u64,
    wake_ms: Option<u64>,
}

impl Machine {
    /// The machine of this life of the registry that others know by this URL.
    #[must_use]
    pub fn new(by: &str, url: &str, rules: Vec<Arc<Rule>>, seed: u64) -> Self {
        let hook = |rule: Arc<Rule>| (rule.name().to_owned(), Hook::new(rule));
        Self {
            by: by.to_owned(),
            url: url.to_owned(),
            hooks: rules.into_iter().map(hook).collect(),
            world: World::default(),
            runners: BTreeMap::new(),
            listed: false,
            hooks_listed: false,
            begun: false,
            heard: false,
            ending: false,
            dice: seed,
            wake_ms: None,
        }
    }

    /// What this registry says of itself in the store, for as long as its session lasts.
    #[must_use]
    pub fn runner(&self) -> Runner {
        let hooks = self.hooks.keys().cloned().collect();
        Runner { by: self.by.clone(), url: self.url.clone(), hooks }
    }

    /// Takes an input, appends what is to be done.
    pub fn step(&mut self, now: Now, input: Input, commands: &mut Vec<Command>) {
        match input {
            Input::Listed { history, commit, nodes } => {
                self.list(now, (&history, commit), &nodes);
            }
            Input::Committed { commit, nodes } => {
                let found = Found { ms: now.ms, unix_ms: now.unix_ms, commit, late: false };
                let sights: Vec<Sight> =
                    nodes.iter().filter_map(|node| self.world.take(commit, node)).collect();
                self.see(&sights, found);
            }
            Input::HooksListed { commit, nodes } => {
                self.list_hooks(now, commit, &nodes, commands);
            }
            Input::HookChanged { node } => self.hear(now, &node, commands),
            Input::Lost => self.heard = false,
            Input::Found => self.heard = true,
            Input::Written { hook, durable } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.written(now, durable);
                }
            }
            Input::Ended { hook, run, end } => {
                if !self.ending {
                    self.each(now, commands, |name, one, around, commands| {
                        if *name == hook {
                            one.ended(around, run, end.clone(), commands);
                        }
                    });
                }
            }
            Input::Woken => self.wake_ms = None,
            Input::Ending => self.ending = true,
        }
        self.begin(now);
        if self.begun {
            self.each(now, commands, |_, hook, around, commands| hook.go_on(around, commands));
            self.ask_to_be_woken(now, commands);
        }
    }

    fn each(
        &mut self,
        now: Now,
        commands: &mut Vec<Command>,
        mut what: impl FnMut(&String, &mut Hook, &mut Around<'_>, &mut Vec<Command>),
    ) {
        let able = self.is_able();
        let mut around = Around {
            now,
            world: &self.world,
            runners: &self.runners,
            by: &self.by,
            url: &self.url,
            able,
            dice: &mut self.dice,
        };
        for (name, hook) in &mut self.hooks {
            what(name, hook, &mut around, commands);
        }
    }

    /// Others can see that it is there, and it can see what they write.
    fn is_able(&self) -> bool {
        let is_listed = self.runners.values().any(|one| one.by == self.by);
        self.begun && self.heard && is_listed && !self.ending
    }

    fn list(&mut self, now: Now, (history, commit): (&str, u64), nodes: &[Node]) {
        if self.world.history != history {
            self.begun = false;
        }
        let sights = self.world.list(history, commit, nodes);
        self.listed = true;
        let found = Found { ms: now.ms, unix_ms: now.unix_ms, commit, late: true };
        self.see(&sights, found);
        if self.begun {
            for hook in self.hooks.values_mut() {
                hook.lookout.compare(&self.world, found, News::All);
            }
        }
    }

    fn see(&mut self, sights: &[Sight], found: Found) {
        if !self.begun {
            return;
        }
        for hook in self.hooks.values_mut() {
            for sight in sights {
                match sight {
                    Sight::Entry { incarnation, before } => {
                        hook.lookout.see_entry(&self.world, incarnation, before.as_deref(), found);
                    }
                    Sight::Task { task } => hook.lookout.see_task(&self.world, task, found),
                }
            }
        }
    }

    fn begin(&mut self, now: Now) {
        if self.begun || !self.listed || !self.hooks_listed {
            return;
        }
        self.begun = true;
        for hook in self.hooks.values_mut() {
            hook.begin(&self.world, now);
        }
    }

    fn list_hooks(&mut self, now: Now, commit: u64, nodes: &[Node], commands: &mut Vec<Command>) {
        self.heard = true;
        self.hooks_listed = true;
        let there: BTreeSet<&str> = nodes.iter().map(|node| node.path.as_str()).collect();
        let mut lost: Vec<String> = Vec::new();
        for (name, hook) in &self.hooks {
            lost.push(paths::record(name));
            lost.extend(hook.lookout.durable_pages().map(|id| paths::page(name, id)));
        }
        lost.extend(self.runners.keys().map(|id| paths::runner(id)));
        let lost = lost.into_iter().filter(|path| !there.contains(path.as_str()));
        let lost: Vec<Node> = lost.map(|path| Node { path, content: None }).collect();
        for node in nodes.iter().chain(&lost) {
            self.hear(now, node, commands);
        }
        self.hooks.values_mut().for_each(|hook| hook.listed(commit));
    }

    fn hear(&mut self, now: Now, node: &Node, commands: &mut Vec<Command>) {
        if let Some(id) = paths::runner_of(&node.path) {
            match read::<Runner>(node, commands) {
                Some(runner) => self.runners.insert(id.to_owned(), runner),
                None => self.runners.remove(id),
            };
        } else if let Some(name) = paths::record_of(&node.path) {
            let Some(hook) = self.hooks.get_mut(name) else { return };
            let about = node.content.as_ref().map(|content| (content.version, content.commit));
            let record = read::<Record>(node, commands).filter(|record| record.hook == name);
            let found = record.zip(about).map(|(record, (version, at))| (record, version, at));
            hook.hear_record(now.ms, found, about.map(|(version, _)| version));
        } else if let Some((name, id)) = paths::page_of(&node.path) {
            let Some(hook) = self.hooks.get_mut(name) else { return };
            let page = read::<Page>(node, commands);
            let found =
                Found { ms: now.ms, unix_ms: now.unix_ms, commit: self.world.reached, late: true };
            let begun = self.begun.then_some((&self.world, found));
            hook.hear_page(&id, page, begun);
        }
    }

    fn ask_to_be_woken(&mut self, now: Now, commands: &mut Vec<Command>) {
        let able = self.is_able();
        let wake_ms = self.hooks.values().filter_map(|hook| hook.wake_ms(now.ms, able)).min();
        if let Some(ms) = wake_ms.filter(|_| self.wake_ms != wake_ms) {
            commands.push(Command::WakeAt { ms });
        }
        self.wake_ms = wake_ms;
    }

    /// How every hook stands, by name.
    #[must_use]
    pub fn status(&self, now: Now) -> Vec<Status> {
        let mut dice = self.dice;
        let around = Around {
            now,
            world: &self.world,
            runners: &self.runners,
            by: &self.by,
            url: &self.url,
            able: self.is_able(),
            dice: &mut dice,
        };
        self.hooks.values().map(|hook| hook.status(&around, self.begun)).collect()
    }
}

/// What a node holds; one that holds something else counts as not there, and is told.
fn read<T: DeserializeOwned>(node: &Node, commands: &mut Vec<Command>) -> Option<T> {
    let content = node.content.as_ref()?;
    let read = serde_json::from_slice(&content.data);
    if read.is_err() {
        let path = node.path.clone();
        commands.push(Command::Report(Report::Unreadable { path }));
    }
    read.ok()
}
