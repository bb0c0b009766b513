//! What the machine knows of frameworks, tasks, hosts, executors and offers.
//!
//! It owns the records and their small queries and must not know any rule of when they change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use lathe_mesos::v1;

use super::event::HostSpec;
use super::ids::{ExecutorKey, HostName, StreamId};
use super::resources::Amount;
use super::validation::{has_capability, roles_of};

/// A framework, subscribed or within its failover timeout.
#[derive(Debug)]
pub(super) struct Framework {
    pub(super) info: v1::FrameworkInfo,
    pub(super) principal: Option<String>,
    /// The live subscription.
    pub(super) stream: Option<StreamId>,
    pub(super) heartbeat_at: u64,
    /// When it is removed, while it is disconnected.
    pub(super) failover_at: Option<u64>,
    pub(super) suppressed: BTreeSet<String>,
    /// Refusals by agent and role.
    pub(super) filters: BTreeMap<(String, String), Vec<Refusal>>,
    pub(super) offers: BTreeSet<String>,
    /// Tasks whose last update is not yet acknowledged, unreachable ones included.
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) allocated: Amount,
    pub(super) registered_ms: u64,
}

/// A DECLINE's or ACCEPT's wish to hear no more of some resources.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) until: u64,
    pub(super) amount: Amount,
}

impl Framework {
    pub(super) fn new(info: v1::FrameworkInfo, now: u64) -> Self {
        Self {
            info,
            principal: None,
            stream: None,
            heartbeat_at: 0,
            failover_at: None,
            suppressed: BTreeSet::new(),
            filters: BTreeMap::new(),
            offers: BTreeSet::new(),
            tasks: BTreeMap::new(),
            allocated: Amount::default(),
            registered_ms: now,
        }
    }

    pub(super) fn roles(&self) -> Vec<String> {
        roles_of(&self.info)
    }

    pub(super) fn partition_aware(&self) -> bool {
        has_capability(&self.info, v1::framework_info::capability::Type::PartitionAware)
    }

    /// The state itself, or TASK_LOST for those who do not know the finer ones.
    pub(super) fn or_lost(&self, state: v1::TaskState) -> v1::TaskState {
        if self.partition_aware() { state } else { v1::TaskState::TaskLost }
    }
}

/// A task between its launch and the acknowledgement of its end.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) info: v1::TaskInfo,
    pub(super) agent: String,
    pub(super) executor: ExecutorKey,
    /// The role that its resources are allocated to.
    pub(super) role: String,
    pub(super) amount: Amount,
    /// The state that its executor or agent knows.
    pub(super) latest: v1::TaskState,
    /// The state that its framework was told last (TASK_STAGING before the first update).
    pub(super) told: v1::TaskState,
    pub(super) container_status: Option<v1::ContainerStatus>,
    pub(super) healthy: Option<bool>,
    /// The executor was sent the LAUNCH.
    pub(super) delivered: bool,
    /// A KILL that the executor must still hear of when it comes back.
    pub(super) kill: Option<v1::executor::event::Kill>,
    /// Updates that wait for acknowledgement; the first is with the framework.
    pub(super) updates: VecDeque<v1::TaskStatus>,
    /// All updates ever taken in, so that a repeated one is not forwarded twice.
    pub(super) seen: BTreeSet<Bytes>,
    /// When the first of `updates` goes out again, and the pause after which it does.
    pub(super) resend: Option<(u64, u64)>,
    /// Nanoseconds since the epoch when its agent became unreachable.
    pub(super) unreachable_ns: Option<i64>,
}

/// Whether no update can follow this state.
pub(super) fn is_terminal(state: v1::TaskState) -> bool {
    use v1::TaskState as S;
    matches!(
        state,
        S::TaskFinished
            | S::TaskFailed
            | S::TaskKilled
            | S::TaskError
            | S::TaskLost
            | S::TaskDropped
            | S::TaskGone
            | S::TaskGoneByOperator
    )
}

/// How a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Registered and heard of.
    Active,
    /// Silent, and unreachable at the given time.
    Silent { until: u64 },
    /// Unreachable since the given nanoseconds.
    Unreachable { since_ns: i64 },
    /// Marked gone; only its executors' ends are waited for.
    Gone,
}

/// What an operator has said of a host's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    InUse,
    Deactivated,
    /// All that runs there is told to end.
    Draining {
        max_grace_ms: Option<u64>,
        mark_gone: bool,
    },
    /// All of it has ended, and that is acknowledged.
    Drained,
}

/// A registered host.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) host: HostName,
    pub(super) spec: HostSpec,
    pub(super) standing: Standing,
    pub(super) duty: Duty,
    pub(super) total: Amount,
    /// Taken by executors and tasks that have not ended.
    pub(super) used: Amount,
    pub(super) offered: Amount,
    pub(super) offers: BTreeSet<String>,
    pub(super) executors: BTreeMap<ExecutorKey, Executor>,
    pub(super) registered_ms: u64,
}

impl Agent {
    pub(super) fn free(&self) -> Amount {
        let mut free = self.total.clone();
        free.subtract(&self.used);
        free.subtract(&self.offered);
        free
    }

    /// Whether commands reach it, now or when it resumes.
    pub(super) fn is_reachable(&self) -> bool {
        matches!(self.standing, Standing::Active | Standing::Silent { .. })
    }

    pub(super) fn attributes(&self) -> Vec<v1::Attribute> {
        let text = |(name, value): (&String, &String)| v1::Attribute {
            name: name.clone(),
            r#type: v1::value::Type::Text.into(),
            text: Some(v1::value::Text { value: value.clone() }),
            ..v1::Attribute::default()
        };
        self.spec.attributes.iter().map(text).collect()
    }

    pub(super) fn info(&self, id: &str) -> v1::AgentInfo {
        v1::AgentInfo {
            hostname: self.spec.hostname.clone(),
            resources: self.total.to_message(None),
            attributes: self.attributes(),
            id: Some(v1::AgentId { value: id.to_owned() }),
            port: Some(i32::from(self.spec.port)),
            domain: None,
        }
    }

    pub(super) fn url(&self) -> v1::Url {
        v1::Url {
            scheme: "http".to_owned(),
            address: v1::Address {
                hostname: Some(self.spec.ip.clone()),
                ip: Some(self.spec.ip.clone()),
                port: i32::from(self.spec.port),
            },
            path: Some("/slave(1)".to_owned()),
            query: Vec::new(),
            fragment: None,
        }
    }

    /// libprocess's name of the agent, as `MESOS_SLAVE_PID` and GET_AGENTS give it.
    pub(super) fn pid(&self) -> String {
        format!("slave(1)@{}:{}", self.spec.ip, self.spec.port)
    }
}

/// How an executor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Started; its first SUBSCRIBE is due at the given time.
    Registering {
        until: u64,
    },
    Running,
    /// Told to end; killed at the given time.
    Terminating {
        until: u64,
    },
}

/// An executor between its start and the end of its process.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) info: v1::ExecutorInfo,
    pub(super) framework_info: v1::FrameworkInfo,
    pub(super) container_id: String,
    pub(super) stage: Stage,
    pub(super) connected: bool,
    pub(super) pid: Option<u32>,
    /// Its own resources, while they count as used.
    pub(super) amount: Amount,
    /// Launched tasks that it was not sent yet, in order.
    pub(super) queued: Vec<String>,
    /// Tasks that have not ended.
    pub(super) tasks: BTreeSet<String>,
    /// It has said something of a task: one had reached it, then.
    pub(super) has_spoken: bool,
    /// What its tasks' last update says when the reason of its end is known beforehand.
    pub(super) verdict: Option<Verdict>,
    /// The order to kill it went out.
    pub(super) killed: bool,
}

/// A known reason of an executor's end.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) reason: v1::task_status::Reason,
    pub(super) message: String,
}

/// An offer that is out.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) framework: String,
    pub(super) agent: String,
    pub(super) role: String,
    pub(super) amount: Amount,
}
