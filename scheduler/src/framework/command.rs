//! What the framework asks its driver to do. Commands return nothing; outcomes are later events.

use std::collections::BTreeMap;

use lathe_api::rest::{EventView, LaunchSpec};
use lathe_placement::{Cluster, Options, Running};
use lathe_topology::Topology;

use super::event::Free;
use super::ids::{AgentId, AskId, BatchId, FrameworkId, Incarnation, JobId, OfferId};
use super::records::Write;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Subscribe at the leading master, with the id where there is one; again and again with
    /// back-off until it succeeds.
    Subscribe {
        framework_id: Option<FrameworkId>,
    },
    /// In the order given, on the present subscription; void when that is over.
    Call(Call),
    ListHosts,
    /// Ask the master for the quota of our role.
    AskQuota,
    Plan {
        job: JobId,
        input: Box<PlanInput>,
    },
    /// Whole and durable, under the term, in the order given.
    Persist {
        batch: BatchId,
        writes: Vec<Write>,
    },
    Answer {
        ask: AskId,
        answer: Answer,
    },
    Publish(EventView),
    /// This framework is over, for this reason. `lead_lost`: since another one leads, or may.
    Stop {
        reason: String,
        lead_lost: bool,
    },
}

/// Calls of the Mesos scheduler API that the framework makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    Accept {
        offers: Vec<OfferId>,
        agent: AgentId,
        launches: Vec<Launch>,
    },
    Decline {
        offers: Vec<OfferId>,
        refuse_ms: u64,
    },
    /// Nothing of ours is there any more.
    AcceptInverse {
        offers: Vec<OfferId>,
    },
    /// Something has to stay there.
    DeclineInverse {
        offers: Vec<OfferId>,
        refuse_ms: u64,
    },
    Revive,
    Suppress,
    Kill {
        incarnation: Incarnation,
        agent: Option<AgentId>,
        grace_ms: u64,
    },
    /// Kill of a task that is none of ours.
    KillStray {
        task_id: String,
        agent: Option<AgentId>,
    },
    Acknowledge {
        task_id: String,
        agent: AgentId,
        uuid: Vec<u8>,
    },
    Reconcile {
        tasks: Vec<(Incarnation, Option<AgentId>)>,
    },
    ReconcileAll,
}

/// One incarnation to be started from an offer.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    pub spec: LaunchSpec,
    /// The task's share; its ports are single numbers.
    pub resources: Free,
    /// The executor's share.
    pub overhead: Free,
}

/// What a planner is given.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanInput {
    pub cluster: Cluster,
    pub topologies: Vec<Topology>,
    pub running: Running,
    pub options: Options,
    /// Where the topologies cannot be placed whole: single slots that may be tried one by one.
    pub piecemeal: bool,
}

/// Answers to a caller. `Done`, `LossesConfirmed` and `Refused` are the last; `Planned` is the last of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Planned(PlanView),
    Waiting {
        hosts: Vec<String>,
    },
    /// It waits for room.
    Blocked {
        sentence: String,
    },
    Committed {
        revision: u64,
    },
    Instance {
        instance: String,
        incarnation: String,
        host: String,
        state: String,
        message: String,
    },
    Done {
        revision: u64,
        changed: bool,
        ready: u32,
    },
    /// These hosts are waited for no longer; none where none were.
    LossesConfirmed {
        hosts: Vec<String>,
    },
    Refused(Refused),
}

impl Answer {
    /// Whether nothing follows it.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::LossesConfirmed { .. } | Self::Refused(_))
    }
}

/// A plan for people: every instance and what happens to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanView {
    pub changes: Vec<Change>,
    pub score: i64,
    pub notes: Vec<String>,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub kind: ChangeKind,
    pub instance: String,
    pub task: String,
    pub host: String,
    pub from: String,
    pub reason: String,
}

/// What happens to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    Keep,
    Start,
    Stop,
    Move,
    /// The same slot with other contents.
    Replace,
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub verdict: String,
    pub refusal: lathe_placement::Refusal,
}

/// Ports by name, chosen for one incarnation.
pub type Ports = BTreeMap<String, u16>;
