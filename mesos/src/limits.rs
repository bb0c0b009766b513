//! How long we wait and how much we take. Every client of this crate has one set of limits.

use std::time::Duration;

/// Bounds on everything that comes from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// To open a connection.
    pub connect: Duration,
    /// From a SUBSCRIBE to the head of its answer, and from there to the first event.
    pub subscribe: Duration,
    /// From any other call to its whole answer.
    pub answer: Duration,
    /// The largest event, in bytes.
    pub record: usize,
    /// The largest answer of an operator API, in bytes.
    pub response: usize,
    /// The largest call, in bytes. Masters take more; what is larger is a mistake of ours.
    pub request: usize,
    /// How much of an error's text is kept, in bytes.
    pub text: usize,
    /// Calls of one subscription that may wait for their turn.
    pub queue: usize,
    /// Events of one subscription that may wait to be taken, in number and in bytes. The stream is
    /// read without a pause, for a master buffers for slow readers without a bound; a subscription
    /// whose events are not taken in time is given up.
    pub backlog: usize,
    pub backlog_bytes: usize,
}

impl Default for Limits {
    /// The times are those of Mesos's own library, the sizes are ample for 10,000 agents.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            subscribe: Duration::from_secs(75),
            answer: Duration::from_secs(30),
            record: 64 << 20,
            response: 256 << 20,
            request: 32 << 20,
            text: 4 << 10,
            queue: 65_536,
            backlog: 65_536,
            backlog_bytes: 128 << 20,
        }
    }
}
