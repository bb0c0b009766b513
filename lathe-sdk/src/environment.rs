//! What the executor tells a task by its environment.
//!
//! Owns the names `LATHE_…` and what they mean. It must not know who reads it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// Who this process is in its cluster.
///
/// Started by hand, most of it is empty: only `LATHE_TASK` and a port are needed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Path of the task, `http.lb`.
    pub task: String,
    /// Name of the topology.
    pub topology: String,
    /// `http.lb#2`.
    pub instance: String,
    /// `http.lb#2.7`: this life of the instance, used once, ever.
    pub incarnation: String,
    /// Crate that it was built from.
    pub crate_name: String,
    /// Version of that crate.
    pub version: String,
    /// Name of the host.
    pub host: String,
    /// Address that it binds and announces.
    pub address: IpAddr,
    /// Ports by their names, in lower case.
    pub ports: BTreeMap<String, u16>,
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            task: String::new(),
            topology: String::new(),
            instance: String::new(),
            incarnation: String::new(),
            crate_name: String::new(),
            version: String::new(),
            host: String::new(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: BTreeMap::new(),
        }
    }
}

/// All that a task's process is told.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Environment {
    /// Name in `tasks!`.
    pub(crate) task: String,
    pub(crate) instance: Instance,
    pub(crate) registries: Vec<String>,
    pub(crate) schedulers: Vec<String>,
    /// File with the own keys.
    pub(crate) config: Option<PathBuf>,
    /// File with the secret by which it shows who it is.
    pub(crate) secret: Option<PathBuf>,
    /// Socket of the executor.
    pub(crate) handshake: Option<PathBuf>,
    pub(crate) served_by: bool,
    pub(crate) grace: Option<Duration>,
    /// How often the executor wants to hear that the process lives.
    pub(crate) beat: Option<Duration>,
    pub(crate) threads: Option<usize>,
}

/// What is wrong with the environment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvironmentError {
    /// Nobody said which task to run.
    #[error("LATHE_TASK is not set")]
    NoTask,
    #[error("{name}={value:?} is not {expected}")]
    Value { name: String, value: String, expected: &'static str },
}

impl Environment {
    /// Reads the variables given.
    pub(crate) fn read(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EnvironmentError> {
        let all: BTreeMap<String, String> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("LATHE_")?.to_owned(), value)))
            .collect();
        let text = |name: &str| all.get(name).cloned().unwrap_or_default();
        let list = |name: &str| {
            let entries = text(name);
            let entries = entries.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            entries.map(str::to_owned).collect::<Vec<_>>()
        };
        let path = |name: &str| all.get(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let task = text("TASK");
        if task.is_empty() {
            return Err(EnvironmentError::NoTask);
        }
        let mut instance = Instance {
            task: text("TASK_PATH"),
            topology: text("TOPOLOGY"),
            instance: text("INSTANCE"),
            incarnation: text("INCARNATION"),
            crate_name: text("CRATE"),
            version: text("VERSION"),
            host: text("HOST"),
            ..Instance::default()
        };
        if let Some(address) = number(&all, "ADDRESS", "an ip address")? {
            instance.address = address;
        }
        for (name, value) in &all {
            if let Some(port) = name.strip_prefix("PORT_") {
                let number = value.parse().map_err(|_| wrong(name, value, "a port"))?;
                instance.ports.insert(port.to_lowercase(), number);
            }
        }
        let grace = number(&all, "GRACE_MS", "a number of milliseconds")?;
        let beat = number(&all, "BEAT_MS", "a number of milliseconds")?;
        Ok(Self {
            task,
            instance,
            registries: list("REGISTRIES"),
            schedulers: list("SCHEDULERS"),
            config: path("CONFIG"),
            secret: path("SECRET_FILE"),
            handshake: path("HANDSHAKE"),
            served_by: text("SERVED_BY") == "1",
            grace: grace.map(Duration::from_millis),
            beat: beat.filter(|ms| *ms > 0).map(Duration::from_millis),
            threads: number(&all, "THREADS", "a number of threads")?,
        })
    }
}

fn number<T: std::str::FromStr>(
    all: &BTreeMap<String, String>,
    name: &str,
    expected: &'static str,
) -> Result<Option<T>, EnvironmentError> {
    let Some(value) = all.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| wrong(name, value, expected))
}

fn wrong(name: &str, value: &str, expected: &'static str) -> EnvironmentError {
    EnvironmentError::Value { name: format!("LATHE_{name}"), value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests;
