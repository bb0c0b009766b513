//! What this process is told: the agent's `MESOS_*` variables and a few of Lathe's own. An executor
//! has no configuration file and no flags. Reads nothing but what it is handed.

use std::path::PathBuf;
use std::time::Duration;

use lathe_mesos::executor::Environment;

use crate::causes::with_causes;
use crate::supervisor;

/// Time that a program with a hand-shake has from its start to its word, milliseconds, unless
/// `LATHE_READY_TIMEOUT_MS` says otherwise.
pub const READY_TIMEOUT_MS: u64 = 60_000;
/// Size of the artifact cache, bytes, unless `LATHE_CACHE_BYTES` says otherwise.
pub const CACHE_BYTES: u64 = 2 << 30;
/// A pause between two attempts to subscribe is never longer, milliseconds, whatever the agent
/// allows: its window after a restart is 2 s, and one attempt costs next to nothing.
const SUBSCRIPTION_PAUSE_MAX_MS: u64 = 500;

/// Everything that this process is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// By the agent.
    pub environment: Environment,
    /// For the machine; its seed is still to be drawn.
    pub supervisor: supervisor::Config,
    /// Time for the hand-shake, milliseconds.
    pub ready_timeout_ms: u64,
    /// The folder that executors share.
    pub cache_folder: PathBuf,
    /// Its size, bytes.
    pub cache_bytes_max: u64,
    /// The `PATH` for the task, when this process has one.
    pub path: Option<String>,
}

impl Settings {
    /// Reads variables; `own_user` is the number of the user that this process runs as.
    ///
    /// # Errors
    /// All problems at once, one sentence each.
    pub fn from_vars(
        variables: impl IntoIterator<Item = (String, String)>,
        own_user: u32,
    ) -> Result<Self, Vec<String>> {
        let variables: std::collections::BTreeMap<_, _> = variables.into_iter().collect();
        let mut problems = Vec::new();
        let ready_timeout_ms =
            number(&variables, "LATHE_READY_TIMEOUT_MS", READY_TIMEOUT_MS, &mut problems);
        let cache_bytes_max = number(&variables, "LATHE_CACHE_BYTES", CACHE_BYTES, &mut problems);
        let text = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        let cache_folder = text("LATHE_CACHE_DIR").map_or_else(
            || {
                let temporary = text("TMPDIR").unwrap_or_else(|| "/tmp".to_owned());
                PathBuf::from(temporary).join(format!("lathe-cache-{own_user}"))
            },
            PathBuf::from,
        );
        let path = text("PATH");
        let environment = match Environment::from_vars(variables) {
            Ok(environment) if problems.is_empty() => environment,
            Ok(_) => return Err(problems),
            Err(error) => {
                problems.push(with_causes(&error));
                return Err(problems);
            }
        };
        let supervisor = supervisor_config(&environment);
        Ok(Self { environment, supervisor, ready_timeout_ms, cache_folder, cache_bytes_max, path })
    }
}

fn supervisor_config(environment: &Environment) -> supervisor::Config {
    let allowed_ms = milliseconds(environment.subscription_backoff);
    supervisor::Config {
        checkpoint: environment.checkpoint,
        recovery_timeout_ms: milliseconds(environment.recovery_timeout),
        subscription_pause_max_ms: allowed_ms.min(SUBSCRIPTION_PAUSE_MAX_MS),
        shutdown_grace_ms: milliseconds(environment.shutdown_grace),
        ..supervisor::Config::default()
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn number(
    variables: &std::collections::BTreeMap<String, String>,
    name: &str,
    default: u64,
    problems: &mut Vec<String>,
) -> u64 {
    let Some(text) = variables.get(name) else { return default };
    match text.parse() {
        Ok(0) | Err(_) => {
            problems.push(format!("{name} is {text:?}, which is no number above 0"));
            default
        }
        Ok(number) => number,
    }
}

#[cfg(test)]
mod tests;
