//! What a cluster asks its driver to do.
//!
//! It owns the list of commands and must not know how they are carried out.

use lathe_mesos::v1;

use super::ids::{ExecutorKey, HostName, RequestId, StreamId};

/// Something to be done, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Answer a call. Exactly one for each [`super::Event::SchedulerCalled`].
    Answer { request: RequestId, answer: Answer },
    /// Send an event on a subscription.
    Send { stream: StreamId, event: Box<v1::scheduler::Event> },
    /// End a subscription's connection (after what was sent before).
    Close { stream: StreamId },
    /// Tell a host. Nothing is told to a host that is lost.
    Host { host: HostName, command: HostCommand },
}

/// The answer to a scheduler call, as HTTP gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 and an open stream of events with this `Mesos-Stream-Id`.
    Subscribed { stream: StreamId },
    /// 202 without a body.
    Accepted,
    /// 200 without a body.
    Done,
    /// Any other status with its text.
    Refused { status: u16, text: String },
}

/// What a host is told.
#[derive(Clone, Debug, PartialEq)]
pub enum HostCommand {
    /// It is registered and has this agent id.
    Welcome { agent_id: String },
    /// Make a sandbox, fetch the URIs and start the process.
    StartExecutor {
        executor: ExecutorKey,
        /// Id of this run: name of the sandbox's folder.
        container_id: String,
        info: Box<v1::ExecutorInfo>,
        /// `FrameworkInfo.checkpoint`: whether the executor is told to outlive its agent.
        checkpoint: bool,
    },
    /// Send an event on the executor's stream (it has one).
    Deliver { executor: ExecutorKey, event: Box<v1::executor::Event> },
    /// SIGKILL the executor's process and everything below it; `ExecutorExited` follows.
    KillExecutor { executor: ExecutorKey },
}
