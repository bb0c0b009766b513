//! One incarnation as the catalog knows it, and the beat by which it says that it lives.
//!
//! Owns the shape of an entry and the words for its state; must not know who writes it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What is known of one incarnation. Written by the framework; a registry only ever moves it
/// between its state and [`State::Suspect`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Name of the topology that wants it.
    pub topology: String,
    /// Task path without the leading `task.`, such as `http.frontpage.v4-2-1`.
    pub task: String,
    /// Slot of the instance, counted from 0.
    pub slot: u32,
    /// Id of this life, `http.lb#2.7`: unique for ever.
    pub incarnation: String,
    /// Name of the host that it runs on.
    pub host: String,
    /// Address that it binds and announces.
    pub address: String,
    /// Ports by their names in the topology.
    #[serde(default)]
    pub ports: BTreeMap<String, u16>,
    /// Every tag that it carries, its path and the prefixes of its path included.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Crate that it was built from.
    pub crate_name: String,
    /// Version of that crate.
    pub version: String,
    /// Where it is in its life.
    pub state: State,
    /// Why it is in that state, when there is more to say than the state itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it came into that state: milliseconds since the Unix epoch, by the writer's clock.
    pub since_ms: u64,
}

impl Entry {
    /// The first port in the order `http`, then by name.
    #[must_use]
    pub fn main_port(&self) -> Option<u16> {
        self.main_port_name().and_then(|name| self.ports.get(name)).copied()
    }

    /// The name of that port.
    #[must_use]
    pub fn main_port_name(&self) -> Option<&str> {
        let mut names = self.ports.keys().map(String::as_str);
        if self.ports.contains_key("http") { Some("http") } else { names.next() }
    }

    /// Whether this entry belongs to the group: its task path, or a tag that it carries.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.task == group || self.tags.iter().any(|tag| tag == group)
    }
}

/// Where an incarnation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Launched, not ready yet.
    Starting,
    /// Serves.
    Ready,
    /// Its heartbeats stopped or its health checks fail; look-ups leave it out until that is over.
    Suspect,
    /// Ends on request and takes nothing new.
    Draining,
    /// Ended. Only the framework says so.
    Gone,
}

impl State {
    /// The word as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Suspect => "suspect",
            Self::Draining => "draining",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Body of `POST /v1/instances/{incarnation}/beat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The state as the executor sees it: starting, ready or draining.
    pub state: State,
    /// Why an instance that is ready should be left out of look-ups: its last health check failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
}
