//! What the framework is told: by the master, the store, planners, callers and time.

use std::collections::BTreeMap;

use lathe_placement::Verdict;

use super::ids::{
    AgentId, AskId, BatchId, FrameworkId, HostName, Incarnation, JobId, OfferId, Time,
};
use super::records::{ArtifactRecord, Recovered};

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The store's records are read and the term is ours.
    Recovered(Recovered),
    /// The master has taken the subscription.
    Subscribed {
        framework_id: FrameworkId,
        master: String,
    },
    /// The subscription is over.
    Disconnected {
        reason: String,
    },
    /// The subscription that was asked for could not be had so far; it is tried again.
    NotSubscribed {
        reason: String,
    },
    /// The master will not have this framework any more.
    Refused {
        message: String,
        removed: bool,
    },
    OffersArrived(Vec<Offer>),
    OfferRescinded(OfferId),
    StatusArrived(Status),
    HostsListed(Vec<HostInfo>),
    HostsUnknown {
        reason: String,
    },
    /// When which agents are to be away, of all that the master lists.
    WindowsListed(BTreeMap<AgentId, Window>),
    /// The master asks for hosts to be left.
    InverseOffersArrived(Vec<InverseOffer>),
    InverseOfferRescinded(OfferId),
    /// What our role may have at the most, as a sentence; none where nothing bounds it.
    QuotaTold(Option<String>),
    /// An agent is gone from the master's list.
    AgentLost(AgentId),
    Planned {
        job: JobId,
        verdict: Verdict,
    },
    Persisted(BatchId),
    /// The write did not take place; nothing of it is in the store.
    PersistRefused {
        batch: BatchId,
        reason: String,
    },
    /// Another leader has written, or the session is over: this one must stop.
    TermLost {
        reason: String,
    },
    Asked {
        ask: AskId,
        question: Question,
    },
    /// Nobody waits for the answers any more.
    AskerLeft(AskId),
    RegistriesChanged(Vec<String>),
    /// A deadline has passed.
    TimePassed,
}

/// What a caller wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    Plan {
        edit: Edit,
        max_moves: u32,
    },
    Submit {
        edit: Edit,
        max_moves: u32,
        wait_ms: u64,
        id: String,
        may_stop: bool,
        /// Whether it waits for room, as long as it waits for hosts.
        queues: bool,
    },
    Remove {
        name: String,
        id: String,
    },
    /// The hosts that went at once are lost for good.
    ConfirmLosses,
}

/// What should be otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// A file takes the place of what its topology said.
    Source(Submission),
    Scale {
        task: String,
        count: u32,
    },
    /// An own key of a task; no value takes it away.
    Set {
        task: String,
        key: String,
        value: Option<serde_json::Value>,
    },
    /// What an earlier revision said; the one before the present one without a number.
    Rollback {
        topology: String,
        revision: Option<u64>,
    },
    /// New lives of an instance, a task, or a topology.
    Restart {
        what: String,
    },
    Pause {
        topology: String,
        paused: bool,
    },
}

/// A topology and the artifacts that its tasks name, as a caller sent them.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    pub name: String,
    pub source: String,
    pub artifacts: Vec<ArtifactRecord>,
}

/// One host's free resources, offered to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub id: OfferId,
    pub agent: AgentId,
    pub hostname: String,
    pub free: Free,
    /// When the host is to be away, where that is planned.
    pub window: Option<Window>,
}

/// A time for which a host is to be away, by an operator's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub start_ms: Time,
    /// None where it is open.
    pub end_ms: Option<Time>,
}

impl Window {
    /// Whether the host is free again.
    #[must_use]
    pub fn is_over(&self, now: Time) -> bool {
        self.end_ms.is_some_and(|end| now >= end)
    }

    /// From when on the host is left, which takes so long at the most.
    #[must_use]
    pub fn begins_ms(&self, leave_before_ms: u64) -> Time {
        self.start_ms.saturating_sub(leave_before_ms)
    }
}

/// The master asks for a host to be left by a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InverseOffer {
    pub id: OfferId,
    pub agent: AgentId,
    pub window: Window,
}

/// Resources in whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Free {
    pub cpus_milli: u64,
    pub mem_bytes: u64,
    pub disk_bytes: u64,
    /// Inclusive ranges, ascending.
    pub ports: Vec<(u16, u16)>,
}

/// A host as the master lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInfo {
    pub name: HostName,
    pub agent: AgentId,
    pub address: String,
    /// Where the agent's own API answers: `127.0.0.1:5051`.
    pub endpoint: String,
    pub total: Free,
    pub attributes: BTreeMap<String, String>,
    pub state: HostState,
}

/// How a host stands with the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostState {
    /// It takes work.
    Active,
    /// The master does not hear of it, and has not given it up yet.
    Disconnected,
    /// An operator lets everything on it be ended; it takes nothing.
    Draining,
    /// All of it has ended.
    Drained,
    /// It keeps what it has, and takes nothing.
    Deactivated,
}

impl HostState {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disconnected => "unreachable",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Deactivated => "deactivated",
        }
    }
}

/// What the master says of one incarnation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// As the master names it: kept when it is no incarnation of ours.
    pub task_id: String,
    pub incarnation: Option<Incarnation>,
    pub state: TaskState,
    pub agent: Option<AgentId>,
    /// Present when the status wants an acknowledgement.
    pub uuid: Option<Vec<u8>>,
    pub message: String,
    pub reason: Option<String>,
    /// An answer to our own question, which says nothing of what happened in between.
    pub reconciliation: bool,
}

/// The states of a Mesos task as a partition-aware framework sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskState {
    Staging,
    Starting,
    Running,
    Killing,
    Finished,
    Failed,
    Killed,
    /// The request was wrong; the same again will be wrong too.
    Error,
    /// Never started.
    Dropped,
    Unreachable,
    Gone,
    GoneByOperator,
    Unknown,
    Lost,
}

impl TaskState {
    /// Whether nothing of the incarnation runs any more, for certain.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Finished
            | Self::Failed
            | Self::Killed
            | Self::Error
            | Self::Dropped
            | Self::Gone
            | Self::GoneByOperator
            | Self::Lost => true,
            Self::Staging
            | Self::Starting
            | Self::Running
            | Self::Killing
            | Self::Unreachable
            | Self::Unknown => false,
        }
    }
}
