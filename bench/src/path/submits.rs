//! Submissions to a running cluster with crates unchanged, by a call and by the command; then the
//! memory of the executors that it has at the end.
//!
//! Owns the cluster and the order of its rounds. It must not know how the scheduler does its work.

mod executors;

use std::fs;
use std::time::{Duration, Instant};

use lathe_child::Output;
use serde_json::json;

use super::ups::lathe_up;
use super::{INSTANCES, Stage, Taken};
use crate::args::Figure;
use crate::calls::{Scheduler, Submission};
use crate::failure::Failure;
use crate::processes;
use crate::row::{Series, Unit};
use crate::say;
use crate::surroundings::program;
use crate::up::{BUILD, SOON, Up};

const ROUNDS: usize = 20;
/// Between a removal and the next submission: a scheduler asks for offers at most every half second,
/// and what is wanted is the time of a submission, not of one on the heels of another.
const PAUSE: Duration = Duration::from_secs(1);

/// What is measured in this cluster.
pub(super) const FIGURES: [Figure; 3] =
    [Figure::ReceiptToReady, Figure::SubmitCommand, Figure::ExecutorMemory];

/// A cluster of its own for all that is wanted of these.
pub(super) async fn measure(stage: &Stage<'_>, wanted: &[Figure]) -> Result<Vec<Taken>, Failure> {
    say::talk("starting a cluster for submissions");
    let folder = stage.surroundings.folder("home-")?;
    let mut up = Up::start(lathe_up(stage)?, folder.path())?;
    let taken = within(stage, wanted, &mut up, folder.path()).await;
    let ended = up.end().await;
    taken.and_then(|taken| ended.map(|()| taken))
}

async fn within(
    stage: &Stage<'_>,
    wanted: &[Figure],
    up: &mut Up,
    home: &std::path::Path,
) -> Result<Vec<Taken>, Failure> {
    up.stands(BUILD).await?;
    let mut taken = Vec::new();
    let (by_call, by_command) =
        (wanted.contains(&Figure::ReceiptToReady), wanted.contains(&Figure::SubmitCommand));
    if by_call || by_command {
        let mut scheduler = Scheduler::connect(&up.endpoints()?).await?;
        let submission = Submission::of_readme(stage.surroundings)?;
        say::talk(&format!("removing and submitting, {ROUNDS} rounds"));
        let (mut calls, mut commands) = (Series::default(), Series::default());
        for round in 0..ROUNDS {
            if by_call {
                scheduler.remove(&submission.name, round).await?;
                quiet(up).await?;
                let (took, parts) = scheduler.submit(&submission, round).await?;
                calls.add_with(took, parts);
            }
            if by_command {
                scheduler.remove(&submission.name, ROUNDS + round).await?;
                quiet(up).await?;
                commands.add(command(stage, home).await?.as_secs_f64());
            }
        }
        if by_call {
            let measured = calls.latency(Unit::Seconds);
            taken.push((Figure::ReceiptToReady, measured, json!(calls)));
        }
        if by_command {
            let measured = commands.latency(Unit::Seconds);
            taken.push((Figure::SubmitCommand, measured, json!(commands)));
        }
    }
    if wanted.contains(&Figure::ExecutorMemory) {
        let (measured, samples) = executors::memory(up.pid()).await?;
        taken.push((Figure::ExecutorMemory, measured, samples));
    }
    Ok(taken)
}

/// Waits until nothing of a removed topology is left, and a little longer.
async fn quiet(up: &Up) -> Result<(), Failure> {
    processes::gone(up.pid()).await?;
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// `lathe submit FILE`, from its start to its end.
async fn command(stage: &Stage<'_>, home: &std::path::Path) -> Result<Duration, Failure> {
    let log = home.join("submit.log");
    let file = fs::File::create(&log).map_err(|error| Failure::io("making a log", error))?;
    let spawn = program(stage.lathe.path("lathe")?)
        .arg("submit")
        .arg(stage.surroundings.topology())
        .env("LATHE_HOME", home)
        .env("LATHE_CACHE", &stage.surroundings.cache)
        .stderr(Output::File(file));
    let what = "lathe submit".to_owned();
    let started = Instant::now();
    let mut child =
        spawn.start().map_err(|source| Failure::Start { program: what.clone(), source })?;
    let exit = tokio::time::timeout(SOON, child.wait()).await;
    let took = started.elapsed();
    let said = fs::read_to_string(&log).unwrap_or_default();
    match exit {
        Err(_) => {
            child.end(Duration::ZERO).await;
            Err(Failure::Late { what, limit: SOON })
        }
        Ok(exit) if exit.success() && said.contains(&format!("{INSTANCES} of {INSTANCES}")) => {
            Ok(took)
        }
        Ok(exit) => {
            let how = format!("code {:?}, signal {:?}", exit.code, exit.signal);
            Err(Failure::Ended { what, how, said })
        }
    }
}
