//! The machine of the stand-in: what a Mesos master and its agents would decide.
//!
//! It owns frameworks, hosts, offers, tasks, executors and status updates, and the rules of
//! Mesos 1.11 about them. It must not know sockets, processes, clocks or files: time comes in as
//! `now_ms`, ids are drawn from a seeded generator, and the same events give the same commands.
//!
//! ```text
//! let mut out = Vec::new();
//! cluster.step(now_ms, event, &mut out);      // then carry out `out` in order
//! cluster.next_deadline();                    // step(Event::Woke) at that time
//! ```
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod command;
mod event;
mod ids;
mod validation;

pub use command::{Answer, Command, HostCommand};
pub use event::{Event, HostSpec};
pub use validation::{check_executor_call, check_scheduler_call};
pub use ids::{ExecutorKey, HostName, RequestId, StreamId};

/// What a cluster is made with. Times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of all ids (master, streams, containers, updates made here).
    pub seed: u64,
    /// Host name that the master announces in `MasterInfo`.
    pub hostname: String,
    /// Port that the master announces in `MasterInfo`.
    pub port: u16,
    /// Time between two heartbeats to a framework.
    pub heartbeat_ms: u64,
    /// How long a host may be silent before its tasks are unreachable.
    pub unreachable_after_ms: u64,
    /// How long an executor may take from its start to its first SUBSCRIBE.
    pub executor_registration_ms: u64,
    /// How long an executor may take to end after SHUTDOWN before it is killed.
    pub executor_shutdown_grace_ms: u64,
    /// How long an update waits for its acknowledgement before it is sent again; doubles.
    pub resend_ms: u64,
    /// The longest pause between two sendings of one update.
    pub resend_cap_ms: u64,
    /// The shortest filter that a DECLINE sets (a real master's allocation interval).
    pub min_refuse_ms: u64,
}

impl Config {
    /// The defaults of Mesos, save `unreachable_after_ms` (3 s) and the short `min_refuse_ms`.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            hostname: "127.0.0.1".to_owned(),
            port: 5050,
            heartbeat_ms: 15_000,
            unreachable_after_ms: 3_000,
            executor_registration_ms: 60_000,
            executor_shutdown_grace_ms: 5_000,
            resend_ms: 10_000,
            resend_cap_ms: 600_000,
            min_refuse_ms: 100,
        }
    }
}

/// The machine; see the text of this module.
#[derive(Debug)]
pub struct Cluster {
    config: Config,
}

impl Cluster {
    /// A cluster without hosts and frameworks.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Takes in one event at `now_ms` (milliseconds since the epoch, never going back) and
    /// appends what is to be done to `out`, in order.
    pub fn step(&mut self, now_ms: u64, event: Event, out: &mut Vec<Command>) {
        let _ = (now_ms, event, out, &self.config);
    }

    /// When [`Event::Woke`] is due next, if anything waits for time to pass.
    pub fn next_deadline(&self) -> Option<u64> {
        None
    }
}
