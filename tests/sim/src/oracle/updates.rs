//! Updates by rules: the framework ends nothing of a task that would leave fewer ready than its rule
//! asks for, and no more run than are wanted and may run beside. Judged on what is durable, write by
//! write, and on what lives on the hosts.

use std::collections::{BTreeMap, VecDeque};

use lathe_scheduler::framework::ids::{BatchId, InstanceId};
use lathe_scheduler::framework::records::{
    InstanceRecord, Life, MOVING, Phase, RESTARTING, TopologyRecord, Write,
};
use lathe_scheduler::framework::wanted::Accepted;
use lathe_topology::{Pace, TaskPath};

use super::{Breach, Check};
use crate::hosts::Hosts;

/// What counted before a revision became durable may count for a scheduler that has not heard of it
/// for so long.
const HEARD_WITHIN_MS: u64 = 120_000;

/// What was written so far.
#[derive(Debug, Default)]
pub(super) struct Updates {
    instances: BTreeMap<InstanceId, InstanceRecord>,
    /// What is and was wanted of each topology, the newest last, with the moment of its write.
    wanted: BTreeMap<String, VecDeque<(u64, Option<Accepted>)>>,
    /// The newest batch of each scheduler that was judged: a write may be made twice.
    judged: BTreeMap<u64, BatchId>,
    /// Lives in the journal when they were judged last.
    births: usize,
}

impl Updates {
    /// One batch of a scheduler is durable. A group of them takes place at once, but was decided one
    /// after the other.
    pub(super) fn written(
        &mut self,
        now: u64,
        life: u64,
        batch: BatchId,
        writes: &[Write],
    ) -> Check {
        if self.judged.get(&life).is_some_and(|before| *before >= batch) {
            return Ok(());
        }
        self.judged.insert(life, batch);
        for write in writes {
            match write {
                Write::Topology(record) => self.accepted(now, &record.name, Some(record)),
                Write::TopologyRemoved(name) => self.accepted(now, name, None),
                Write::Instance(record) => {
                    let before = self.instances.insert(record.id.clone(), record.clone());
                    if before.is_some_and(|before| is_told_to_end(&before, record)) {
                        self.enough_stay_ready(now, record)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn accepted(&mut self, now: u64, name: &str, record: Option<&TopologyRecord>) {
        let read = record.and_then(|record| Accepted::read(record.clone()).ok());
        let known = self.wanted.entry(name.to_owned()).or_default();
        known.push_back((now, read));
        // Whatever was replaced long ago counts for nobody.
        while known.get(1).is_some_and(|(since, _)| since + HEARD_WITHIN_MS < now) {
            known.pop_front();
        }
    }

    /// What may count now, by the topology that an instance was started for.
    pub(super) fn counting(
        &self,
        now: u64,
        topology: &str,
    ) -> impl Iterator<Item = Option<&Accepted>> {
        let known = self.wanted.get(topology);
        let all = known.into_iter().flat_map(move |known| {
            let ended = |at: usize| known.get(at + 1).map(|(since, _)| *since);
            known.iter().enumerate().filter(move |(at, _)| {
                ended(*at).is_none_or(|ended| ended + HEARD_WITHIN_MS >= now)
            })
        });
        all.map(|(_, (_, accepted))| accepted.as_ref())
    }

    fn enough_stay_ready(&self, now: u64, record: &InstanceRecord) -> Check {
        let mut short = None;
        for accepted in self.counting(now, &record.topology) {
            match accepted.and_then(|accepted| self.too_few(accepted, record)) {
                Some(what) => short = Some(what),
                None => return Ok(()),
            }
        }
        short.map_or(Ok(()), |what| {
            let what = format!("{} was told to end: {what}", record.id);
            Err(Breach::new("an update leaves enough ready", what))
        })
    }

    fn too_few(&self, accepted: &Accepted, record: &InstanceRecord) -> Option<String> {
        let path = &record.id.task;
        let task = accepted.task(path)?;
        let least = task.update.as_ref()?.pace(task.count).min_healthy;
        let slots = || accepted.slots(path).iter().chain(accepted.surge(path));
        slots().find(|slot| **slot == record.id.slot)?;
        let ready = slots().filter(|slot| {
            let id = InstanceId { task: path.clone(), slot: **slot };
            self.newest(&id).is_some_and(|life| life.phase == Phase::Ready)
        });
        let ready = u32::try_from(ready.count()).unwrap_or(u32::MAX);
        (ready < least).then(|| format!("{ready} are ready, and {least} should be"))
    }

    fn newest(&self, id: &InstanceId) -> Option<&Life> {
        self.instances.get(id)?.lives.last()
    }

    /// Only a start can break what held before.
    pub(super) fn judge(&mut self, now: u64, hosts: &Hosts) -> Check {
        if self.births == hosts.journal.len() {
            return Ok(());
        }
        self.births = hosts.journal.len();
        let mut alive: BTreeMap<(&str, &TaskPath), u32> = BTreeMap::new();
        let ids = (0..hosts.hosts.len()).flat_map(|at| hosts.alive(at));
        let seen = ids.filter(|id| !hosts.journal.get(*id).is_some_and(|one| one.lost_sight_of));
        let names: std::collections::BTreeSet<&str> = seen.collect();
        for record in self.instances.values() {
            let life = record.lives.last().filter(|life| is_meant_to_live(life));
            if life.is_some_and(|life| names.contains(life.incarnation.to_string().as_str())) {
                *alive.entry((record.topology.as_str(), &record.id.task)).or_default() += 1;
            }
        }
        for ((topology, path), number) in alive {
            // Where any of them has no rule, there is no bound.
            let most: Option<Vec<u32>> =
                self.counting(now, topology).map(|accepted| most_of(accepted, path)).collect();
            if let Some(most) = most.and_then(|all| all.into_iter().max())
                && number > most
            {
                let what = format!("{number} of {path} run, and {most} may");
                return Err(Breach::new("an update runs no more than may run", what));
            }
        }
        Ok(())
    }
}

/// As many as may run; none where the task has no rule.
fn most_of(accepted: Option<&Accepted>, path: &TaskPath) -> Option<u32> {
    let task = accepted?.task(path)?;
    let Pace { surge, .. } = task.update.as_ref()?.pace(task.count);
    Some(task.count + surge)
}

fn is_meant_to_live(life: &Life) -> bool {
    matches!(life.phase, Phase::Launching | Phase::Starting | Phase::Ready)
}

/// Whether the newest life of an instance was ready, and is to give way to other contents. Moves
/// and restarts of one instance were asked for by somebody.
fn is_told_to_end(before: &InstanceRecord, after: &InstanceRecord) -> bool {
    let (Some(was), Some(is)) = (before.lives.last(), after.lives.last()) else { return false };
    was.incarnation == is.incarnation
        && was.phase == Phase::Ready
        && is.phase == Phase::Killing
        && !matches!(is.identity.as_str(), MOVING | RESTARTING)
}
