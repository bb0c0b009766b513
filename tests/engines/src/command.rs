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

use crate::{Failure, Kafka, Mesos, ZooKeeper, block_on, cache, say};
use args::{Args, Engines, Task};

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Args::parse().task {
        Task::Install { engines } => block_on(install(&Engines::of(&engines))),
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

async fn install(engines: &Engines) -> Result<bool, Failure> {
    if engines.zookeeper {
        ZooKeeper::install().await?;
    }
    if engines.mesos {
        Mesos::install().await?;
    }
    if engines.kafka {
        Kafka::install().await?;
    }
    say::say(&format!("{} installed in {}", engines.listed(), cache::folder()?.display()));
    Ok(true)
}
