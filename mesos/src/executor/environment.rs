//! What an agent tells an executor in its environment: the `MESOS_*` variables. Pure but for
//! [`Environment::from_env`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use thiserror::Error;

use crate::address::{Url, UrlError};
use crate::connection::Target;
use crate::v1::executor::{Call, call};
use crate::v1::{ExecutorId, FrameworkId};
use crate::wire;

/// The grace where the agent does not say one: the constant of Mesos.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How long to wait for an agent where it does not say so: the constant of Mesos.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// The largest pause before subscribing again where the agent does not say one.
const SUBSCRIPTION_BACKOFF: Duration = Duration::from_secs(2);

/// What this executor was told.
#[derive(Clone, PartialEq, Eq)]
pub struct Environment {
    pub framework_id: String,
    pub executor_id: String,
    /// The agent's id.
    pub agent_id: String,
    /// The sandbox as this process sees it.
    pub sandbox: PathBuf,
    /// The sandbox as the agent sees it.
    pub directory: PathBuf,
    /// Where the executor API is.
    pub url: Url,
    /// To be used in place of the address.
    pub domain_socket: Option<PathBuf>,
    /// Whether to wait for an agent that went away, or to end.
    pub checkpoint: bool,
    /// From SHUTDOWN to being killed.
    pub shutdown_grace: Duration,
    /// How long to wait for an agent that went away.
    pub recovery_timeout: Duration,
    /// The largest pause before subscribing again. The agent's window for it is no longer.
    pub subscription_backoff: Duration,
    /// To be sent to the agent, and to be kept from the task.
    token: Option<HeaderValue>,
}

/// Why the environment is not that of an executor.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum EnvironmentError {
    #[error("{name} is not set: was this process started by a Mesos agent?")]
    Missing { name: &'static str },
    #[error("{name} is {value:?}, which is no {expected}")]
    Malformed { name: &'static str, value: String, expected: &'static str },
    #[error("{name} names no address that can be used")]
    Address {
        name: &'static str,
        #[source]
        source: UrlError,
    },
    #[error("MESOS_EXECUTOR_AUTHENTICATION_TOKEN has characters that no header may have")]
    Token,
}

impl Environment {
    /// Reads this process's own environment. Variables that are not UTF-8 count as not set.
    pub fn from_env() -> Result<Self, EnvironmentError> {
        let own = std::env::vars_os();
        let text = own.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self::from_vars(text)
    }

    /// Reads variables from anywhere; those without `MESOS_` are passed over.
    pub fn from_vars(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EnvironmentError> {
        let variables = Variables(
            variables.into_iter().filter(|(name, _)| name.starts_with("MESOS_")).collect(),
        );
        let directory = PathBuf::from(variables.required("MESOS_DIRECTORY")?);
        let sandbox =
            variables.optional("MESOS_SANDBOX").map_or_else(|| directory.clone(), PathBuf::from);
        let token = variables.optional("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
        Ok(Self {
            framework_id: variables.required("MESOS_FRAMEWORK_ID")?.to_owned(),
            executor_id: variables.required("MESOS_EXECUTOR_ID")?.to_owned(),
            agent_id: variables.required("MESOS_SLAVE_ID")?.to_owned(),
            url: variables.url()?,
            domain_socket: variables.optional("MESOS_DOMAIN_SOCKET").map(PathBuf::from),
            checkpoint: variables.flag("MESOS_CHECKPOINT")?,
            shutdown_grace: variables
                .duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", SHUTDOWN_GRACE)?,
            recovery_timeout: variables.duration("MESOS_RECOVERY_TIMEOUT", RECOVERY_TIMEOUT)?,
            subscription_backoff: variables
                .duration("MESOS_SUBSCRIPTION_BACKOFF_MAX", SUBSCRIPTION_BACKOFF)?,
            token: token.map(bearer).transpose()?,
            sandbox,
            directory,
        })
    }

    /// A call of this executor, with nothing in it but who speaks.
    pub fn call(&self, kind: call::Type) -> Call {
        Call {
            executor_id: ExecutorId { value: self.executor_id.clone() },
            framework_id: FrameworkId { value: self.framework_id.clone() },
            r#type: Some(kind.into()),
            ..Call::default()
        }
    }

    pub(crate) fn target(&self) -> Target {
        let mut target = Target::new(self.url.clone());
        target.socket.clone_from(&self.domain_socket);
        target.authorization.clone_from(&self.token);
        target
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("framework_id", &self.framework_id)
            .field("executor_id", &self.executor_id)
            .field("agent_id", &self.agent_id)
            .field("url", &self.url)
            .field("domain_socket", &self.domain_socket)
            .field("checkpoint", &self.checkpoint)
            .field("has_token", &self.token.is_some())
            .finish_non_exhaustive()
    }
}

fn bearer(token: &str) -> Result<HeaderValue, EnvironmentError> {
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|_| EnvironmentError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

struct Variables(BTreeMap<String, String>);

impl Variables {
    fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<&str, EnvironmentError> {
        self.optional(name).ok_or(EnvironmentError::Missing { name })
    }

    fn flag(&self, name: &'static str) -> Result<bool, EnvironmentError> {
        match self.optional(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(value) => Err(malformed(name, value, "1 or 0")),
        }
    }

    fn duration(
        &self,
        name: &'static str,
        default: Duration,
    ) -> Result<Duration, EnvironmentError> {
        match self.optional(name) {
            None => Ok(default),
            Some(value) => {
                parse_duration(value).ok_or_else(|| malformed(name, value, "time such as 5secs"))
            }
        }
    }

    /// The address is that of the agent's endpoint; the path starts with the name in its process
    /// id (`slave(1)@10.0.0.1:5051`), for several agents may share one address.
    fn url(&self) -> Result<Url, EnvironmentError> {
        let pid = self.required("MESOS_SLAVE_PID")?;
        let expected = "process id such as slave(1)@10.0.0.1:5051";
        let (name, address) =
            pid.split_once('@').ok_or_else(|| malformed("MESOS_SLAVE_PID", pid, expected))?;
        let (variable, address) = match self.optional("MESOS_AGENT_ENDPOINT") {
            Some(endpoint) => ("MESOS_AGENT_ENDPOINT", endpoint),
            None => ("MESOS_SLAVE_PID", address),
        };
        let path = format!("{address}/{name}{}", wire::EXECUTOR_PATH);
        Url::parse(&path, wire::AGENT_PORT)
            .map_err(|source| EnvironmentError::Address { name: variable, source })
    }
}

fn malformed(name: &'static str, value: &str, expected: &'static str) -> EnvironmentError {
    let value = value.chars().take(200).collect();
    EnvironmentError::Malformed { name, value, expected }
}

/// Times as Mesos writes them: a number, with a fraction perhaps, and a unit.
fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("ms", 1e-3),
        ("secs", 1.0),
        ("mins", 60.0),
        ("hrs", 3600.0),
        ("days", 86_400.0),
        ("weeks", 604_800.0),
    ];
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let number: f64 = number.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * seconds).ok()
}

#[cfg(test)]
mod tests;
