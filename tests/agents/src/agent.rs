//! The agent's process.

use std::net::SocketAddr;
use std::path::Path;

use lathe_child::{Child, Exit, Output, Signal, Spawn};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::binary;
use crate::wire::{Reply, get};
use crate::{SOON, until};

/// An agent that runs; it ends with the test.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    /// Where it listens.
    pub url: String,
    /// Where it answers DNS, if it does.
    pub dns: Option<SocketAddr>,
}

impl Agent {
    /// Starts it with a file of configuration, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start(config: &Path) -> Self {
        Self::listening(spawn(config, &[])).await
    }

    /// The same of another build of it.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_as(binary: &Path, config: &Path) -> Self {
        Self::listening(with_config(Spawn::new(binary), config, &[])).await
    }

    /// The same on a host of its own, a network namespace of this name.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_in(namespace: &str, config: &Path) -> Self {
        let ip = Spawn::new("ip").arg("netns").arg("exec").arg(namespace).arg(binary::agent());
        Self::listening(with_config(ip, config, &[])).await
    }

    async fn listening(spawn: Spawn) -> Self {
        let mut child = spawn.stdout(Output::Pipe).start().expect("it starts");
        let mut lines = BufReader::new(child.stdout().expect("it was piped")).lines();
        let line = tokio::time::timeout(SOON, lines.next_line()).await.expect("in time");
        let line = line.expect("a line").expect("it says where it listens");
        let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let url = said["listening"].as_str().expect("a URL").to_owned();
        let dns = said["dns"].as_str().map(|text| text.parse().expect("an address"));
        // Whatever it says later has somewhere to go.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, url, dns }
    }

    /// Runs it to its end with more arguments.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn complete(config: &Path, arguments: &[&str]) -> Exit {
        let mut child = spawn(config, arguments).start().expect("it starts");
        tokio::time::timeout(SOON, child.wait()).await.expect("it ends in time")
    }

    /// Runs it to its end with more arguments; how it ended and what it printed.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn printed(config: &Path, arguments: &[&str]) -> (Exit, String) {
        let mut child = spawn(config, arguments).stdout(Output::Pipe).start().expect("it starts");
        let mut out = child.stdout().expect("it was piped");
        let mut text = String::new();
        let read = tokio::time::timeout(SOON, out.read_to_string(&mut text));
        read.await.expect("it ends in time").expect("it prints text");
        (child.wait().await, text)
    }

    /// Asks it.
    pub async fn get(&self, path: &str) -> Option<Reply> {
        get(&self.url, path, &[]).await
    }

    /// Waits until a hook has followed what is known, and nothing is to be done.
    pub async fn followed(&self, hook: &str, version: u64) {
        let path = format!("/v1/hooks/{hook}");
        until(&format!("{hook} at {version}"), || async {
            let Some(reply) = self.get(&path).await else { return false };
            let status = reply.json();
            status["acknowledged"].as_u64() >= Some(version) && status["standing"] == "idle"
        })
        .await;
    }

    /// Kills it; what it has started ends with it.
    pub async fn kill(mut self) {
        self.child.signal(Signal::Kill).expect("it is ours");
        self.child.wait().await;
    }

    /// Asks it to end.
    ///
    /// # Panics
    /// When it does not.
    pub async fn stop(mut self) -> Exit {
        self.child.signal(Signal::Term).expect("it is ours");
        tokio::time::timeout(SOON, self.child.wait()).await.expect("it ends in time")
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().as_raw()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.signal(Signal::Kill);
    }
}

fn spawn(config: &Path, arguments: &[&str]) -> Spawn {
    with_config(Spawn::new(binary::agent().clone()), config, arguments)
}

fn with_config(spawn: Spawn, config: &Path, arguments: &[&str]) -> Spawn {
    spawn
        .arg("--config")
        .arg(config)
        .args(arguments)
        .stderr(Output::Inherit)
        .parent_death(Signal::Kill)
}
