//! `engines status`: what runs where.

use std::path::Path;

use super::state::State;
use super::{probe, table};
use crate::{Failure, say};

/// Whether all of it is ready.
pub(super) async fn run(dir: &Path, json: bool) -> Result<bool, Failure> {
    let Some(state) = State::read(dir)? else {
        say::say("nothing is up; `cargo xtask engines up` starts ZooKeeper and Mesos");
        if json {
            say::print(&table::json(&State::default(), &[]));
        }
        return Ok(false);
    };
    show(&state, json).await
}

/// Prints it, and says whether all of it is ready.
pub(super) async fn show(state: &State, json: bool) -> Result<bool, Failure> {
    let mut words = Vec::new();
    for entry in &state.daemons {
        words.push(if entry.process.runs() { probe::word(entry).await } else { None });
    }
    say::print(&if json { table::json(state, &words) } else { table::text(state, &words) });
    Ok(state.holder.runs() && words.iter().all(Option::is_some))
}
