//! What is out of reach is waited for: as long as its task says, and longer where many hosts were lost
//! at once. Judged on what is durable, write by write.

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::scheduler::Event as MesosEvent;
use lathe_scheduler::framework::event::Event;
use lathe_scheduler::framework::ids::{AgentId, HostName, InstanceId};
use lathe_scheduler::framework::records::{InstanceRecord, Life, Phase, Write};
use lathe_topology::ReplaceAfter;

use super::updates::Updates;
use super::{Breach, Check};

/// So many hosts lost within this time are many, in worlds of at most six.
const MANY: usize = 3;
const WINDOW_MS: u64 = 5 * 60_000;

/// What is waited for.
#[derive(Debug, Default)]
pub(super) struct Patience {
    replace_after_ms: u64,
    hold_losses_ms: u64,
    instances: BTreeMap<InstanceId, InstanceRecord>,
    /// Lives whose hosts the master has said to be out of reach.
    said: BTreeSet<String>,
    /// The agent of each host, as any scheduler was told last.
    listed: BTreeMap<HostName, AgentId>,
    /// When something was last known for certain of a host.
    heard: BTreeMap<HostName, u64>,
}

impl Patience {
    pub(super) fn new(replace_after_ms: u64, hold_losses_ms: u64) -> Self {
        Self { replace_after_ms, hold_losses_ms, ..Self::default() }
    }

    /// Where another agent is listed, what the one before had is gone.
    pub(super) fn told(&mut self, event: &Event) {
        if let Event::HostsListed(hosts) = event {
            let all = hosts.iter().map(|host| (host.name.clone(), host.agent.clone()));
            self.listed.extend(all);
        }
    }

    pub(super) fn master_said(&mut self, event: &MesosEvent) {
        let Some(status) = event.update.as_ref().map(|update| &update.status) else { return };
        // What is unknown later was lost in another way.
        if status.state() == TaskState::TaskUnreachable {
            self.said.insert(status.task_id.value.clone());
        } else {
            self.said.remove(&status.task_id.value);
        }
    }

    pub(super) fn written(&mut self, now: u64, writes: &[Write], updates: &Updates) -> Check {
        for write in writes {
            let Write::Instance(record) = write else { continue };
            let before = self.instances.insert(record.id.clone(), record.clone());
            self.hear(now, before.as_ref(), record);
            let is_new = record.counter > before.map_or(0, |before| before.counter);
            let Some(newest) = record.lives.last().filter(|_| is_new) else { continue };
            for life in record.lives.iter().filter(|life| life.phase == Phase::Unreachable) {
                if life.incarnation != newest.incarnation {
                    self.was_waited_for(now, record, (life, newest), updates)?;
                }
            }
        }
        Ok(())
    }

    fn hear(&mut self, now: u64, before: Option<&InstanceRecord>, record: &InstanceRecord) {
        for life in before.into_iter().flat_map(|before| &before.lives) {
            let is = record.lives.iter().find(|one| one.incarnation == life.incarnation);
            if is.is_none_or(|is| is.phase != Phase::Unreachable) {
                self.heard.insert(life.host.clone(), now);
            }
        }
    }

    fn was_waited_for(
        &self,
        now: u64,
        record: &InstanceRecord,
        (life, newest): (&Life, &Life),
        updates: &Updates,
    ) -> Check {
        let (path, id) = (&record.id.task, &life.incarnation);
        let usual = ReplaceAfter::Ms(self.replace_after_ms);
        let mut said = updates.counting(now, &record.topology).map(|accepted| {
            let task = accepted.and_then(|accepted| accepted.task(path));
            task.and_then(|task| task.unreachable).unwrap_or(usual)
        });
        let waited_ms = newest.since_ms.saturating_sub(life.since_ms);
        if !said.any(|said| matches!(said, ReplaceAfter::Ms(ms) if waited_ms >= ms)) {
            let what = format!("{id} was away for {waited_ms} ms, and has its place taken");
            return Err(Breach::new("what is out of reach is waited for", what));
        }
        match self.held_until(life, newest.since_ms).filter(|until| newest.since_ms < *until) {
            Some(until) => {
                let at = newest.since_ms;
                let what = format!("{id} has its place taken at {at}, held until {until}");
                Err(Breach::new("many that are lost at once are waited for", what))
            }
            None => Ok(()),
        }
    }

    /// Until when nothing may take the life's place: where its host is one of many that were lost
    /// within the window, and none of them can have been waited for in vain.
    fn held_until(&self, life: &Life, at: u64) -> Option<u64> {
        let mut since: BTreeMap<&HostName, u64> = BTreeMap::new();
        let mut answered = BTreeSet::new();
        for one in self.instances.values().flat_map(|record| &record.lives) {
            let another = self.listed.get(&one.host).is_some_and(|agent| agent != &one.agent);
            let heard = self.heard.get(&one.host).is_some_and(|heard| *heard >= one.since_ms);
            if one.phase != Phase::Unreachable || another {
                answered.insert(&one.host);
            } else if !heard
                && self.said.contains(&one.incarnation.to_string())
                && one.since_ms + self.hold_losses_ms > at
                && one.since_ms <= at
            {
                let first = since.entry(&one.host).or_insert(one.since_ms);
                *first = one.since_ms.min(*first);
            }
        }
        since.retain(|host, _| !answered.contains(host));
        let own = *since.get(&life.host)?;
        let mut times: Vec<u64> = since.into_values().collect();
        times.sort_unstable();
        let span = times.windows(MANY).find(|span| span[MANY - 1] - span[0] <= WINDOW_MS)?;
        (own >= span[0]).then_some(span[MANY - 1] + self.hold_losses_ms)
    }
}
