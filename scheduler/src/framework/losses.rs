//! Many hosts out of reach at once: more likely a network than so many machines. Then what runs there
//! is not replaced before enough of them are back, their end is certain, somebody says that they are
//! lost for good, or a bounded time is over.
//!
//! Owns which hosts are out of reach, and since when. Must not know what is done about instances.

use std::collections::{BTreeMap, BTreeSet};

use lathe_api::rest::LossesView;

use super::command::Answer;
use super::ids::{AgentId, AskId, HostName, InstanceId, Time};
use super::persist::Then;
use super::records::{FrameworkRecord, Life, Phase, Write};
use super::{Command, EventDraft, Framework};

/// Hosts that are lost within so long are lost at once.
const WINDOW_MS: u64 = 5 * 60_000;
/// More than so many of a hundred hosts, and at least so many, are too many.
const SHARE_PERCENT: usize = 30;
const LEAST: usize = 3;

/// Hosts that do not answer, as far as instances of ours say it.
#[derive(Debug, Default)]
pub(super) struct Losses {
    away: BTreeMap<HostName, Away>,
    /// Those of them that were not waited for in vain yet, by the moment of their loss.
    counting: BTreeSet<(Time, HostName)>,
    /// Of those away, how many the master lists no more.
    unlisted: usize,
    /// What was lost until then is lost for good: somebody has said so.
    confirmed_ms: Time,
    /// Whether anything has changed since it was looked at.
    changed: bool,
    held: Option<Held>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Away {
    agent: AgentId,
    since_ms: Time,
    listed: bool,
    /// What is out of reach there.
    instances: BTreeSet<InstanceId>,
}

/// Too many are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    /// When the first of them was lost.
    first_ms: Time,
    until_ms: Time,
}

impl Losses {
    /// What was lost until then is not waited for.
    pub(super) fn recover(&mut self, confirmed_ms: Time) {
        self.confirmed_ms = confirmed_ms;
    }

    pub(super) fn confirmed_ms(&self) -> Time {
        self.confirmed_ms
    }

    /// A life on the host is out of reach since then; whether the master still lists the host.
    pub(super) fn lost(&mut self, life: &Life, listed: bool) {
        if life.phase != Phase::Unreachable {
            return;
        }
        let instance = life.incarnation.instance.clone();
        if let Some(away) = self.away.get_mut(&life.host) {
            away.instances.insert(instance);
            return;
        }
        let instances = BTreeSet::from([instance]);
        let away = Away { agent: life.agent.clone(), since_ms: life.since_ms, listed, instances };
        self.unlisted += usize::from(!listed);
        if life.since_ms > self.confirmed_ms {
            self.counting.insert((life.since_ms, life.host.clone()));
        }
        self.away.insert(life.host.clone(), away);
        self.changed = true;
    }

    /// Something is known for certain of what ran there.
    pub(super) fn answers(&mut self, host: &HostName) {
        let Some(away) = self.away.remove(host) else { return };
        self.unlisted -= usize::from(!away.listed);
        self.counting.remove(&(away.since_ms, host.clone()));
        self.changed = true;
    }

    /// The master lists the host: by another agent, so that what the one before had is gone, or by
    /// the same.
    pub(super) fn listed(&mut self, host: &HostName, agent: &AgentId) {
        let Some(away) = self.away.get_mut(host) else { return };
        self.unlisted -= usize::from(!away.listed);
        away.listed = true;
        if &away.agent != agent {
            self.answers(host);
        }
    }

    /// The master lists the host no more.
    pub(super) fn unlisted(&mut self, host: &HostName) {
        if let Some(away) = self.away.get_mut(host)
            && std::mem::replace(&mut away.listed, false)
        {
            self.unlisted += 1;
            self.changed = true;
        }
    }

    /// The hosts away, as a list begins in which each of them has to be found anew.
    pub(super) fn none_is_listed(&mut self) {
        self.away.values_mut().for_each(|away| away.listed = false);
        self.unlisted = self.away.len();
        self.changed |= !self.away.is_empty();
    }

    /// When what was lost with so many others may be given up at the earliest.
    pub(super) fn held_until(&self, life: &Life) -> Option<Time> {
        let held = self.held?;
        let away = self.away.get(&life.host)?;
        (away.since_ms >= held.first_ms).then_some(held.until_ms)
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.held.map(|held| held.until_ms)
    }

    /// How many hosts are waited for, none where each is dealt with by itself.
    pub(super) fn waited_for(&self) -> usize {
        self.held.map_or(0, |held| self.since(held.first_ms).count())
    }

    fn since(&self, first_ms: Time) -> impl Iterator<Item = &HostName> {
        let from = (first_ms, HostName(String::new()));
        self.counting.range(from..).map(|(_, host)| host)
    }

    /// What is out of reach on the hosts that were lost since then.
    fn instances_since(&self, first_ms: Time) -> Vec<InstanceId> {
        let hosts = self.since(first_ms).filter_map(|host| self.away.get(host));
        hosts.flat_map(|away| away.instances.iter().cloned()).collect()
    }

    /// The first moment at which more hosts were lost within the window than may be, and when the
    /// last of so many was.
    fn too_many(&self, all: usize) -> Option<(Time, Time)> {
        // The smallest number of them that is more than the share.
        let few = (all * SHARE_PERCENT / 100 + 1).max(LEAST);
        let ends = self.counting.iter().skip(few - 1);
        let spans = self.counting.iter().zip(ends).map(|((first, _), (last, _))| (*first, *last));
        spans.into_iter().find(|(first, last)| last.saturating_sub(*first) <= WINDOW_MS)
    }
}

impl Framework {
    /// Looks again at what is away, after a change and when the time is over.
    pub(super) fn tend_losses(&mut self, now: Time, out: &mut Vec<Command>) {
        let over = self.losses.held.is_some_and(|held| now >= held.until_ms);
        if over {
            self.deal_with_each();
            let why = "they were waited for long enough";
            self.publish(now, EventDraft::new("losses released", why), out);
        }
        if !std::mem::take(&mut self.losses.changed) {
            return;
        }
        let all = self.hosts_in_all();
        let hold_ms = self.config.hold_losses_ms;
        let before = self.losses.held;
        let held = self.losses.too_many(all).map(|(first_ms, last_ms)| {
            let until_ms = before.map_or(last_ms.saturating_add(hold_ms), |held| held.until_ms);
            Held { first_ms, until_ms }
        });
        let held = held.filter(|held| now < held.until_ms);
        if held == before {
            return;
        }
        self.losses.held = held;
        let first_ms = [before, held].into_iter().flatten().map(|held| held.first_ms).min();
        for id in first_ms.map(|first| self.losses.instances_since(first)).unwrap_or_default() {
            self.instances.mark(id);
        }
        match (before, held) {
            (None, Some(_)) => {
                // A plan may count upon what was given up a moment ago.
                self.came_back = true;
                let away = self.losses.waited_for();
                let text =
                    format!("{away} of {all} hosts went at once: nothing of theirs is replaced");
                self.publish(now, EventDraft::new("losses held", text), out);
            }
            (Some(_), None) => {
                self.publish(now, EventDraft::new("losses released", "enough are back"), out);
            }
            _ => {}
        }
    }

    /// Whatever is away is not waited for together with others any more; gives its hosts.
    fn deal_with_each(&mut self) -> Vec<HostName> {
        let held = self.losses.held.take();
        let first_ms = held.map_or(0, |held| held.first_ms);
        for id in self.losses.instances_since(first_ms) {
            self.instances.mark(id);
        }
        let hosts = self.losses.since(first_ms).cloned().collect();
        self.losses.counting.clear();
        hosts
    }

    /// Somebody says that what is waited for is lost for good. Nothing is launched in its place
    /// before that is durable, since writes become so in their order.
    pub(super) fn confirm_losses(&mut self, now: Time, ask: AskId, out: &mut Vec<Command>) {
        let Some(id) = self.framework_id.clone().filter(|_| self.losses.held.is_some()) else {
            let answer = Answer::LossesConfirmed { hosts: Vec::new() };
            return out.push(Command::Answer { ask, answer });
        };
        let hosts = self.deal_with_each();
        self.losses.confirmed_ms = now;
        let record = FrameworkRecord { id, losses_confirmed_ms: now };
        let answer = Answer::LossesConfirmed { hosts: hosts.iter().map(|h| h.0.clone()).collect() };
        let answer = Command::Answer { ask, answer };
        self.persist(vec![Write::Framework(record)], Then::Do(vec![answer]), out);
        let text = format!("somebody says that {} hosts are lost for good", hosts.len());
        self.publish(now, EventDraft::new("losses released", text), out);
        self.repair_not_before_ms = now;
    }

    fn hosts_in_all(&self) -> usize {
        self.hosts.len() + self.losses.unlisted
    }

    /// What is shown while so many are away.
    pub(super) fn losses_view(&self) -> Option<LossesView> {
        let held = self.losses.held?;
        let hosts: Vec<String> =
            self.losses.since(held.first_ms).map(|host| host.0.clone()).collect();
        Some(LossesView { hosts, of: self.hosts_in_all(), held_until_ms: held.until_ms })
    }

    /// What `lathe status` says while so many are away.
    pub(super) fn losses_text(&self) -> Option<String> {
        let away = self.losses.waited_for();
        let all = self.hosts_in_all();
        (away > 0).then(|| format!("{away} of {all} hosts, which went at once"))
    }
}
