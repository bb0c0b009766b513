//! The framework alone, with a model of a cluster around it: its memory, what its steps cost, how
//! many statuses it makes durable. Each in a process of its own.
//!
//! Owns these processes and what is made of their words. It must not know how the model works.

use serde_json::{Value, json};

use super::{Stage, Taken, standalone};
use crate::args::Figure;
use crate::failure::Failure;
use crate::model::process::{number, reports, start as model};
use crate::row::{Measured, Series};
use crate::say;

/// What is measured with models.
pub(super) const FIGURES: [Figure; 3] =
    [Figure::UpdatesPersisted, Figure::SchedulerMemory, Figure::IdleStep];

const SIZES: [u32; 3] = [1_000, 10_000, 100_000];
/// Instances that report at the same time: as many statuses are under way, one each.
const REPORTING: u32 = 2_000;
const ROUNDS: usize = 5;

pub(super) async fn measure(stage: &Stage<'_>, wanted: &[Figure]) -> Result<Vec<Taken>, Failure> {
    let mut taken = Vec::new();
    if wanted.contains(&Figure::UpdatesPersisted) {
        let (measured, samples) = updates(stage).await?;
        taken.push((Figure::UpdatesPersisted, measured, samples));
    }
    if wanted.contains(&Figure::SchedulerMemory) || wanted.contains(&Figure::IdleStep) {
        let mut seen = Vec::new();
        for size in SIZES {
            say::talk(&format!("a framework of {size} instances on {} hosts", size / 10));
            seen.push(model(&["--model", "idle", "--instances", &size.to_string()]).await?);
        }
        if wanted.contains(&Figure::SchedulerMemory) {
            taken.push((Figure::SchedulerMemory, memory(&seen)?, json!(seen)));
        }
        if wanted.contains(&Figure::IdleStep) {
            taken.push((Figure::IdleStep, steps(&seen)?, json!(seen)));
        }
    }
    Ok(taken)
}

fn memory(seen: &[Value]) -> Result<Measured, Failure> {
    let of = |at: usize| number(&seen[at], "resident_mib");
    let how = format!(
        "VmRSS of a process with nothing but the framework of 100,000 instances on 10,000 hosts, \
         after each was reconciled; {:.1} MiB at 10,000, {:.1} MiB at 1,000; a plan of all of it \
         is not under way",
        of(1)?,
        of(0)?
    );
    Ok(Measured { value: of(2)?, peer: None, samples: 1, how })
}

fn steps(seen: &[Value]) -> Result<Measured, Failure> {
    let of = |at: usize, name| number(&seen[at], name);
    let how = format!(
        "the median of 5 times 20,000 steps and next deadlines: {:.0} ns at 1,000 instances, {:.0} \
         ns at 10,000, {:.0} ns at 100,000; a status with its record {:.1} µs, {:.1} µs, {:.1} µs",
        of(0, "idle_ns")?,
        of(1, "idle_ns")?,
        of(2, "idle_ns")?,
        of(0, "status_us")?,
        of(1, "status_us")?,
        of(2, "status_us")?,
    );
    let value = of(2, "idle_ns")? / of(0, "idle_ns")?.max(1.0);
    Ok(Measured { value, peer: None, samples: 5, how })
}

/// Statuses through the real framework, the real pipeline of writes and a real store in another
/// process, on disk.
async fn updates(stage: &Stage<'_>) -> Result<(Measured, Value), Failure> {
    let syncs = stage.surroundings.syncs_per_second()?;
    let folder = stage.surroundings.folder("standalone-")?;
    let store = standalone::Store::start(stage, folder.path()).await?;
    let mut series = Series::default();
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        say::talk(&format!("{REPORTING} instances report"));
        let address = format!("local:{}", store.socket.display());
        let round = reports(REPORTING, &address).await?;
        series.add(number(&round, "per_second")?);
        seen.push(round);
    }
    store.end().await?;
    let how = format!(
        "the least of {ROUNDS} rounds of 5 s; median {:.0}/s, most {:.0}/s; {REPORTING} in flight, \
         one for each instance; {:.0} in one durable write as a rule; the disk syncs {syncs:.0} \
         times a second",
        series.percentile(50),
        series.percentile(100),
        number(&seen[0], "per_write")?,
    );
    let value = series.percentile(0);
    Ok((Measured { value, peer: None, samples: ROUNDS, how }, json!(seen)))
}
