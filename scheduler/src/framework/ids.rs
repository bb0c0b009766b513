//! Names of the framework's things, each a kind of its own so that mixing them does not compile.

use std::fmt;
use std::str::FromStr;

use lathe_topology::TaskPath;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, as the driver reads them.
pub type Time = u64;

/// One wanted or running copy of a task: `http.lb#2`. Slots count from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstanceId {
    pub task: TaskPath,
    pub slot: u32,
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.task, self.slot)
    }
}

/// One life of an instance: `http.lb#2.7`, used once, ever. Mesos knows it as task id and
/// executor id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Incarnation {
    pub instance: InstanceId,
    /// From 1, counted up in the launch intent's write.
    pub counter: u64,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.instance, self.counter)
    }
}

/// Why a text is no incarnation id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no incarnation id such as `http.lb#2.7`")]
pub struct NotAnIncarnation(pub String);

impl FromStr for Incarnation {
    type Err = NotAnIncarnation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAnIncarnation(text.chars().take(128).collect());
        let (path, numbers) = text.split_once('#').ok_or_else(wrong)?;
        let (slot, counter) = numbers.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            instance: InstanceId {
                task: path.parse().map_err(|_| wrong())?,
                slot: slot.parse().map_err(|_| wrong())?,
            },
            counter: counter.parse().map_err(|_| wrong())?,
        })
    }
}

macro_rules! text_id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

text_id! {
    /// A host by its name, unique among the hosts that are known.
    HostName,
    /// What Mesos calls the agent on a host; another one after the agent lost its disk.
    AgentId,
    /// One offer of one host's free resources.
    OfferId,
    /// The framework's name at the master, kept for its whole life.
    FrameworkId,
}

macro_rules! number_id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub u64);
    )+};
}

number_id! {
    /// One question of a caller; its answers carry it.
    AskId,
    /// One durable write.
    BatchId,
    /// One piece of planned work.
    JobId,
}

#[cfg(test)]
mod tests;
