//! The invariants, each a sentence and its check. They are judged on the hosts' own journal, on
//! what is durable, and on what crossed the wire, never on what the framework believes.

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1::scheduler::{Call, call};
use lathe_scheduler::framework::records::{Life, Phase};
use lathe_topology::{Target, Word};

use crate::executors::Hosts;
use crate::store::Store;

/// What the judge remembers over a run.
#[derive(Debug, Default)]
pub struct Oracle {
    /// Offers that were made and not answered.
    open_offers: BTreeMap<String, u64>,
    answered: BTreeSet<String>,
    /// Every life that was ever durable, by its incarnation.
    lives: BTreeMap<String, Life>,
    refused: BTreeSet<String>,
    accepted: BTreeSet<String>,
    highest: BTreeMap<String, u64>,
}

type Check = Result<(), String>;

impl Oracle {
    /// The durable lives are remembered, since their rules bind as long as they run.
    pub fn committed(&mut self, store: &Store) -> Check {
        for record in store.instances() {
            let key = record.id.to_string();
            let before = self.highest.insert(key.clone(), record.counter).unwrap_or(0);
            if record.counter < before {
                return Err(format!("the counter of {key} went back from {before}"));
            }
            for life in record.lives {
                self.lives.insert(life.incarnation.to_string(), life);
            }
        }
        Ok(())
    }

    pub fn offered(&mut self, id: &str, now: u64) {
        self.open_offers.insert(id.to_owned(), now);
    }

    pub fn withdrawn(&mut self, id: &str) {
        self.open_offers.remove(id);
    }

    pub fn connection_ended(&mut self) {
        self.open_offers.clear();
    }

    /// No offer is held longer than its bound.
    pub fn none_is_hoarded(&self, now: u64, bound_ms: u64) -> Check {
        match self.open_offers.iter().find(|(_, since)| now > **since + bound_ms) {
            Some((id, since)) => Err(format!("offer {id} is held since {since}")),
            None => Ok(()),
        }
    }

    /// A call as it reaches the master: every offer is answered once, nothing is launched before
    /// its intent is durable, nothing is acknowledged before its record is.
    pub fn called(&mut self, call: &Call, store: &Store) -> Check {
        match call.r#type() {
            call::Type::Accept => {
                let accept = call.accept.clone().unwrap_or_default();
                for offer in &accept.offer_ids {
                    self.answer(&offer.value)?;
                }
                let launched = accept.operations.iter().flat_map(|operation| &operation.launch);
                for task in launched.flat_map(|launch| &launch.task_infos) {
                    let id = &task.task_id.value;
                    let record = store.instance_of(id);
                    let intent = record.is_some_and(|record| {
                        record.lives.iter().any(|life| &life.incarnation.to_string() == id)
                    });
                    if !intent {
                        return Err(format!("{id} is launched and its intent is not durable"));
                    }
                }
            }
            call::Type::Decline => {
                for offer in &call.decline.clone().unwrap_or_default().offer_ids {
                    self.answer(&offer.value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn answer(&mut self, offer: &str) -> Check {
        self.open_offers.remove(offer);
        if self.answered.insert(offer.to_owned()) {
            return Ok(());
        }
        Err(format!("offer {offer} is answered twice"))
    }

    /// An acknowledgement as it reaches the master, for a status with this state.
    pub fn acknowledged(id: &str, ended: bool, store: &Store) -> Check {
        let Some(record) = store.instance_of(id) else { return Ok(()) };
        let life = record.lives.iter().find(|life| life.incarnation.to_string() == id);
        match life {
            Some(life) if ended => {
                Err(format!("the end of {id} is acknowledged, and it is durably {:?}", life.phase))
            }
            Some(life) if life.phase == Phase::Launching => {
                Err(format!("{id} is acknowledged, and durably it was not even started"))
            }
            _ => Ok(()),
        }
    }

    /// An incarnation is started once, ever.
    pub fn started_once(hosts: &Hosts) -> Check {
        match &hosts.started_twice {
            Some(id) => Err(format!("{id} was started twice")),
            None => Ok(()),
        }
    }

    /// `never` holds between all live incarnations of a host. An incarnation that a newer one of
    /// its slot has replaced is excepted: it came back from a partition and is being ended.
    pub fn never_holds(&self, hosts: &Hosts) -> Check {
        for at in 0..hosts.hosts.len() {
            let alive: Vec<&Life> = hosts
                .alive(at)
                .into_iter()
                .filter_map(|id| self.lives.get(id))
                .filter(|life| self.is_newest(life))
                .collect();
            for holder in &alive {
                for bias in holder.biases.iter().filter(|bias| bias.word == Word::Never) {
                    let Target::Tag(tag) = &bias.target else { continue };
                    let other = alive.iter().find(|life| {
                        life.incarnation != holder.incarnation
                            && life.tags.iter().any(|carried| carried == tag.as_str())
                    });
                    if let Some(other) = other {
                        return Err(format!(
                            "{} says never {tag}, and {} runs beside it on {}",
                            holder.incarnation, other.incarnation, hosts.hosts[at].name
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn is_newest(&self, life: &Life) -> bool {
        let key = life.incarnation.instance.to_string();
        self.highest.get(&key).is_none_or(|highest| *highest == life.incarnation.counter)
    }

    /// The catalog may be late, never invented: what it names was started once.
    pub fn nothing_is_invented(store: &Store, hosts: &Hosts) -> Check {
        let invented =
            store.entries().into_iter().find(|entry| !hosts.journal.contains(&entry.incarnation));
        match invented {
            Some(entry) => Err(format!("the catalog names {}, never started", entry.incarnation)),
            None => Ok(()),
        }
    }

    pub fn accepted(&mut self, id: &str) {
        self.accepted.insert(id.to_owned());
    }

    pub fn refused(&mut self, id: &str) {
        self.refused.insert(id.to_owned());
    }

    /// A refused submission changes nothing.
    pub fn refusals_changed_nothing(&self, store: &Store) -> Check {
        let guilty = store
            .topologies()
            .into_iter()
            .find(|record| self.refused.contains(&record.submission_id));
        match guilty {
            Some(record) => Err(format!("{} was refused, and it is in the store", record.name)),
            None => Ok(()),
        }
    }

    /// After the healing: everything wanted runs once, nothing else runs, the catalog agrees.
    pub fn healed(&self, store: &Store, hosts: &Hosts) -> Check {
        let mut wanted = BTreeSet::new();
        for topology in store.topologies() {
            for (path, slots) in &topology.slots {
                wanted.extend(slots.iter().map(|slot| format!("{path}#{slot}")));
            }
        }
        let mut running = BTreeMap::new();
        for at in 0..hosts.hosts.len() {
            for id in hosts.alive(at) {
                let (instance, _) = id.rsplit_once('.').unwrap_or((id, ""));
                if let Some(other) = running.insert(instance.to_owned(), id.to_owned()) {
                    return Err(format!("{other} and {id} run both"));
                }
            }
        }
        if let Some(missing) = wanted.iter().find(|id| !running.contains_key(*id)) {
            return Err(format!("{missing} is wanted and does not run"));
        }
        if let Some(stray) = running.keys().find(|id| !wanted.contains(*id)) {
            return Err(format!("{stray} runs and is not wanted"));
        }
        let entries: BTreeSet<String> = store
            .entries()
            .into_iter()
            .filter(|entry| entry.state == lathe_catalog::State::Ready)
            .map(|entry| entry.incarnation)
            .collect();
        let alive: BTreeSet<String> = running.into_values().collect();
        if entries != alive {
            let odd: Vec<&String> = entries.symmetric_difference(&alive).collect();
            return Err(format!("catalog and hosts differ: {odd:?}"));
        }
        Ok(())
    }
}
