//! The program `engines`, for trying out: what `cargo xtask engines` runs.
//!
//! Owns its tasks. It must not know how an engine works: what it says of one is in `probe.rs`.

mod args;
mod down;
mod hold;
mod look;
mod probe;
mod state;
mod table;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    Consul, ConsulTemplate, Examination, Failure, Kafka, Mesos, Peer, ZooKeeper, block_on, cache,
    say,
};
use args::{Args, Part, Task};

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Args::parse().task {
        Task::Install { parts } => block_on(install(&parts)),
        Task::Up(up) => block_on(up::run(&up)),
        Task::Status { dir, json } => folder(dir).and_then(|dir| block_on(look::run(&dir, json))),
        Task::Down { dir } => folder(dir).and_then(|dir| block_on(down::run(&dir))),
        Task::Hold { dir, wanted } => block_on(hold::run(&dir, &wanted)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            say::error(&failure);
            ExitCode::FAILURE
        }
    }
}

/// The folder of the engines that were started without naming one.
fn folder(asked: Option<PathBuf>) -> Result<PathBuf, Failure> {
    asked.map_or_else(|| Ok(cache::folder()?.join("up")), Ok)
}

async fn install(parts: &[Part]) -> Result<bool, Failure> {
    use Part::{CpSat, Schemathesis};
    // What only measurements need comes last, and is not meant by `all`.
    let beside = [Part::Fenzo, Part::Consul, Part::ConsulTemplate];
    let needed = [Part::Zookeeper, Part::Mesos, Part::Kafka, CpSat, Schemathesis];
    let all = parts.contains(&Part::All);
    for part in needed.into_iter().chain(beside) {
        let meant = parts.contains(&part) || (all && !beside.contains(&part));
        match part {
            _ if !meant => continue,
            Part::Zookeeper => ZooKeeper::install().await?,
            Part::Mesos => Mesos::install().await?,
            Part::Kafka => Kafka::install().await?,
            CpSat => Peer::CpSat.install().await?,
            Schemathesis => Examination::install().await?,
            Part::Consul => Consul::install().await?,
            Part::ConsulTemplate => drop(ConsulTemplate::program().await?),
            Part::Fenzo | Part::All => Peer::Fenzo.install().await?,
        }
        say::say(&format!("{part:?} is in {}", cache::folder()?.display()));
    }
    Ok(true)
}
