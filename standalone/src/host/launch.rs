//! What an executor is started with: files, environment, command.
//!
//! Owns the names of the `MESOS_*` variables and the meaning of `CommandInfo`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use lathe_child::{Output, Signal, Spawn};
use lathe_mesos::v1;

use super::fetch::Fetcher;
use super::sandbox;
use crate::cluster::ExecutorKey;
use crate::processes::PASSED_ON;

/// An executor that is to be started.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) key: ExecutorKey,
    pub(super) container_id: String,
    pub(super) info: v1::ExecutorInfo,
    pub(super) checkpoint: bool,
    pub(super) agent_id: String,
    /// Where the host serves.
    pub(super) agent: SocketAddr,
    pub(super) token: String,
    /// The host's folder.
    pub(super) dir: PathBuf,
}

impl Launch {
    fn sandbox(&self) -> PathBuf {
        sandbox::path(&self.dir, &self.key, &self.container_id)
    }

    fn command(&self) -> v1::CommandInfo {
        self.info.command.clone().unwrap_or_default()
    }

    /// Makes the sandbox and fetches the URIs into it.
    pub(super) async fn prepare(&self, fetcher: &Fetcher) -> Result<(), String> {
        let made = sandbox::make(&self.dir, &self.key, &self.container_id);
        made.map_err(|error| format!("cannot make the sandbox: {error}"))?;
        for uri in &self.command().uris {
            let fetched = fetcher.fetch(uri, &self.sandbox()).await;
            fetched.map_err(|why| format!("Failed to fetch '{}': {why}", uri.value))?;
        }
        Ok(())
    }

    /// The process, ready to be started.
    pub(super) fn spawn(&self) -> Result<Spawn, String> {
        let sandbox = self.sandbox();
        let output = |name: &str| {
            let mut options = OpenOptions::new();
            options.create(true).append(true).mode(0o644);
            match options.open(sandbox.join(name)) {
                Ok(file) => Ok(Output::File(file)),
                Err(error) => Err(format!("cannot make the file {name}: {error}")),
            }
        };
        let command = self.command();
        let value = command.value.clone().unwrap_or_default();
        let spawn = if command.shell() {
            Spawn::new("/bin/sh").args(["-c", &value])
        } else {
            // The first argument is the program's own name.
            let args = command.arguments.iter().skip(1);
            if value.is_empty() {
                return Err("the command has neither a shell nor a value".to_owned());
            }
            Spawn::new(value).args(args)
        };
        Ok(spawn
            .envs(self.environment())
            .dir(&sandbox)
            .stdout(output("stdout")?)
            .stderr(output("stderr")?)
            .parent_death(Signal::Term)
            .own_group())
    }

    /// The variables: some of the host's, those of the command, and Mesos's own over them.
    fn environment(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for name in PASSED_ON {
            if let Ok(value) = std::env::var(name) {
                all.insert(name.to_owned(), value);
            }
        }
        for variable in self.command().environment.unwrap_or_default().variables {
            if let Some(value) = variable.value {
                all.insert(variable.name, value);
            }
        }
        let sandbox = self.sandbox().display().to_string();
        let grace = self.info.shutdown_grace_period.as_ref();
        let grace = grace.map_or(5_000, |grace| grace.nanoseconds / 1_000_000);
        let own: [(&str, String); 15] = [
            ("MESOS_FRAMEWORK_ID", self.key.framework_id.clone()),
            ("MESOS_EXECUTOR_ID", self.key.executor_id.clone()),
            ("MESOS_DIRECTORY", sandbox.clone()),
            ("MESOS_SANDBOX", sandbox),
            ("MESOS_SLAVE_ID", self.agent_id.clone()),
            ("MESOS_SLAVE_PID", format!("slave(1)@{}", self.agent)),
            ("MESOS_AGENT_ENDPOINT", self.agent.to_string()),
            ("MESOS_CHECKPOINT", u8::from(self.checkpoint).to_string()),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", format!("{grace}ms")),
            ("MESOS_RECOVERY_TIMEOUT", "15mins".to_owned()),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs".to_owned()),
            ("MESOS_HTTP_COMMAND_EXECUTOR", "0".to_owned()),
            ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", self.token.clone()),
            ("LIBPROCESS_IP", self.agent.ip().to_string()),
            ("LIBPROCESS_PORT", "0".to_owned()),
        ];
        all.extend(own.map(|(name, value)| (name.to_owned(), value)));
        all
    }
}
