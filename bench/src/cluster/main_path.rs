//! The README's topology on a real cluster: submitted, killed piece by piece, and led by another
//! scheduler.
//!
//! Owns the cluster and the order of what is done to it. It must not know how Lathe does its work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lathe_api::rest::InstanceView;
use lathe_child::{Output, Pid};
use serde_json::json;

use super::Stage;
use super::stand::{Spec, Stand};
use crate::args::{Args, Figure};
use crate::calls::{README, Scheduler, Submission};
use crate::failure::Failure;
use crate::kills::{KILLS, instances};
use crate::path::Taken;
use crate::row::{Series, Unit};
use crate::up::{BUILD, SOON};
use crate::{events, processes, say};

const SUBMISSIONS: usize = 20;
const FAILOVERS: usize = 20;
const AGENTS: usize = 3;
/// The schedulers' sessions with ZooKeeper.
pub(super) const SESSION: Duration = Duration::from_secs(2);
/// Between a removal and the next submission, longer than between two looks of Mesos's allocator,
/// and as it comes: a submission does not know when that looks.
const PAUSE: Duration = Duration::from_millis(1_000);
const PAUSE_STEP: Duration = Duration::from_millis(170);

/// What is measured in this cluster.
pub(super) const FIGURES: [Figure; 5] = [
    Figure::MesosSubmit,
    Figure::MesosSubmitCommand,
    Figure::MesosReplaceP50,
    Figure::MesosReplaceP95,
    Figure::SchedulerFailover,
];

pub(super) async fn measure(
    stage: &Stage<'_>,
    args: &Args,
    wanted: &[Figure],
) -> Result<Vec<Taken>, Failure> {
    say::talk(&format!("starting a real cluster with {AGENTS} agents"));
    let spec = Spec {
        schedulers: 2,
        agents: AGENTS,
        resources: "cpus:4;mem:4096;disk:4096",
        session: SESSION,
        executor: None,
    };
    let mut stand = Stand::start(stage.surroundings, stage.lathe, &spec).await?;
    let taken = within(stage, args, wanted, &mut stand).await;
    stand.end().await;
    taken
}

async fn within(
    stage: &Stage<'_>,
    args: &Args,
    wanted: &[Figure],
    stand: &mut Stand,
) -> Result<Vec<Taken>, Failure> {
    // Builds the crates and uploads them: not counted.
    command(stage, stand, BUILD).await?;
    let mut taken = submits(stage, args, wanted, stand).await?;
    let shares = [(Figure::MesosReplaceP50, 50), (Figure::MesosReplaceP95, 95)];
    if shares.iter().any(|(figure, _)| wanted.contains(figure)) {
        let endpoints = stand.endpoints(stand.leader().await?)?;
        let series = instances(Pid::own(), &endpoints, args.rounds(KILLS)).await?;
        for (figure, share) in shares.into_iter().filter(|(figure, _)| wanted.contains(figure)) {
            taken.push((figure, series.latency_at(share, Unit::Milliseconds), json!(series)));
        }
    }
    if wanted.contains(&Figure::SchedulerFailover) {
        taken.push(failovers(args, stand).await?);
    }
    Ok(taken)
}

/// In turn by call and by command.
async fn submits(
    stage: &Stage<'_>,
    args: &Args,
    wanted: &[Figure],
    stand: &Stand,
) -> Result<Vec<Taken>, Failure> {
    let by_call = wanted.contains(&Figure::MesosSubmit);
    let by_command = wanted.contains(&Figure::MesosSubmitCommand);
    if !(by_call || by_command) {
        return Ok(Vec::new());
    }
    let rounds = args.rounds(SUBMISSIONS);
    say::talk(&format!("removing and submitting, {rounds} rounds"));
    let leader = stand.leader().await?;
    let mut scheduler = Scheduler::connect(&stand.endpoints(leader)?).await?;
    let submission = Submission::of_readme(stage.surroundings)?;
    let (mut calls, mut commands) = (Series::default(), Series::default());
    for round in 0..rounds {
        let pause = PAUSE + PAUSE_STEP * u32::try_from(round % 6).unwrap_or_default();
        if by_call {
            scheduler.remove(&submission.name, round).await?;
            processes::gone(Pid::own()).await?;
            tokio::time::sleep(pause).await;
            let (took, parts) = scheduler.submit(&submission, round).await?;
            calls.add_with(took, parts);
        }
        if by_command {
            scheduler.remove(&submission.name, rounds + round).await?;
            processes::gone(Pid::own()).await?;
            tokio::time::sleep(pause).await;
            commands.add(command(stage, stand, SOON).await?.as_secs_f64());
        }
    }
    let series = [(Figure::MesosSubmit, calls), (Figure::MesosSubmitCommand, commands)];
    let series = series.into_iter().filter(|(figure, _)| wanted.contains(figure));
    Ok(series.map(|(figure, one)| (figure, one.latency(Unit::Seconds), json!(one))).collect())
}

/// `lathe submit FILE`, from its start to its end.
pub(super) async fn command(
    stage: &Stage<'_>,
    stand: &Stand,
    limit: Duration,
) -> Result<Duration, Failure> {
    let folder = stage.surroundings.folder("submit-")?;
    let log = folder.path().join("log");
    let file = std::fs::File::create(&log).map_err(|error| Failure::io("making a log", error))?;
    let spawn = stand
        .command(stand.leader().await?)?
        .arg("submit")
        .arg("--yes")
        .arg(stage.surroundings.topology())
        .env("LATHE_CACHE", &stage.surroundings.cache)
        .stderr(Output::File(file));
    let what = "lathe submit".to_owned();
    let started = Instant::now();
    let mut child =
        spawn.start().map_err(|source| Failure::Start { program: what.clone(), source })?;
    let exit = tokio::time::timeout(limit, child.wait()).await;
    let took = started.elapsed();
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    match exit {
        Err(_) => {
            child.end(Duration::ZERO).await;
            Err(Failure::Late { what, limit })
        }
        Ok(exit) if exit.success() && said.contains(&format!("{README} of {README}")) => Ok(took),
        Ok(exit) => Err(Failure::Ended { what, how: exit.to_string(), said }),
    }
}

/// kill -9 of the leading scheduler until the one that stood by is subscribed, again and again.
async fn failovers(args: &Args, stand: &mut Stand) -> Result<Taken, Failure> {
    let rounds = args.rounds(FAILOVERS);
    say::talk(&format!("killing the leading scheduler {rounds} times"));
    let leader = stand.leader().await?;
    let before = lives(stand, leader).await?;
    let mut series = Series::default();
    for _ in 0..rounds {
        let leader = stand.leader().await?;
        stand.standby(leader).await?;
        let killed = Instant::now();
        stand.kill(leader)?;
        let next = stand.next_leader(leader).await?;
        series.add(killed.elapsed().as_secs_f64());
        stand.bury(leader).await;
        let after = lives(stand, next).await?;
        if after != before {
            let text = format!("another scheduler leads, and what runs is not the same: {after:?}");
            return Err(Failure::Unexpected(text));
        }
        stand.start_scheduler(leader).await?;
    }
    let mut measured = series.latency(Unit::Seconds);
    measured.how = format!("{}; 0 tasks restarted of {}", measured.how, before.len());
    Ok((Figure::SchedulerFailover, measured, json!(series)))
}

/// Each instance and its life.
async fn lives(
    stand: &Stand,
    scheduler: usize,
) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let endpoints = stand.endpoints(scheduler)?;
    let all: Vec<InstanceView> = events::read(&endpoints, "/v1/instances").await?;
    Ok(all.into_iter().map(|one| (one.instance, one.incarnation)).collect())
}
