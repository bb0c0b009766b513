//! Lives: each starts once, counters do not go back, a slot has one life at a time, and `never`
//! holds between all that live on a host. The one exception is a life that was lost sight of: others
//! may have taken its place, and it is being ended.

use std::collections::BTreeMap;

use lathe_scheduler::framework::records::{InstanceRecord, Life};
use lathe_topology::{Target, Word};

use super::{Breach, Check};
use crate::hosts::Hosts;

/// Every life that was ever durable.
#[derive(Debug, Default)]
pub(super) struct Lives {
    lives: BTreeMap<String, Life>,
    counters: BTreeMap<String, u64>,
    /// Lives in the journal, and those that ran after they were given up, when judged last.
    judged: (usize, usize),
}

impl Lives {
    pub(super) fn written(&mut self, record: &InstanceRecord) -> Check {
        let key = record.id.to_string();
        let before = self.counters.insert(key.clone(), record.counter).unwrap_or(0);
        if record.counter < before {
            let what = format!("the counter of {key} went back from {before}");
            return Err(Breach::new("a counter does not go back", what));
        }
        for life in &record.lives {
            let known = self.lives.insert(life.incarnation.to_string(), life.clone());
            if let Some(known) = known
                && (&known.host, &known.ports) != (&life.host, &life.ports)
            {
                let what = format!("{} was intended for two places", life.incarnation);
                return Err(Breach::new("an id is used once", what));
            }
        }
        Ok(())
    }

    /// Only a start can break what held before.
    pub(super) fn judge(&mut self, hosts: &Hosts) -> Check {
        if let Some(id) = &hosts.started_twice {
            let what = format!("{id} was started twice");
            return Err(Breach::new("an id is used once", what));
        }
        let starts = (hosts.journal.len(), hosts.got_through);
        if self.judged == starts {
            return Ok(());
        }
        self.judged = starts;
        self.never_holds(hosts)?;
        self.one_life_a_slot(hosts)
    }

    pub(super) fn never_holds(&self, hosts: &Hosts) -> Check {
        for at in 0..hosts.hosts.len() {
            let alive = hosts.alive(at).into_iter().filter(|id| !is_excused(hosts, self, id));
            let alive: Vec<&Life> = alive.filter_map(|id| self.lives.get(id)).collect();
            for holder in &alive {
                for bias in holder.biases.iter().filter(|bias| bias.word == Word::Never) {
                    let Target::Tag(tag) = &bias.target else { continue };
                    let other = alive.iter().find(|life| {
                        life.incarnation != holder.incarnation
                            && life.tags.iter().any(|carried| carried == tag.as_str())
                    });
                    if let Some(other) = other {
                        let (host, id) = (&hosts.hosts[at].name, &holder.incarnation);
                        let other = &other.incarnation;
                        let what =
                            format!("{id} says never {tag}, and {other} runs beside it on {host}");
                        return Err(Breach::new("never means never", what));
                    }
                }
            }
        }
        Ok(())
    }

    fn one_life_a_slot(&self, hosts: &Hosts) -> Check {
        let mut slots: BTreeMap<&str, &str> = BTreeMap::new();
        for at in 0..hosts.hosts.len() {
            for id in hosts.alive(at) {
                if hosts.journal.get(id).is_some_and(|birth| birth.lost_sight_of) {
                    continue;
                }
                let slot = id.rsplit_once('.').map_or(id, |(slot, _)| slot);
                if let Some(other) = slots.insert(slot, id) {
                    let what = format!("{other} and {id} run both, and none was lost sight of");
                    return Err(Breach::new("a slot has one life", what));
                }
            }
        }
        Ok(())
    }
}

fn is_excused(hosts: &Hosts, lives: &Lives, id: &str) -> bool {
    let lost = hosts.journal.get(id).is_some_and(|birth| birth.lost_sight_of);
    let newest = id.rsplit_once('.').is_some_and(|(slot, counter)| {
        lives.counters.get(slot).is_some_and(|newest| newest.to_string() == counter)
    });
    lost && !newest
}
