//! The framework's state as people read it.

use std::collections::{BTreeMap, BTreeSet};

use lathe_api::rest::{
    HostView, InstanceView, SchedulerView, StatusView, TaskView, TopologyView, WindowView,
};

use super::event::{HostInfo, HostState};
use super::ids::{HostName, InstanceId};
use super::records::{InstanceRecord, Life, Phase};
use super::wanted::Accepted;
use super::{Connection, Framework};

/// Figures of the framework's inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Offers that are held for a plan.
    pub offers_held: usize,
    /// Questions that wait while another is worked on.
    pub questions_waiting: usize,
    /// Incarnations that the master was asked about and has not answered.
    pub unreconciled: usize,
    /// Hosts of which nothing is replaced, since they went at once.
    pub losses_held: usize,
    /// Hosts that the master lists.
    pub hosts: usize,
    /// Lives on hosts that are to be left, and that have no place elsewhere.
    pub leaving_stuck: usize,
}

impl Framework {
    /// Everything that `lathe status` shows, at this moment.
    #[must_use]
    pub fn status(&self) -> StatusView {
        StatusView {
            scheduler: self.scheduler_view(),
            topologies: self.wanted.topologies().values().map(|a| self.topology_view(a)).collect(),
            instances: self
                .instances
                .values()
                .filter(|r| !r.lives.is_empty() || self.wanted.of(&r.id).is_some())
                .map(|record| self.instance_view(record))
                .collect(),
            hosts: self.host_views(),
        }
    }

    /// Where the logs of an incarnation are: the agent's API, and the framework's and executor's
    /// ids. None when its host is not known any more.
    #[must_use]
    pub fn agent_endpoint(&self, host: &HostName) -> Option<&str> {
        self.hosts.get(host).map(|info| info.endpoint.as_str())
    }

    /// Figures that no view has.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            offers_held: self.offers.len(),
            questions_waiting: self.questions.len(),
            unreconciled: self.reconciling.unanswered(),
            losses_held: self.losses.waited_for(),
            hosts: self.hosts.len(),
            leaving_stuck: self.leaving.stuck(),
        }
    }

    /// The registries' addresses.
    #[must_use]
    pub fn registries(&self) -> &[String] {
        &self.registries
    }

    /// The newest life of an instance, also an ended one's host.
    #[must_use]
    pub fn record(&self, id: &InstanceId) -> Option<&InstanceRecord> {
        self.instances.get(id)
    }

    fn scheduler_view(&self) -> SchedulerView {
        let (master, waiting_for) = match &self.connection {
            Connection::Up { master } => {
                let place = |why: &String| format!("a place for what is missing ({why})");
                let waits = self.losses_text().or_else(|| self.trouble().as_ref().map(place));
                (Some(master.clone()), waits)
            }
            Connection::Down { reason } => (None, Some(format!("a master: {reason}"))),
        };
        SchedulerView {
            framework_id: self.framework_id.as_ref().map(ToString::to_string),
            connected: master.is_some(),
            master,
            term: self.term,
            waiting_for,
            losses: self.losses_view(),
        }
    }

    fn topology_view(&self, accepted: &Accepted) -> TopologyView {
        TopologyView {
            name: accepted.record.name.clone(),
            revision: accepted.record.revision,
            tasks: accepted
                .topology
                .tasks
                .iter()
                .map(|task| {
                    let ready = accepted
                        .slots(&task.path)
                        .iter()
                        .filter(|slot| {
                            let id = InstanceId { task: task.path.clone(), slot: **slot };
                            self.newest(&id).is_some_and(|life| life.phase == Phase::Ready)
                        })
                        .count();
                    TaskView {
                        task: task.path.to_string(),
                        topology: accepted.record.name.clone(),
                        crate_name: task.crate_name.clone(),
                        version: task.version.clone(),
                        wanted: task.count,
                        ready: u32::try_from(ready).unwrap_or(u32::MAX),
                        own: task.own.clone(),
                        rollout: self.rollout_view(accepted, task),
                    }
                })
                .collect(),
            submitted_ms: accepted.record.submitted_ms,
            paused: accepted.record.paused,
        }
    }

    fn newest(&self, id: &InstanceId) -> Option<&Life> {
        self.instances.get(id)?.lives.last()
    }

    pub(super) fn instance_view(&self, record: &InstanceRecord) -> InstanceView {
        let task = self.wanted.of(&record.id).map(|(_, task)| task);
        let life = record.lives.last();
        let state = match life {
            Some(life) => life.phase.as_str(),
            None if self.is_finished(record) => "finished",
            None => "waiting",
        };
        let reason = match life {
            Some(life) => self
                .why_out_of_reach(life)
                .or_else(|| {
                    self.why_it_stays(life).map(|why| format!("its host is to be left: {why}"))
                })
                .or_else(|| life.reason.clone()),
            None => self.why_waiting(record),
        };
        InstanceView {
            instance: record.id.to_string(),
            incarnation: life.map(|life| life.incarnation.to_string()),
            topology: record.topology.clone(),
            task: record.id.task.to_string(),
            slot: record.id.slot,
            crate_name: life
                .map(|life| life.crate_name.clone())
                .or_else(|| task.map(|task| task.crate_name.clone()))
                .unwrap_or_default(),
            version: life
                .map(|life| life.version.clone())
                .or_else(|| task.map(|task| task.version.clone()))
                .unwrap_or_default(),
            host: life.map(|life| life.host.to_string()),
            address: life.map(|life| life.address.clone()),
            ports: life.map(|life| life.ports.clone()).unwrap_or_default(),
            tags: life.map(|life| life.tags.clone()).unwrap_or_default(),
            state: state.to_owned(),
            reason,
            since_ms: life.map_or(0, |life| life.since_ms),
            incarnations: record.counter,
        }
    }

    fn why_waiting(&self, record: &InstanceRecord) -> Option<String> {
        let held = self
            .wanted
            .of(&record.id)
            .and_then(|(accepted, task)| Some((self.held_back(accepted, &task.path)?, task)));
        // Of a task of one instance there is nothing more to say than that it backs off.
        if let Some((bad, task)) = held.filter(|(bad, _)| bad.slots > 1) {
            let last = record.last_end.as_deref().unwrap_or("not started yet");
            return Some(format!(
                "version {} is held back, {} of {} instances end early; it is tried by one; \
                 last: {last}",
                task.version, bad.backing_off, bad.slots
            ));
        }
        if record.not_before_ms > self.now_seen {
            let last = record.last_end.as_deref().unwrap_or("it ended");
            return Some(format!("backs off after {} early ends: {last}", record.early_ends));
        }
        self.trouble().or_else(|| record.last_end.clone())
    }

    /// Why what is missing is not there.
    fn trouble(&self) -> Option<String> {
        self.why_starving().or_else(|| self.repair_trouble.clone())
    }

    /// The word for people. One that is left takes nothing more, like one that drains.
    pub(super) fn state_of(&self, host: &HostInfo) -> &'static str {
        if host.state == HostState::Active && self.maintenance.is_due(&host.agent) {
            return "leaving";
        }
        host.state.as_str()
    }

    fn host_views(&self) -> Vec<HostView> {
        let mut on: BTreeMap<&HostName, Vec<String>> = BTreeMap::new();
        let mut lost: BTreeSet<&HostName> = BTreeSet::new();
        for life in self.instances.values().flat_map(|record| &record.lives) {
            on.entry(&life.host).or_default().push(life.incarnation.instance.to_string());
            if life.phase == Phase::Unreachable && !self.hosts.contains_key(&life.host) {
                lost.insert(&life.host);
            }
        }
        let listed = self.hosts.iter().map(|(name, info)| HostView {
            name: name.to_string(),
            cpus_milli: info.total.cpus_milli,
            mem_bytes: info.total.mem_bytes,
            disk_bytes: info.total.disk_bytes,
            ports: info.total.port_count(),
            attributes: info.attributes.clone(),
            instances: on.remove(name).unwrap_or_default(),
            state: self.state_of(info).to_owned(),
            maintenance: self
                .maintenance
                .window(&info.agent)
                .map(|window| WindowView { start_ms: window.start_ms, end_ms: window.end_ms }),
        });
        let mut views: Vec<HostView> = listed.collect();
        let lost = lost.into_iter().map(|name| lost_view(name, on.remove(name)));
        views.extend(lost);
        views
    }
}

/// A host that the master lists no more, and that may still run something.
fn lost_view(name: &HostName, instances: Option<Vec<String>>) -> HostView {
    HostView {
        name: name.to_string(),
        cpus_milli: 0,
        mem_bytes: 0,
        disk_bytes: 0,
        ports: 0,
        attributes: BTreeMap::new(),
        instances: instances.unwrap_or_default(),
        state: HostState::Disconnected.as_str().to_owned(),
        maintenance: None,
    }
}
