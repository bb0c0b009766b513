//! From a held plan to running processes: ports are chosen, intents are written, and only then the
//! master is told.

use std::collections::{BTreeMap, BTreeSet};

use lathe_api::convert::health_to_wire;
use lathe_api::rest::{ArtifactRef, LaunchSpec};
use lathe_catalog::ConfigView;
use lathe_topology::TaskSpec;

use super::command::{Answer, Call, Command, Launch, Ports};
use super::event::{Free, HostInfo};
use super::ids::{AskId, HostName, Incarnation, InstanceId, JobId, Time};
use super::jobs::{Job, JobPhase, Purpose};
use super::persist::Then;
use super::records::{InstanceRecord, Life, Phase, Write};
use super::submissions::accepted_text;
use super::wanted::Accepted;
use super::watchers::Watcher;
use super::{EventDraft, Framework};

/// Instances that are started by one durable write; a repair's others wait for the next.
pub(super) const WISHES_MAX: usize = 1_500;

/// Intents on their way to the store, and the calls that follow.
#[derive(Debug)]
pub(super) struct Launching {
    job: JobId,
    /// A submission's new revision; none for a repair.
    accepted: Option<(AskId, Accepted)>,
    launched: Vec<Incarnation>,
    calls: Vec<Call>,
}

impl Launching {
    /// Whether a revision comes with it.
    pub(super) fn revises(&self) -> bool {
        self.accepted.is_some()
    }

    pub(super) fn starts(&self, incarnation: &Incarnation) -> bool {
        self.launched.contains(incarnation)
    }
}

impl Framework {
    /// Writes the intents of every wish whose host is not short, and what they belong to.
    pub(super) fn commit(
        &mut self,
        now: Time,
        job: Job,
        short: &BTreeSet<HostName>,
        out: &mut Vec<Command>,
    ) {
        let Job { id, purpose, phase: JobPhase::Holding(holding), deadline_ms } = job else {
            return;
        };
        let target = match purpose {
            Purpose::Submit { ask, target, .. } => Some((ask, target)),
            Purpose::Plan { .. } | Purpose::Repair => None,
        };
        self.starves_no_more();
        let mut by_host: BTreeMap<HostName, Vec<InstanceId>> = BTreeMap::new();
        for (id, host) in holding.wishes.into_iter().take(WISHES_MAX) {
            if !short.contains(&host) {
                by_host.entry(host).or_default().push(id);
            }
        }
        let mut launching =
            Launching { job: id, accepted: None, launched: Vec::new(), calls: Vec::new() };
        for (host, ids) in by_host {
            self.prepare_host(now, &host, &ids, target.as_ref().map(|(_, t)| t), &mut launching);
        }
        if let Some((_, accepted)) = &target {
            self.keep_revision(&accepted.record.name.clone(), out);
        }
        let mut writes: Vec<Write> = launching
            .launched
            .iter()
            .filter_map(|life| self.instances.get(&life.instance))
            .cloned()
            .map(Write::Instance)
            .collect();
        if let Some((_, accepted)) = &target {
            writes.insert(0, Write::Topology(accepted.record.clone()));
            writes.extend(self.task_writes(accepted));
        }
        launching.accepted = target;
        self.job =
            Some(Job { id, purpose: Purpose::Repair, phase: JobPhase::Persisting, deadline_ms });
        self.persist(writes, Then::Launch(Box::new(launching)), out);
    }

    fn prepare_host(
        &mut self,
        now: Time,
        host: &HostName,
        ids: &[InstanceId],
        target: Option<&Accepted>,
        launching: &mut Launching,
    ) {
        let Some(info) = self.hosts.get(host).cloned() else { return };
        let (offers, mut free) = self.offers.of_agent(&info.agent);
        let mut launches = Vec::new();
        let mut records = Vec::new();
        for id in ids {
            let found = match target {
                Some(accepted) => accepted.task(&id.task).map(|task| (accepted, task)),
                None => self.wanted.of(id),
            };
            let Some((accepted, task)) = found else { continue };
            // Its life before may still be ending, or be back since the plan was made: a repair
            // follows when it has ended.
            if self.still_lives(now, id) {
                continue;
            }
            let overhead = &self.config.overhead;
            let Some(ports) = free.take_instance(&task.resources, overhead) else { continue };
            let record = self.next_life(now, id, accepted, task, (&info, &ports));
            launches.push(self.launch(&record, accepted, task));
            launching.launched.extend(record.lives.last().map(|life| life.incarnation.clone()));
            // Known from here on, so that every later write of this record carries the intent too;
            // the calls themselves wait for the store.
            records.push(record);
        }
        if launches.is_empty() {
            return;
        }
        for record in records {
            self.instances.insert(record);
        }
        self.offers.use_up(&offers);
        launching.calls.push(Call::Accept { offers, agent: info.agent, launches });
    }

    fn still_lives(&self, now: Time, id: &InstanceId) -> bool {
        let lives = self.instances.get(id).map_or(&[][..], |record| &record.lives);
        lives.iter().any(|life| !self.given_up(now, life))
    }

    fn next_life(
        &self,
        now: Time,
        id: &InstanceId,
        accepted: &Accepted,
        task: &TaskSpec,
        place: (&HostInfo, &Ports),
    ) -> InstanceRecord {
        let (info, ports) = place;
        let fresh = || InstanceRecord::new(id.clone(), &accepted.record.name);
        let mut record = self.instances.get(id).cloned().unwrap_or_else(fresh);
        record.topology.clone_from(&accepted.record.name);
        record.counter += 1;
        record.last_host = Some(info.name.clone());
        record.lives.push(Life {
            incarnation: Incarnation { instance: id.clone(), counter: record.counter },
            host: info.name.clone(),
            agent: info.agent.clone(),
            address: info.address.clone(),
            ports: ports.clone(),
            phase: Phase::Launching,
            since_ms: now,
            ready_ms: 0,
            identity: accepted.identity(task).to_owned(),
            crate_name: task.crate_name.clone(),
            version: task.version.clone(),
            tags: task.carried_tags().iter().map(ToString::to_string).collect(),
            biases: task.biases.clone(),
            resources: task.resources.clone(),
            grace_ms: task.grace_ms,
            reason: None,
        });
        record
    }

    fn launch(&self, record: &InstanceRecord, accepted: &Accepted, task: &TaskSpec) -> Launch {
        let life = record.lives.last().expect("a record that is launched has a life");
        let artifact = accepted.artifact(task);
        let sha256 = artifact.map(|built| built.sha256.clone()).unwrap_or_default();
        let url = &self.config.url;
        let spec = LaunchSpec {
            incarnation: life.incarnation.to_string(),
            instance: record.id.to_string(),
            topology: record.topology.clone(),
            task_path: task.path.to_string(),
            slot: record.id.slot,
            task: task.task.clone(),
            crate_name: task.crate_name.clone(),
            version: task.version.clone(),
            artifact: ArtifactRef {
                urls: vec![format!(
                    "{url}/v1/artifacts/{sha256}?incarnation={}%23{}.{}",
                    task.path, record.id.slot, record.counter
                )],
                sha256,
                size: artifact.map_or(0, |built| built.size),
            },
            args: task.args.clone(),
            env: task.env.clone(),
            user: task.user.clone(),
            grace_ms: task.grace_ms,
            host: life.host.to_string(),
            address: life.address.clone(),
            ports: life.ports.clone(),
            config: ConfigView {
                task: task.path.to_string(),
                history: String::new(),
                version: 0,
                keys: task.own.clone(),
            },
            registries: self.registries.clone(),
            schedulers: vec![url.clone()],
            // The driver puts it in: no secret passes through the machine.
            secret: String::new(),
            sdk: artifact.is_some_and(|built| built.sdk),
            served_by: self.config.served_by,
            health: task.health.as_ref().map(|health| health_to_wire(health, &life.ports)),
        };
        let mut resources = Free::scalars(&task.resources);
        resources.ports = life.ports.values().map(|port| (*port, *port)).collect();
        Launch { spec, resources, overhead: self.config.overhead.clone() }
    }

    /// The intents are durable: this is the point of no return.
    pub(super) fn launch_committed(
        &mut self,
        now: Time,
        launching: Launching,
        out: &mut Vec<Command>,
    ) {
        let Launching { job, accepted, launched, calls } = launching;
        self.job_ended(Some(job));
        if let Some((ask, accepted)) = accepted {
            let (name, revision) = (accepted.record.name.clone(), accepted.record.revision);
            let before = self.wanted.get(&name).map(|old| old.record.clone());
            self.undo.entry(name.clone()).or_insert(before);
            let draft = EventDraft::new("submitted", accepted_text(&accepted.record));
            self.adopt(accepted);
            self.publish(now, draft.of_topology(&name), out);
            out.push(Command::Answer { ask, answer: Answer::Committed { revision } });
            self.watchers.push(Watcher { ask, topology: name, revision, changed: true });
        }
        for incarnation in launched {
            let Some(record) = self.instances.get(&incarnation.instance) else { continue };
            let life = record.lives.iter().find(|life| life.incarnation == incarnation);
            if let Some(life) = life {
                let draft = EventDraft::new("launched", "");
                let draft = draft.of_life(&record.topology, life);
                self.publish(now, draft, out);
            }
        }
        out.extend(calls.into_iter().map(Command::Call));
    }
}
