//! `cargo xtask`: the checks, tests and measurements of this repository, as one plain program.
//!
//! Owns the way from arguments to a task and to an exit code; every task has a file of its own.
//! It must not know any crate of Lathe: it works when none of them compiles.

mod args;
mod everything;
mod libtest;
mod needs;
mod root;
mod runs;
mod say;
mod steps;
mod tidy;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Task};
use root::Root;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = Root::find().and_then(|root| match &args.task {
        Task::Tidy => tidy::run(&root),
        Task::Verify => verify::run(&root),
        Task::Fix => runs::fix(&root),
        Task::Test { install } => everything::run(&root, *install),
        Task::Sim(sim) => runs::sim(&root, sim),
        Task::Fuzz { words } => runs::fuzz(&root, words),
        Task::Soak { words } => runs::soak(&root, words),
        Task::Versions { commit } => runs::versions(&root, commit.as_deref()),
        Task::Engines { words } => runs::engines(&root, words),
        Task::Bench { name, json, words } => runs::bench(&root, name, *json, words),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say::error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
