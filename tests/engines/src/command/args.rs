//! The command line of `engines`.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

/// Real engines on this machine, on the loopback address.
#[derive(Debug, Parser)]
#[command(name = "engines", bin_name = "cargo xtask engines", max_term_width = 100)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) task: Task,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Fetch and build engines, without starting any
    Install {
        /// Which; all that the tests need, if none is named
        #[arg(default_value = "all")]
        parts: Vec<Part>,
    },
    /// Start engines that stay until `down`, and print where they are
    Up(Up),
    /// Say what runs where, and whether it is ready
    Status {
        /// The folder that `up` was given
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End what `up` has started
    Down {
        /// The folder that `up` was given
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Start engines and hold them until SIGTERM
    #[command(hide = true)]
    Hold {
        #[arg(long)]
        dir: PathBuf,
        /// `Wanted`, as JSON
        #[arg(long, value_parser = Wanted::parse)]
        wanted: Wanted,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Up {
    #[command(flatten)]
    pub(super) wanted: Wanted,
    /// Where data and logs are kept; without, in the cache, and made anew each time
    #[arg(long)]
    pub(super) dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What is to run.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// Which
    #[arg(default_values = ["zookeeper", "mesos"])]
    pub(super) engines: Vec<Engine>,
    /// ZooKeeper servers
    #[arg(long, default_value_t = 1)]
    pub(super) zookeepers: usize,
    /// Mesos masters
    #[arg(long, default_value_t = 1)]
    pub(super) masters: usize,
    /// Mesos agents
    #[arg(long, default_value_t = 2)]
    pub(super) agents: usize,
    /// An agent's attributes, such as `rack:r1;zone:a`; once for each agent
    #[arg(long, value_name = "TEXT")]
    pub(super) attributes: Vec<String>,
    /// The first ZooKeeper server's port, the others follow; 0: any that are free
    #[arg(long, default_value_t = 0)]
    pub(super) zookeeper_port: u16,
    /// The first master's port
    #[arg(long, default_value_t = 0)]
    pub(super) master_port: u16,
    /// The first agent's port
    #[arg(long, default_value_t = 0)]
    pub(super) agent_port: u16,
    /// The Kafka broker's port
    #[arg(long, default_value_t = 0)]
    pub(super) kafka_port: u16,
    /// Mesos's own times between offers and pings, which are slower, and writes of ZooKeeper that
    /// wait for the disk
    #[arg(long)]
    pub(super) production: bool,
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// What can be fetched without being started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    Zookeeper,
    Mesos,
    Kafka,
    /// The judge of placement
    CpSat,
    /// What holds a listener against its OpenAPI document
    Schemathesis,
    /// What placement is measured beside
    Fenzo,
    /// What registries are measured beside; it is built, which takes some ten minutes of a core
    Consul,
    /// What hooks are measured beside
    ConsulTemplate,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(super) enum Engine {
    Zookeeper,
    Mesos,
    Kafka,
    All,
}

/// The engines that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Engines {
    pub(super) zookeeper: bool,
    pub(super) mesos: bool,
    pub(super) kafka: bool,
}

impl Engines {
    pub(super) fn of(named: &[Engine]) -> Self {
        let has = |engine| named.contains(&engine) || named.contains(&Engine::All);
        Self {
            zookeeper: has(Engine::Zookeeper),
            mesos: has(Engine::Mesos),
            kafka: has(Engine::Kafka),
        }
    }
}
