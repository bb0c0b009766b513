//! What each instance calls for, judged when its record or what is wanted of it changes, and at the
//! moments when time alone changes it; with sums over tasks and topologies. So no step looks at
//! instances that nothing happens to.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::TaskPath;

use super::Framework;
use super::converge::KILL_AGAIN_MS;
use super::ids::{InstanceId, Time};
use super::records::{InstanceRecord, Phase};
use super::updates::FREE_ENDS;
use super::watchers::HOPELESS_ENDS;

/// The judgement of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standing {
    topology: String,
    /// A life must end, and has not been told so just now.
    to_end: bool,
    /// Its one life is to give way to other contents when its turn comes.
    in_turn: bool,
    /// It is wanted and has no life worth waiting for.
    vacant: bool,
    /// It is wanted and neither ready nor finished.
    down: bool,
    /// Its slot has ended early too often and has not kept running since.
    backs_off: bool,
    /// Its slot has ended early and has not kept running since.
    shaky: bool,
    /// It is ready with the wanted contents, in an update, and not for long enough to count.
    unbaked: bool,
    /// It holds the contents of an update, and was not ready in time.
    stuck: bool,
    /// Nothing more is to happen to it.
    settled: bool,
    /// It is settled as it is wanted.
    as_wanted: bool,
    /// It is wanted and ends early again and again.
    hopeless: bool,
    /// Some life of it may be on a host that is to be left.
    there: bool,
    /// Its newest launch is not heard of yet, since then.
    silent_since_ms: Option<Time>,
    /// When time alone may change this judgement.
    again_ms: Option<Time>,
}

/// Slots of one task that need something.
#[derive(Debug, Default)]
pub(super) struct OfTask {
    pub(super) in_turn: BTreeSet<u32>,
    pub(super) vacant: BTreeSet<u32>,
    pub(super) down: BTreeSet<u32>,
    pub(super) backs_off: BTreeSet<u32>,
    pub(super) shaky: BTreeSet<u32>,
    pub(super) unbaked: BTreeSet<u32>,
    pub(super) stuck: BTreeSet<u32>,
}

impl OfTask {
    fn is_empty(&self) -> bool {
        let Self { in_turn, vacant, down, backs_off, shaky, unbaked, stuck } = self;
        let all = [in_turn, vacant, down, backs_off, shaky, unbaked, stuck];
        all.into_iter().all(BTreeSet::is_empty)
    }
}

/// Sums over one topology.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OfTopology {
    /// Instances to which something is still to happen.
    pub(super) open: u32,
    pub(super) as_wanted: u32,
    pub(super) hopeless: u32,
}

/// All judgements, and what follows from them.
#[derive(Debug, Default)]
pub(super) struct Standings {
    each: BTreeMap<InstanceId, Standing>,
    pub(super) to_end: BTreeSet<InstanceId>,
    /// Those on hosts that are to be left.
    pub(super) there: BTreeSet<InstanceId>,
    /// Tasks of which some slot needs something.
    pub(super) tasks: BTreeMap<TaskPath, OfTask>,
    topologies: BTreeMap<String, OfTopology>,
    pub(super) silent: BTreeSet<(Time, InstanceId)>,
    again: BTreeSet<(Time, InstanceId)>,
    vacancies: u64,
}

impl Standings {
    pub(super) fn of_topology(&self, name: &str) -> OfTopology {
        self.topologies.get(name).copied().unwrap_or_default()
    }

    /// How often a slot has become vacant: another number means that something more is missing.
    pub(super) fn vacancies(&self) -> u64 {
        self.vacancies
    }

    /// When something is to be judged again, or a silent launch is to be asked about.
    pub(super) fn next(&self) -> Option<Time> {
        let again = self.again.first().map(|(at, _)| *at);
        let silent = self.silent.first().map(|(since, _)| since + super::reconcile::SILENT_MS);
        [again, silent].into_iter().flatten().min()
    }

    fn replace(&mut self, id: &InstanceId, new: Standing) {
        let old = self.each.remove(id).unwrap_or_default();
        if old != new {
            self.vacancies += u64::from(new.vacant && !old.vacant);
            self.count(id, &old, false);
            self.count(id, &new, true);
        }
        // What is settled and not wanted is not thought of any more.
        if new
            != (Standing { settled: true, topology: new.topology.clone(), ..Standing::default() })
        {
            self.each.insert(id.clone(), new);
        }
    }

    fn count(&mut self, id: &InstanceId, standing: &Standing, add: bool) {
        put(&mut self.to_end, id.clone(), standing.to_end, add);
        put(&mut self.there, id.clone(), standing.there, add);
        let task = self.tasks.entry(id.task.clone()).or_default();
        put(&mut task.in_turn, id.slot, standing.in_turn, add);
        put(&mut task.vacant, id.slot, standing.vacant, add);
        put(&mut task.down, id.slot, standing.down, add);
        put(&mut task.backs_off, id.slot, standing.backs_off, add);
        put(&mut task.shaky, id.slot, standing.shaky, add);
        put(&mut task.unbaked, id.slot, standing.unbaked, add);
        put(&mut task.stuck, id.slot, standing.stuck, add);
        if task.is_empty() {
            self.tasks.remove(&id.task);
        }
        for (times, at) in
            [(&mut self.silent, standing.silent_since_ms), (&mut self.again, standing.again_ms)]
        {
            if let Some(at) = at {
                put(times, (at, id.clone()), true, add);
            }
        }
        if standing.topology.is_empty() {
            return;
        }
        let sums = self.topologies.entry(standing.topology.clone()).or_default();
        let step = |sum: &mut u32, counts: bool| {
            if counts {
                *sum = if add { *sum + 1 } else { sum.saturating_sub(1) };
            }
        };
        step(&mut sums.open, !standing.settled);
        step(&mut sums.as_wanted, standing.as_wanted);
        step(&mut sums.hopeless, standing.hopeless);
        if *sums == OfTopology::default() {
            self.topologies.remove(&standing.topology);
        }
    }
}

fn put<T: Ord>(set: &mut BTreeSet<T>, value: T, counts: bool, add: bool) {
    if counts && add {
        set.insert(value);
    } else if counts {
        set.remove(&value);
    }
}

impl Framework {
    /// Judges anew what has changed, and what time has changed.
    pub(super) fn judge(&mut self, now: Time) {
        while self.standings.again.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, id)) = self.standings.again.pop_first() {
                self.instances.mark(id);
            }
        }
        for id in self.instances.take_changed() {
            let standing = self.standing_of(now, &id);
            self.standings.replace(&id, standing);
        }
    }

    /// The first instance whose judgement is not what it would be if it were made now.
    #[cfg(test)]
    pub(super) fn misjudged(&self, now: Time) -> Option<InstanceId> {
        let gone = |standing: &Standing| standing.settled && !standing.as_wanted;
        self.instances.values().map(|record| &record.id).find_map(|id| {
            let right = self.standing_of(now, id);
            let kept = self.standings.each.get(id).cloned();
            let is_right = kept.as_ref() == Some(&right) || (kept.is_none() && gone(&right));
            (!is_right).then(|| id.clone())
        })
    }

    fn standing_of(&self, now: Time, id: &InstanceId) -> Standing {
        let Some(record) = self.instances.get(id) else { return Standing::default() };
        let wanted = self.wanted.of(id);
        let is_wanted = wanted.is_some();
        let paused = wanted.is_some_and(|(accepted, _)| accepted.record.paused);
        let finished = is_wanted && self.is_finished(record);
        let worth_waiting = record.lives.last().filter(|life| !self.given_up(now, life));
        let empty = is_wanted && worth_waiting.is_none() && !finished;
        let ready = worth_waiting.is_some_and(|life| life.phase == Phase::Ready);
        let counted = record.lives.iter().filter(|life| !self.given_up(now, life)).count();
        // What would run beside the count is not started while its update stands still.
        let beside = is_wanted && self.is_surge(id);
        let settled = match (worth_waiting, counted) {
            (None, 0) => !is_wanted || finished || (paused && beside),
            (Some(life), 1) => is_wanted && ready && (paused || !self.must_end(record, life)),
            _ => false,
        };
        let proved_ms = self.proved_after_ms(id);
        let bakes_until = worth_waiting.and_then(|life| self.bakes_until(record, life));
        let stuck_at = worth_waiting.and_then(|life| self.stuck_at(record, life));
        let shaky = has_not_held(now, record, proved_ms);
        let mut standing = Standing {
            topology: record.topology.clone(),
            vacant: empty && now >= record.not_before_ms,
            down: is_wanted && !ready && !finished,
            backs_off: is_wanted && record.early_ends > FREE_ENDS && shaky,
            shaky: is_wanted && record.early_ends > 0 && shaky,
            unbaked: bakes_until.is_some_and(|until| now < until),
            stuck: stuck_at.is_some_and(|at| at <= now),
            settled,
            as_wanted: settled && is_wanted && !beside,
            hopeless: is_wanted && record.early_ends >= HOPELESS_ENDS,
            there: record.lives.iter().any(|life| self.maintenance.is_due(&life.agent)),
            silent_since_ms: record
                .lives
                .iter()
                .filter(|life| life.phase == Phase::Launching)
                .map(|life| life.since_ms)
                .min(),
            ..Standing::default()
        };
        self.judge_ends(now, record, &mut standing);
        standing.again_ms = [
            standing.again_ms,
            empty.then_some(record.not_before_ms),
            record.lives.iter().filter_map(|life| self.gives_up_at(life)).min(),
            proves_itself_at(record, proved_ms),
            bakes_until,
            stuck_at,
        ]
        .into_iter()
        .flatten()
        .filter(|at| *at > now)
        .min();
        standing
    }

    fn judge_ends(&self, now: Time, record: &InstanceRecord, to: &mut Standing) {
        for life in &record.lives {
            if !self.must_end(record, life) {
                continue;
            }
            if self.ends_by_turns(record, life) {
                to.in_turn = true;
                continue;
            }
            match self.kills.get(&life.incarnation).map(|told| told + KILL_AGAIN_MS) {
                Some(again) if now < again => {
                    to.again_ms = Some(to.again_ms.map_or(again, |other| other.min(again)));
                }
                _ => to.to_end = true,
            }
        }
    }
}

/// Whether the slot has no life that has kept running.
fn has_not_held(now: Time, record: &InstanceRecord, proved_ms: u64) -> bool {
    let newest = record.lives.last();
    newest.is_none_or(|life| life.phase != Phase::Ready || now < life.ready_ms + proved_ms)
}

/// When the present life of a slot that had ended early has been ready for long enough.
fn proves_itself_at(record: &InstanceRecord, proved_ms: u64) -> Option<Time> {
    let life = record.lives.last().filter(|_| record.early_ends > 0)?;
    (life.phase == Phase::Ready).then_some(life.ready_ms + proved_ms)
}
