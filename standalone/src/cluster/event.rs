//! What can happen to a cluster.
//!
//! It owns the list of events and must not know where they come from.

use std::collections::BTreeMap;

use lathe_mesos::v1;

use super::ids::{ExecutorKey, HostName, RequestId, StreamId};

/// Something that happened outside of the machine.
#[derive(Clone, Debug)]
pub enum Event {
    /// A deadline may have passed.
    Woke,

    /// A scheduler API call that passed [`super::check_scheduler_call`]. SUBSCRIBE is answered by
    /// [`super::Answer::Subscribed`] (events follow as `Send`), every other one by a status.
    SchedulerCalled {
        request: RequestId,
        /// The authenticated principal, if there is authentication.
        principal: Option<String>,
        /// The `Mesos-Stream-Id` header.
        stream: Option<StreamId>,
        call: Box<v1::scheduler::Call>,
    },
    /// The connection of a subscription broke or was closed by the framework.
    StreamClosed { stream: StreamId },

    /// A host came up, new or again under the same name (then as a new agent).
    HostRegistered { host: HostName, spec: Box<HostSpec> },
    /// A host died with everything on it.
    HostLost { host: HostName },
    /// A host went silent; its tasks become unreachable when it does not resume in time.
    HostPaused { host: HostName },
    /// A silent host is back, with all that it had.
    HostResumed { host: HostName },
    /// An operator declared the host of this agent gone (MARK_AGENT_GONE).
    AgentMarkedGone { agent_id: String },
    /// An operator has this agent emptied (DRAIN_AGENT).
    AgentDrains { agent_id: String, max_grace_ms: Option<u64>, mark_gone: bool },
    /// An operator has nothing more placed on this agent (DEACTIVATE_AGENT).
    AgentDeactivated { agent_id: String },
    /// An operator takes this agent into use again (REACTIVATE_AGENT).
    AgentReactivated { agent_id: String },

    /// An executor opened its stream (executor API SUBSCRIBE, already validated).
    ExecutorSubscribed {
        host: HostName,
        executor: ExecutorKey,
        subscribe: Box<v1::executor::call::Subscribe>,
    },
    /// An executor's stream broke; its process may still live.
    ExecutorDisconnected { host: HostName, executor: ExecutorKey },
    /// An executor sent a status (executor API UPDATE, already validated).
    ExecutorUpdated { host: HostName, executor: ExecutorKey, status: Box<v1::TaskStatus> },
    /// An executor sent bytes for its framework (executor API MESSAGE).
    ExecutorMessaged { host: HostName, executor: ExecutorKey, data: Vec<u8> },
    /// An executor's process is there.
    ExecutorStarted { host: HostName, executor: ExecutorKey, pid: u32 },
    /// An executor could not be started (its files or its command).
    ExecutorRefused { host: HostName, executor: ExecutorKey, message: String },
    /// An executor's process ended with this wait status (as from waitpid: signal, or code << 8).
    ExecutorExited { host: HostName, executor: ExecutorKey, status: i32 },
}

/// What a host says of itself.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// Host name or address that offers carry.
    pub hostname: String,
    /// IP that offers' URLs carry.
    pub ip: String,
    /// Port of the host's own HTTP server.
    pub port: u16,
    pub cpus_milli: u64,
    pub mem_bytes: u64,
    pub disk_bytes: u64,
    /// Ranges of ports, inclusive.
    pub ports: Vec<(u16, u16)>,
    pub attributes: BTreeMap<String, String>,
}
