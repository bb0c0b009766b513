//! Lathe's own topology: the registries that the scheduler places itself.
//!
//! Owns what is submitted in the scheduler's own name, and when. How it is placed, kept and healed is
//! the framework's, as with any other topology.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lathe_api::door::Caller;
use lathe_api::rest::StatusView;

use crate::api::Artifacts;
use crate::driver::{Handle, Stopping};
use crate::framework::command::Answer;
use crate::framework::event::{Edit, Question, Submission};
use crate::framework::records::ArtifactRecord;

/// Its name. Nobody else submits under it.
pub(crate) const TOPOLOGY: &str = "lathe-system";
/// The task of the registries.
pub(crate) const REGISTRY: &str = "lathe.registry";
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// What was refused is tried again after so long, or when there are more hosts.
const AGAIN: Duration = Duration::from_secs(30);
/// How long hosts are waited for.
const WAIT_MS: u64 = 30_000;

/// Keeps as many registries as are wanted, or as fit.
#[derive(Debug)]
pub(crate) struct System {
    handle: Handle,
    artifacts: Artifacts,
    /// The registry's program.
    binary: PathBuf,
    wanted: u32,
    /// Which configuration they are told, if any.
    told: Option<String>,
    /// As many as were accepted under this lead.
    accepted: Option<u32>,
    /// With how many hosts it was tried, and when.
    tried: Option<(u32, Instant)>,
}

impl System {
    pub(crate) fn new(
        handle: Handle,
        artifacts: Artifacts,
        binary: PathBuf,
        wanted: u32,
        told: Option<String>,
    ) -> Self {
        Self { handle, artifacts, binary, wanted, told, accepted: None, tried: None }
    }

    /// Runs until the scheduler leads no more.
    pub(crate) async fn keep(mut self) {
        let built = loop {
            match self.artifacts.keep(&self.binary).await {
                Ok((sha256, size)) => break artifact(sha256, size),
                Err(error) => {
                    let path = self.binary.display().to_string();
                    tracing::error!(path, %error, "the registry's program cannot be kept");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        while self.look(&built, Instant::now()).await.is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&mut self, built: &ArtifactRecord, now: Instant) -> Result<(), Stopping> {
        let status = self.handle.status().await?;
        let Some(hosts) = self.is_due(&status, now) else { return Ok(()) };
        self.tried = Some((hosts, now));
        let mut why = String::new();
        let most = self.wanted.min(hosts);
        for count in (1..=most).rev() {
            // Those that are there are not given up for fewer.
            if self
                .accepted
                .is_some_and(|accepted| count <= accepted && is_there(&status, accepted))
            {
                break;
            }
            match self.submit(built, count).await? {
                None => {
                    self.accepted = Some(count);
                    break;
                }
                Some(refused) => why = refused,
            }
        }
        let placed = self.accepted.unwrap_or(0);
        if placed < self.wanted {
            let wanted = self.wanted;
            tracing::warn!(placed, wanted, hosts, why, "fewer registries than are wanted");
        } else {
            tracing::info!(placed, "the registries are placed");
        }
        Ok(())
    }

    /// With how many hosts something is to be tried now, if anything is.
    fn is_due(&self, status: &StatusView, now: Instant) -> Option<u32> {
        let active = status.hosts.iter().filter(|host| host.state == "active").count();
        let hosts = u32::try_from(active).unwrap_or(u32::MAX);
        let done = self.accepted.filter(|accepted| is_there(status, *accepted));
        let settled = done.is_some_and(|accepted| accepted >= self.wanted.min(hosts));
        if !status.scheduler.connected || hosts == 0 || settled {
            return None;
        }
        let again = self.tried.is_none_or(|(before, at)| hosts > before || now >= at + AGAIN);
        (again || (self.accepted.is_some() && done.is_none())).then_some(hosts)
    }

    /// What it was refused for, if it was.
    async fn submit(&self, built: &ArtifactRecord, count: u32) -> Result<Option<String>, Stopping> {
        let submission = Submission {
            name: TOPOLOGY.to_owned(),
            source: source(count, self.told.as_deref()),
            artifacts: vec![built.clone()],
        };
        let question = Question::Submit {
            edit: Edit::Source(submission),
            max_moves: 0,
            wait_ms: WAIT_MS,
            id: uuid::Uuid::new_v4().to_string(),
            may_stop: true,
            queues: false,
        };
        let caller = Caller { who: "scheduler".into(), peer: None };
        let mut answers = self.handle.ask(question, caller).await?;
        while let Some(answer) = answers.recv().await {
            match answer {
                Answer::Done { .. } => return Ok(None),
                Answer::Refused(refused) => return Ok(Some(refused.refusal.sentence)),
                _ => {}
            }
        }
        Err(Stopping)
    }
}

fn is_there(status: &StatusView, count: u32) -> bool {
    let own = status.topologies.iter().find(|one| one.name == TOPOLOGY);
    let task = own.and_then(|own| own.tasks.iter().find(|task| task.task == REGISTRY));
    task.is_some_and(|task| task.wanted == count)
}

fn artifact(sha256: String, size: u64) -> ArtifactRecord {
    ArtifactRecord {
        crate_name: "lathe-registry".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source_key: sha256.clone(),
        sha256,
        size,
        tasks: Vec::new(),
        sdk: false,
    }
}

/// The topology. No secret stands in it: a registry asks the scheduler for its key and its configuration, of
/// which only the digest is here, so that registries are replaced when it changes.
fn source(count: u32, told: Option<&str>) -> String {
    let args: Vec<&str> = match told {
        Some(told) => vec!["--placed", "--told", told],
        None => vec!["--placed"],
    };
    format!(
        r#"# Made by the scheduler, as `registries` in its configuration says.
[topology]
name = "{TOPOLOGY}"

[task.{REGISTRY}]
crate = "lathe-registry"
version = "{version}"
task = "lathe-registry"
tasks = {count}
tags = ["lathe-registry"]
biases = [["lathe-registry", "never"]]
resources = {{ cpus = 0.1, mem = "256MiB", ports = ["http"] }}
args = {args:?}
health = {{ kind = "http", path = "/healthz" }}
"#,
        version = env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests;
