//! What one hook sees of the catalog: its picture as it is, as it is durable, and the events between the two.
//!
//! Owns the bound on events that wait, and what goes into the store with those that are taken up. An event
//! waits until a durable picture shows what came of it, whoever wrote that. What cannot wait for want of
//! room is not lost: the picture stays behind, and the event is found again when there is room.

mod draft;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use lathe_catalog::Entry;

pub(super) use draft::Draft;

use super::event::{Event, Kind, parts_of};
use super::pending::{Back, Pending};
use super::picture::{Page, PageId, Slot, Step, Task, page_of};
use super::rule::Rule;
use super::world::{At, World};

/// Events that wait at one registry for one hook.
pub(super) const PENDING_MAX: usize = 4096;

/// How something came to be known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// By a clock that never goes back, in milliseconds.
    pub(super) ms: u64,
    /// By the registry's clock, in milliseconds since the Unix epoch.
    pub(super) unix_ms: u64,
    /// The commit at which it is so, or was so already.
    pub(super) commit: u64,
    /// Nobody saw it happen.
    pub(super) late: bool,
}

/// What is news when a registry begins to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Everything that differs from the durable picture.
    All,
    /// Of that, what the durable picture has at all: it was made by another filter.
    OfKnown,
    /// Nothing: there is no durable picture.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Lookout {
    pub(super) rule: Arc<Rule>,
    live: BTreeMap<PageId, Page>,
    durable: BTreeMap<PageId, Page>,
    pending: VecDeque<Pending>,
    /// Lives whose end was seen, and is not durable yet.
    ended: BTreeSet<(String, u32, u64)>,
    /// Pages that may differ from the durable ones.
    dirty: BTreeSet<PageId>,
    /// Something was left unseen for want of room.
    pub(super) skipped: bool,
}

impl Lookout {
    pub(super) fn new(rule: Arc<Rule>) -> Self {
        let (live, durable, pending, ended, dirty) = Default::default();
        Self { rule, live, durable, pending, ended, dirty, skipped: false }
    }

    /// Events that wait.
    pub(super) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Since when the oldest of them waits.
    pub(super) fn waits_since_ms(&self) -> Option<u64> {
        self.pending.front().map(|one| one.since_ms)
    }

    /// The pages that are durable.
    pub(super) fn durable_pages(&self) -> impl Iterator<Item = &PageId> {
        self.durable.keys()
    }

    /// Compares the durable picture, which is known whole, with the catalog.
    pub(super) fn begin(&mut self, world: &World, found: Found, news: News) {
        // A picture of another life of the store gives way to what is there.
        self.live = if news == News::Nothing { BTreeMap::new() } else { self.durable.clone() };
        self.dirty.extend(self.durable.keys().cloned());
        self.pending.clear();
        self.ended.clear();
        if news == News::OfKnown {
            self.forget_unseen(world);
        }
        self.compare(world, found, news);
    }

    /// Another filter has seen more: what this one does not see is no death when it goes.
    fn forget_unseen(&mut self, world: &World) {
        let filter = &self.rule.filter;
        for ((task, _), page) in &mut self.live {
            let record = world.tasks.get(task).map(|record| &record.what);
            for (slot, known) in &mut page.slots {
                known.lives.retain(|life, _| {
                    let entry = world.entries.get(&format!("{task}#{slot}.{life}"));
                    match entry {
                        Some(entry) => filter.sees(&entry.what),
                        None => record.is_some_and(|record| filter.may_see(record)),
                    }
                });
            }
        }
        self.dirty.extend(self.live.keys().cloned());
    }

    /// Looks for everything that was left unseen.
    pub(super) fn compare(&mut self, world: &World, found: Found, news: News) {
        self.skipped = false;
        for incarnation in world.entries.keys() {
            let kept = self.pending.len();
            self.see_entry(world, incarnation, None, found);
            let known = parts_of(incarnation).is_some_and(|(task, slot, _)| {
                let page = self.durable.get(&page_of(task, slot));
                page.is_some_and(|page| page.slots.contains_key(&slot))
            });
            self.keep(kept, news, known);
        }
        for task in world.tasks.keys() {
            let kept = self.pending.len();
            self.see_task(world, task, found);
            let page = self.durable.get(&(task.clone(), 0));
            self.keep(kept, news, page.is_some_and(|page| page.task.is_some()));
        }
        let pages: Vec<PageId> = self.live.keys().cloned().collect();
        for page in pages {
            self.end_lost(world, &page, found);
        }
    }

    fn keep(&mut self, kept: usize, news: News, known: bool) {
        let is_news = news == News::All || (news == News::OfKnown && known);
        if !is_news {
            self.pending.truncate(kept);
        }
    }

    /// Lives of a page that the catalog would show if they lived.
    fn end_lost(&mut self, world: &World, page: &PageId, found: Found) {
        let slots = self.live.get(page).into_iter().flat_map(|page| &page.slots);
        let lives = slots.flat_map(|(slot, known)| {
            let heard = known.lives.iter().filter(|(_, life)| life.at <= world.reached);
            heard.map(|(number, _)| (*slot, *number))
        });
        let lives: Vec<(u32, u64)> = lives.collect();
        for (slot, life) in lives {
            let incarnation = format!("{}#{slot}.{life}", page.0);
            if !world.entries.contains_key(&incarnation) {
                self.see_entry(world, &incarnation, None, found);
            }
        }
    }

    /// An incarnation's entry is another one than before, or gone.
    pub(super) fn see_entry(
        &mut self,
        world: &World,
        incarnation: &str,
        before: Option<&At<Entry>>,
        found: Found,
    ) {
        let Some((task, slot, life)) = parts_of(incarnation) else { return };
        let id = page_of(task, slot);
        let known = self.live.get(&id).and_then(|page| page.slots.get(&slot));
        let after = world.entries.get(incarnation);
        if known.is_none_or(|slot| !slot.lives.contains_key(&life))
            && after.is_none_or(|after| !self.rule.filter.sees(&after.what))
        {
            return;
        }
        let mut next = known.cloned().unwrap_or_default();
        let steps = match after {
            Some(after) => next.show(life, &after.what, after.commit),
            None => next.end(life, found.commit).into_iter().collect(),
        };
        if !self.rule.filter.on.contains(&Kind::Unhealthy)
            && let Some(life) = next.lives.get_mut(&life)
        {
            (life.ill, life.ill_at) = (false, 0);
        }
        if known == Some(&next) {
            return;
        }
        let seen = after.or(before).map_or(0, |at| at.commit);
        let told: Vec<Pending> = steps
            .into_iter()
            .map(|step| {
                let entry = after.or(before).map(|at| &at.what);
                self.told(world, (task, slot, life), step, (entry, seen), found)
            })
            .collect();
        let wanted = told.iter().filter(|one| self.rule.filter.wants(&one.event)).count();
        if wanted > 0 && self.pending.len() + wanted > PENDING_MAX {
            self.skipped = true;
            return;
        }
        for one in told {
            if one.event.kind == Kind::Died {
                self.ended.insert((task.to_owned(), slot, life));
            }
            if self.rule.filter.wants(&one.event) {
                self.pending.push_back(one);
            }
        }
        self.live.entry(id.clone()).or_default().slots.insert(slot, next);
        self.dirty.insert(id);
    }

    fn told(
        &self,
        world: &World,
        (task, slot, life): (&str, u32, u64),
        step: Step,
        (entry, seen): (Option<&Entry>, u64),
        found: Found,
    ) -> Pending {
        let incarnation = format!("{task}#{slot}.{life}");
        let (kind, before) = match step {
            Step::Started(before) => (Kind::Started, before),
            Step::Unhealthy(before) => (Kind::Unhealthy, before),
            Step::Died(before) => (Kind::Died, before),
        };
        let died = kind == Kind::Died;
        // An entry tells when it became what it is; of its end nothing is written.
        let at_ms = entry.filter(|_| !died).map_or(found.unix_ms, |entry| entry.since_ms);
        let id = match kind {
            Kind::Unhealthy => format!("{kind}:{incarnation}:{seen}"),
            _ => format!("{kind}:{incarnation}"),
        };
        let record = world.tasks.get(task).map(|record| &record.what);
        let topology = entry.map(|entry| &entry.topology).or(record.map(|record| &record.topology));
        let event = Event {
            id,
            kind,
            at_ms,
            topology: topology.cloned().unwrap_or_default(),
            task: task.to_owned(),
            slot: Some(slot),
            incarnation: Some(incarnation),
            host: Some(before.host.clone()),
            version: entry.map(|entry| entry.version.clone()),
            reason: entry.and_then(|entry| entry.reason.clone()),
            deliberate: died && (before.draining || world.is_removed(task)),
            never_ready: died && !before.ready,
            late: found.late,
            parts: Vec::new(),
        };
        Pending { event, back: Back::Life { slot, life, before }, seen, since_ms: found.ms }
    }

    /// A task's record is another one than before.
    pub(super) fn see_task(&mut self, world: &World, task: &str, found: Found) {
        let Some(record) = world.tasks.get(task) else { return };
        if !self.rule.filter.sees_task(&record.what) {
            return;
        }
        let id = (task.to_owned(), 0);
        let before = self.live.get(&id).and_then(|page| page.task.clone());
        let after = Task::of(&record.what, record.commit);
        let parts = after.differs(before.as_ref());
        let is_new = before.is_none() || !parts.is_empty();
        if !is_new || before.as_ref().is_some_and(|before| before.at >= after.at) {
            return;
        }
        if !parts.is_empty() {
            if self.pending.len() >= PENDING_MAX {
                self.skipped = true;
                return;
            }
            let event = Event {
                id: format!("{}:{task}:{}", Kind::Changed, after.at),
                kind: Kind::Changed,
                at_ms: found.unix_ms,
                topology: record.what.topology.clone(),
                task: task.to_owned(),
                slot: None,
                incarnation: None,
                host: None,
                version: Some(record.what.version.clone()),
                reason: None,
                deliberate: false,
                never_ready: false,
                late: found.late,
                parts,
            };
            let (back, seen, since_ms) = (Back::Task { before }, after.at, found.ms);
            self.pending.push_back(Pending { event, back, seen, since_ms });
        }
        self.live.entry(id.clone()).or_default().task = Some(after);
        self.dirty.insert(id);
    }

    /// A page is durable like this, or gone, whoever wrote it.
    pub(super) fn hear(&mut self, id: &PageId, page: Option<Page>, begun: Option<(&World, Found)>) {
        match page {
            Some(page) => self.durable.insert(id.clone(), page),
            None => self.durable.remove(id),
        };
        self.dirty.insert(id.clone());
        let (Some((world, found)), Some(page)) = (begun, self.durable.get(id)) else { return };
        let own = self.live.entry(id.clone()).or_default();
        let newer = |own: &Task, theirs: &Task| theirs.at > own.at;
        if let Some(theirs) = &page.task
            && own.task.as_ref().is_none_or(|own| newer(own, theirs))
        {
            own.task = Some(theirs.clone());
        }
        for (slot, theirs) in &page.slots {
            let name = |life: u64| format!("{}#{slot}.{life}", id.0);
            let ended = |life: u64| self.ended.contains(&(id.0.clone(), *slot, life));
            let seen = |life: u64| world.entries.get(&name(life)).map(|entry| entry.commit);
            own.slots.entry(*slot).or_default().absorb(theirs, seen, ended);
        }
        let over = |slot: u32, life: u64| {
            let known = page.slots.get(&slot).filter(|slot| slot.knows(life));
            known.is_some_and(|slot: &Slot| !slot.lives.contains_key(&life))
        };
        self.ended.retain(|(task, slot, life)| page_of(task, *slot) != *id || !over(*slot, *life));
        self.pending.retain(|one| one.page() != *id || !one.is_in(page));
        self.end_lost(world, id, found);
    }
}
