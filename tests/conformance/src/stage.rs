//! A master with agents that a case runs on.
//!
//! Owns what both kinds have in common: addresses, credentials, faults. It must not know any case.

mod real;
mod standalone;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cargo_metadata::Message;
use lathe_engines::Mesos;
use lathe_mesos::Credentials;
use lathe_mesos::scheduler::Endpoint;

use standalone::Standalone;

/// Which of the two a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mesos 1.11, as it is.
    Mesos,
    /// Lathe's stand-in.
    Standalone,
}

#[derive(Debug)]
enum Engine {
    Mesos(Box<Mesos>),
    Standalone(Standalone),
}

/// A master and agents in racks `r1`, `r2` and so on, each with four processors, 4 GiB of memory, 4 GiB
/// of disk and some ports. It ends with this value.
#[derive(Debug)]
pub struct Stage {
    engine: Engine,
    credentials: Credentials,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Which one it is.
    pub fn kind(&self) -> Kind {
        match self.engine {
            Engine::Mesos(_) => Kind::Mesos,
            Engine::Standalone(_) => Kind::Standalone,
        }
    }

    /// The real Mesos, for what only that can play.
    pub fn mesos(&self) -> &Mesos {
        match &self.engine {
            Engine::Mesos(mesos) => mesos,
            Engine::Standalone(_) => panic!("this case is for a real Mesos"),
        }
    }

    /// Where the master listens.
    pub fn master(&self) -> String {
        match &self.engine {
            Engine::Mesos(mesos) => mesos.master_address(0),
            Engine::Standalone(standalone) => standalone.address.clone(),
        }
    }

    /// Who a framework and an operator are here.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The way to the master.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            masters: vec![self.master()],
            credentials: Some(self.credentials.clone()),
            ..Endpoint::default()
        }
    }

    /// A folder for what a case notes.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Stops an agent from being heard, as a partition of the network would. Its tasks go on.
    pub async fn part(&self, agent: usize) {
        match &self.engine {
            Engine::Mesos(mesos) => mesos.agent(agent).pause().unwrap(),
            Engine::Standalone(standalone) => standalone.order(agent, "pause").await,
        }
    }

    /// Ends what [`Stage::part`] began.
    pub async fn heal(&self, agent: usize) {
        match &self.engine {
            Engine::Mesos(mesos) => mesos.agent(agent).resume().unwrap(),
            Engine::Standalone(standalone) => standalone.order(agent, "resume").await,
        }
    }
}

/// Where the executor of the cases is, and the stand-in. Built once.
fn built(name: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<(String, PathBuf)>> = OnceLock::new();
    let built = BUILT.get_or_init(build);
    let found = built.iter().find(|(built, _)| built == name);
    found.map(|(_, path)| path.clone()).unwrap_or_else(|| panic!("cargo built no {name}"))
}

/// The executor that every task of the cases has.
pub(crate) fn scripted_executor() -> PathBuf {
    built("scripted-executor")
}

fn build() -> Vec<(String, PathBuf)> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // All binaries, as the tests of whole clusters build them: one build then serves both.
    command.args(["build", "--bins", "--message-format", "json-render-diagnostics"]);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(name);
    }
    let mut cargo = command.spawn().expect("cargo runs");
    let messages = std::io::BufReader::new(cargo.stdout.take().expect("it was piped just now"));
    let mut built = Vec::new();
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message.expect("cargo's own messages")
            && let Some(executable) = artifact.executable
        {
            built.push((artifact.target.name, executable.into()));
        }
    }
    assert!(cargo.wait().expect("cargo ends").success(), "the binaries build; cargo says why not");
    built
}
