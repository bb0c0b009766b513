//! How it is found out that an instance does not do its work any more, although it runs.
//!
//! Owns what a file may say of it and the values that hold when it says nothing. It must not know
//! who looks, nor what follows.

use serde::{Deserialize, Serialize};

/// Milliseconds between two probes, unless the task says otherwise.
pub(crate) const PROBE_INTERVAL_MS: u64 = 2_000;
/// Milliseconds that one probe is given.
pub(crate) const PROBE_TIMEOUT_MS: u64 = 3_000;
/// Probes that fail in a row before the instance is ended.
pub(crate) const PROBE_FAILURES: u32 = 3;
/// Milliseconds from the start in which failed probes do not count.
pub(crate) const PROBE_GRACE_MS: u64 = 60_000;
/// Milliseconds between two beats of the SDK.
pub const BEAT_INTERVAL_MS: u64 = 1_000;
/// Milliseconds without a beat after which the process hangs.
pub const BEAT_TIMEOUT_MS: u64 = 10_000;

/// `[task.X.health]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nobody looks.
    None,
    /// The SDK says from the program's own runtime that it lives.
    Beat {
        /// Milliseconds between two beats.
        interval_ms: u64,
        /// Milliseconds without one after which the process hangs.
        timeout_ms: u64,
    },
    /// The executor asks.
    Probe {
        /// How.
        probe: Probe,
        /// Milliseconds between two probes.
        interval_ms: u64,
        /// Milliseconds that one is given.
        timeout_ms: u64,
        /// So many that fail in a row end the instance.
        failures: u32,
        /// Milliseconds from the start in which failures do not count.
        grace_ms: u64,
    },
}

/// How an executor asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// `GET path`; an answer from 200 to 399 is good.
    Http {
        /// A name of the task's ports.
        port: String,
        /// With the query, if there is one.
        path: String,
    },
    /// A connection can be made.
    Tcp {
        /// A name of the task's ports.
        port: String,
    },
    /// A program and its arguments; status 0 is good.
    Command {
        /// Started in the instance's folder, with its environment.
        command: Vec<String>,
    },
}
