//! A cluster on paper: one topology, its instances, ten of them on each host, all ready.
//!
//! Owns the records and what a master says of them. It must not know what is measured.

use std::collections::BTreeMap;

use lathe_scheduler::framework::event::{Event, Free, HostInfo, HostState, Status, TaskState};
use lathe_scheduler::framework::ids::{
    AgentId, FrameworkId, HostName, Incarnation, InstanceId, Time,
};
use lathe_scheduler::framework::records::{
    ArtifactRecord, ByHand, InstanceRecord, Life, Phase, Recovered, TopologyRecord,
};
use lathe_scheduler::framework::wanted::Accepted;
use lathe_topology::TaskPath;

use crate::failure::Failure;

/// When it all began, for the framework.
pub(super) const BEGIN: Time = 1_000_000;
const PER_HOST: u32 = 10;

/// The paper.
#[derive(Debug)]
pub(super) struct Scene {
    path: TaskPath,
    instances: u32,
    accepted: Accepted,
}

impl Scene {
    pub(super) fn of(instances: u32) -> Result<Self, Failure> {
        let path: TaskPath = "shop.page".parse().expect("a good path");
        let source = format!(
            "[task.shop.page]\ncrate = \"page\"\nversion = \"1.0.0\"\ntask = \"my::Page\"\n\
             tasks = {instances}\ntags = [\"page\"]\nbiases = [[\"page\", \"avoid\"]]\n"
        );
        let artifact = ArtifactRecord {
            crate_name: "page".to_owned(),
            version: "1.0.0".to_owned(),
            sha256: "0".repeat(64),
            size: 1,
            source_key: "0".repeat(64),
            tasks: vec!["my::Page".to_owned()],
            sdk: true,
        };
        let record = TopologyRecord {
            name: "shop".to_owned(),
            revision: 1,
            source,
            artifacts: vec![artifact],
            submitted_ms: BEGIN,
            submission_id: String::new(),
            slots: BTreeMap::from([(path.clone(), (0..instances).collect())]),
            by_hand: ByHand::default(),
            paused: false,
            cause: String::new(),
            rollout: None,
        };
        let accepted = Accepted::read(record)
            .map_err(|problems| Failure::Unexpected(format!("the model's file: {problems:?}")))?;
        Ok(Self { path, instances, accepted })
    }

    fn hosts(&self) -> u32 {
        (self.instances / PER_HOST).max(1)
    }

    /// What the store knew when the scheduler took over: all of it has run for long.
    pub(super) fn recovered(&self, term: u64) -> Recovered {
        Recovered {
            term,
            framework_id: Some(framework_id()),
            topologies: vec![self.accepted.record.clone()],
            instances: (0..self.instances).map(|slot| self.record(slot)).collect(),
            ..Recovered::default()
        }
    }

    fn record(&self, slot: u32) -> InstanceRecord {
        let task = &self.accepted.topology.tasks[0];
        let id = InstanceId { task: self.path.clone(), slot };
        let host = slot % self.hosts();
        let mut record = InstanceRecord::new(id.clone(), "shop");
        record.counter = 1;
        record.last_host = Some(name_of(host));
        record.lives.push(Life {
            incarnation: Incarnation { instance: id, counter: 1 },
            host: name_of(host),
            agent: agent_of(host),
            address: "10.0.0.1".to_owned(),
            ports: BTreeMap::from([("http".to_owned(), 20_000)]),
            phase: Phase::Ready,
            since_ms: 1,
            ready_ms: 1,
            identity: self.accepted.identity(task).to_owned(),
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

    /// The master takes the subscription and lists its hosts.
    pub(super) fn greetings(&self) -> [Event; 2] {
        let hosts = (0..self.hosts()).map(|host| HostInfo {
            name: name_of(host),
            agent: agent_of(host),
            address: "10.0.0.1".to_owned(),
            endpoint: "10.0.0.1:5051".to_owned(),
            total: Free {
                cpus_milli: 4_000,
                mem_bytes: 8 << 30,
                disk_bytes: 16 << 30,
                ports: vec![(20_000, 20_999)],
            },
            attributes: BTreeMap::new(),
            state: HostState::Active,
        });
        let hosts = hosts.collect();
        let master = "10.0.0.1:5050".to_owned();
        [Event::Subscribed { framework_id: framework_id(), master }, Event::HostsListed(hosts)]
    }

    /// What the master says of one instance; the number makes its id.
    pub(super) fn status(&self, slot: u32, state: TaskState, number: u64) -> Status {
        let instance = InstanceId { task: self.path.clone(), slot };
        let incarnation = Incarnation { instance, counter: 1 };
        let uuid = [number.to_be_bytes(), u64::from(slot).to_be_bytes()].concat();
        Status {
            task_id: incarnation.to_string(),
            incarnation: Some(incarnation),
            state,
            agent: Some(agent_of(slot % self.hosts())),
            uuid: Some(uuid),
            message: String::new(),
            reason: None,
            reconciliation: false,
        }
    }
}

fn framework_id() -> FrameworkId {
    FrameworkId("f2d46c17-58a1-4e83-a0a5-7d9e9f0e4d2b-0000".to_owned())
}

fn name_of(host: u32) -> HostName {
    HostName(format!("host-{host}.example"))
}

fn agent_of(host: u32) -> AgentId {
    AgentId(format!("f2d46c17-58a1-4e83-a0a5-7d9e9f0e4d2b-S{host}"))
}
