//! The fixed words of the protocol that both of its sides write: media types, header names, paths.
//! Knows no message and does no I/O.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Media type of protobuf bodies; Mesos compares it exactly, without parameters.
pub const PROTOBUF: &str = "application/x-protobuf";
/// Media type of JSON bodies, which this crate does not speak.
pub const JSON: &str = "application/json";
/// Header with the id of a scheduler's subscription: in the answer to SUBSCRIBE and in every call
/// after it. Header names are compared without regard to case.
pub const STREAM_ID: &str = "mesos-stream-id";
/// Path of the scheduler API on a master.
pub const SCHEDULER_PATH: &str = "/api/v1/scheduler";
/// Path of the executor API on an agent, after the prefix from the agent's process id.
pub const EXECUTOR_PATH: &str = "/api/v1/executor";
/// Path of the operator API on a master, and on an agent after its prefix.
pub const OPERATOR_PATH: &str = "/api/v1";
/// The port of a master where none is given.
pub const MASTER_PORT: u16 = 5050;
/// The port of an agent where none is given.
pub const AGENT_PORT: u16 = 5051;
/// Redirects that are followed within one attempt, as other clients of Mesos do.
pub const MAX_REDIRECTS: usize = 9;
/// How often a master is heard where it does not say so: the constant of Mesos.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often an executor and its agent let each other know that they live: the constant of Mesos.
pub const EXECUTOR_HEARTBEAT: Duration = Duration::from_secs(30 * 60);
/// Heartbeats that may be missing in a row before a stream counts as dead.
pub const MISSED_HEARTBEATS: u32 = 5;

/// Who we are towards a master: HTTP basic authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub principal: String,
    pub secret: String,
}

impl Credentials {
    /// The value of the `Authorization` header (RFC 7617).
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.principal, self.secret)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("principal", &self.principal).finish_non_exhaustive()
    }
}
