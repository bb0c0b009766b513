//! Tasks launched to RUNNING on twenty real agents, by Lathe and by a framework that places nothing:
//! the same executor, the same agents, in turn.
//!
//! Owns the cluster and the order of rounds. It must not know how either launches.

mod bare;

use std::path::Path;
use std::time::Duration;

use lathe_child::Pid;
use serde_json::json;

use super::stand::{Spec, Stand};
use super::{Stage, main_path};
use crate::args::Args;
use crate::calls::{Scheduler, Submission};
use crate::failure::Failure;
use crate::report::Outcome;
use crate::row::{Measured, Peer, Series};
use crate::up::BUILD;
use crate::{processes, programs, say};
use bare::Bare;

const ROUNDS: usize = 5;
const AGENTS: usize = 20;
/// Long: so many processes that start at once leave ZooKeeper little of two cores.
const SESSION: Duration = Duration::from_secs(30);
const TASKS: u32 = 400;
/// Between two rounds: agents put away what ended.
const PAUSE: Duration = Duration::from_secs(3);

pub(super) async fn measure(stage: &Stage<'_>, args: &Args) -> Outcome {
    say::talk("building an executor that does nothing");
    let executor = programs::idle_executor(&stage.surroundings.root).await?;
    say::talk(&format!("starting a real cluster with {AGENTS} agents"));
    let spec = Spec {
        schedulers: 1,
        agents: AGENTS,
        resources: "cpus:64;mem:65536;disk:65536",
        session: SESSION,
        executor: Some(&executor),
    };
    let stand = Stand::start(stage.surroundings, stage.lathe, &spec).await?;
    let outcome = within(stage, args, &stand, &executor).await;
    stand.end().await;
    outcome
}

async fn within(stage: &Stage<'_>, args: &Args, stand: &Stand, executor: &Path) -> Outcome {
    // For the crates, which are built and uploaded; none of them is ever started.
    main_path::command(stage, stand, BUILD).await?;
    let mut scheduler = Scheduler::connect(&stand.endpoints(0)?).await?;
    let submission = many(stage)?;
    scheduler.remove(&Submission::of_readme(stage.surroundings)?.name, usize::MAX).await?;
    quiet().await?;
    let master = stand.mesos.master_address(0);
    let bare = Bare { master, executor: executor.to_owned(), agents: AGENTS, tasks: TASKS };
    let rounds = args.rounds(ROUNDS);
    let (mut own, mut peer, mut ratios) = (Series::default(), Series::default(), Series::default());
    // The first round of each is not counted: agents fetch the executor.
    for round in 0..=rounds {
        say::talk(&format!("{TASKS} tasks, round {round} of {rounds}"));
        let theirs = f64::from(TASKS) / bare.round().await?;
        quiet().await?;
        let (took, parts) = scheduler.submit(&submission, round).await?;
        let ours = f64::from(TASKS) / took;
        scheduler.remove(&submission.name, round).await?;
        quiet().await?;
        if round > 0 {
            own.add_with(ours, parts);
            peer.add(theirs);
            ratios.add(ours / theirs);
        }
    }
    let ratio = ratios.percentile(50);
    let how = format!(
        "median of {rounds} rounds of {TASKS} tasks, each with an executor of its own; ratio {:.3} to \
         {:.3}",
        ratios.percentile(0),
        ratios.percentile(100),
    );
    let peer_value = peer.percentile(50);
    let named = Peer { name: "bare framework", value: peer_value, ratio };
    let value = own.percentile(50);
    let seen = json!({ "lathe": own, "bare": peer, "ratios": ratios });
    Ok((Measured { value, peer: Some(named), samples: rounds, how }, seen))
}

async fn quiet() -> Result<(), Failure> {
    processes::gone(Pid::own()).await?;
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// A task of one of the README's crates, very often.
fn many(stage: &Stage<'_>) -> Result<Submission, Failure> {
    let readme = Submission::of_readme(stage.surroundings)?;
    let (name, version, task) = readme.some_task()?;
    let source = format!(
        "[task.idle]\ncrate = \"{name}\"\nversion = \"{version}\"\ntask = \"{task}\"\n\
         tasks = {TASKS}\nresources = {{ cpus = 0.1, mem = \"32MiB\", ports = [] }}\n"
    );
    Ok(Submission { name: "many".to_owned(), source, instances: TASKS, ..readme })
}
