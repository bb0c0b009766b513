//! `lathe up` from its start to the first `:)` of the load balancer that it names first.
//!
//! Owns both ways: warm, with everything built, and cold, with nothing built. It must not know what
//! happens in between.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use lathe_child::Spawn;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;

use super::Stage;
use crate::failure::Failure;
use crate::programs::{cargo, run_cargo};
use crate::report::Outcome;
use crate::row::{Series, Unit};
use crate::say;
use crate::surroundings::program;
use crate::up::{BUILD, SOON, Up};

const WARM_ROUNDS: usize = 10;
/// Cores that a cold start may use.
const COLD_CORES: usize = 2;

/// Names and texts of lines that say how far it has come.
type Marks = [(&'static str, &'static str)];
const STOOD: (&str, &str) = ("the cluster stood", "cluster: ");
/// What cargo says before it starts what it was to run.
const COMPILED: (&str, &str) = ("`lathe` was compiled", "Finished `release`");

/// `lathe up FILE` of the target folder, with the shared cache.
pub(super) fn lathe_up(stage: &Stage<'_>) -> Result<Spawn, Failure> {
    let spawn = program(stage.lathe.path("lathe")?).arg("up").arg(stage.surroundings.topology());
    Ok(spawn.env("LATHE_CACHE", &stage.surroundings.cache))
}

/// Each round with an empty home. The first is not counted: it builds the task crates.
pub(super) async fn warm(stage: &Stage<'_>) -> Outcome {
    say::talk(&format!("lathe up, everything built, {WARM_ROUNDS} times"));
    round(stage, lathe_up(stage)?, &[STOOD], BUILD).await?;
    let mut series = Series::default();
    for _ in 0..WARM_ROUNDS {
        let (smile, parts) = round(stage, lathe_up(stage)?, &[STOOD], SOON).await?;
        series.add_with(smile, parts);
    }
    Ok((series.latency(Unit::Seconds), json!(series)))
}

/// The README's command with nothing built, on two cores. What is downloaded is there already.
pub(super) async fn cold(stage: &Stage<'_>) -> Outcome {
    let surroundings = stage.surroundings;
    let root = &surroundings.root;
    say::talk("fetching what the cold start will compile");
    run_cargo(root, &["fetch", "--locked"]).await?;
    let tasks = std::fs::read_dir(root.join("topologies/tasks"));
    let tasks = tasks.map_err(|error| Failure::io("listing the example tasks", error))?;
    for task in tasks.filter_map(Result::ok).filter(|task| task.path().join("Cargo.toml").exists())
    {
        run_cargo(&task.path(), &["fetch", "--locked"]).await?;
    }
    say::talk("lathe up with all compiling: this takes minutes");
    let folder = surroundings.folder("cold-")?;
    let spawn = cargo()
        .args(["run", "--release", "--bin", "lathe", "--", "up"])
        .arg(surroundings.topology().strip_prefix(root).unwrap_or(Path::new("")))
        .dir(root)
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .env("LATHE_CACHE", folder.path().join("cache"));
    let before = sched_getaffinity(None).map_err(affinity)?;
    let cores = take_cores(&before)?;
    // What is started from this thread meanwhile has its cores.
    let outcome = round(stage, spawn, &[COMPILED, STOOD], BUILD).await;
    sched_setaffinity(None, &before).map_err(affinity)?;
    let (smile, parts) = outcome?;
    let mut series = Series::default();
    series.add_with(smile, parts);
    let mut measured = series.latency(Unit::Seconds);
    let s = if cores == 1 { "" } else { "s" };
    measured.how = format!("{}; {cores} core{s}, downloads there already", measured.how);
    Ok((measured, json!(series)))
}

fn affinity(error: rustix::io::Errno) -> Failure {
    Failure::io("choosing cores", error.into())
}

/// Takes the first cores that this process may use, and says how many there were to take.
fn take_cores(allowed: &CpuSet) -> Result<usize, Failure> {
    let mut chosen = CpuSet::new();
    let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).take(COLD_CORES);
    cores.for_each(|core| chosen.set(core));
    sched_setaffinity(None, &chosen).map_err(affinity)?;
    Ok(chosen.count() as usize)
}

/// One start in an empty home, to the smile and to its end.
async fn round(
    stage: &Stage<'_>,
    spawn: Spawn,
    marks: &Marks,
    limit: Duration,
) -> Result<(f64, BTreeMap<&'static str, f64>), Failure> {
    let folder = stage.surroundings.folder("home-")?;
    let mut up = Up::start(spawn, folder.path())?;
    let parts = async {
        let mut parts = BTreeMap::new();
        for (name, text) in marks {
            let (after, _) = up.line(text, limit).await?;
            parts.insert(*name, after.as_secs_f64());
        }
        let (smile, printed) = up.smile(limit).await?;
        parts.insert("the URLs were printed", printed.as_secs_f64());
        Ok((smile.as_secs_f64(), parts))
    };
    let outcome = parts.await;
    let ended = up.end().await;
    outcome.and_then(|outcome| ended.map(|()| outcome))
}
