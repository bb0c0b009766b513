//! The main path: a topology file in, real processes running and serving.
//!
//! Owns the list of figures, their bars, and the order in which they are measured. How one is
//! measured has a file of its own below.

mod check;
mod crates;
mod healing;
mod hello;
mod models;
mod standalone;
mod submits;
mod ups;

use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::args::{Area, Args, Figure};
use crate::calls::README as INSTANCES;
use crate::failure::{Failure, with_causes};
use crate::programs::{self, Programs};
use crate::report::{Head, Report};
use crate::row::{Bar, Measured, Unit};
use crate::say;
use crate::surroundings::Surroundings;

/// One figure's value and samples.
pub(crate) type Taken = (Figure, Measured, Value);

/// What a figure of this area is counted in, and its bar.
fn bar(figure: Figure) -> (Unit, Bar) {
    match figure {
        Figure::ReceiptToReady => (Unit::Seconds, Bar::AtMost(1.0)),
        Figure::SubmitCommand => (Unit::Seconds, Bar::AtMost(2.0)),
        Figure::WarmUp => (Unit::Seconds, Bar::AtMost(5.0)),
        Figure::ColdUp => (Unit::Seconds, Bar::AtMost(360.0)),
        Figure::HelloInstructions => (Unit::InstructionsPerRequest, Bar::AtMostOfPeer(1.10)),
        Figure::ExecutorMemory => (Unit::Mebibytes, Bar::AtMost(8.0)),
        Figure::StandaloneReady => (Unit::Milliseconds, Bar::AtMost(200.0)),
        Figure::TaskCrates => (Unit::Crates, Bar::AtMost(70.0)),
        Figure::KillToReadyP50 => (Unit::Milliseconds, Bar::AtMost(300.0)),
        Figure::KillToReadyP95 => (Unit::Milliseconds, Bar::AtMost(600.0)),
        Figure::HostKilled => (Unit::Seconds, Bar::AtMost(5.0)),
        Figure::OwnKey => (Unit::Milliseconds, Bar::AtMost(100.0)),
        Figure::Check1000 => (Unit::Milliseconds, Bar::AtMost(50.0)),
        Figure::UpdatesPersisted => (Unit::PerSecond, Bar::AtLeast(20_000.0)),
        Figure::SchedulerMemory => (Unit::Mebibytes, Bar::AtMost(500.0)),
        Figure::IdleStep => (Unit::Times, Bar::AtMost(2.0)),
        Figure::ZookeeperUpdates
        | Figure::MesosSubmit
        | Figure::MesosSubmitCommand
        | Figure::MesosReplaceP50
        | Figure::MesosReplaceP95
        | Figure::SchedulerFailover
        | Figure::Launches => super::cluster::bar(figure),
        Figure::ChangeHeard
        | Figure::ChangeConsul
        | Figure::ChangeConsulTen
        | Figure::KillsLost
        | Figure::KillsWithoutCause
        | Figure::CrowdHeard
        | Figure::CrowdWake
        | Figure::Lookups
        | Figure::AgentMemory
        | Figure::AgentIdle => super::discovery::bar(figure),
        _ => super::placement::bar(figure),
    }
}

/// What the measurements below share.
#[derive(Debug)]
struct Stage<'a> {
    surroundings: &'a Surroundings,
    lathe: &'a Programs,
}

/// Measures, prints, writes. True if every row has a value.
pub(crate) async fn run(args: &Args) -> Result<bool, Failure> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_folder.parent().unwrap_or(crate_folder).to_owned();
    let target = programs::target(&root).await?;
    let surroundings = Surroundings::new(root, &target)?;
    let root = &surroundings.root;
    say::talk("building lathe and its daemons");
    let lathe = programs::lathe(root).await?;
    let head = Head::of("path", root).await;
    if head.is_disturbed() {
        say::talk(&format!("{}: what is measured in seconds is too long", head.shown_others()));
    }
    let stage = Stage { surroundings: &surroundings, lathe: &lathe };
    let mut report = Report::new(head);
    measure(args, &stage, &mut report).await;

    report.close().await;
    let samples = report.write_samples(&crate_folder.join("raw"))?;
    say::talk(&format!("raw samples: {}", samples.display()));
    if args.write {
        let page = root.join("docs/performance.md");
        report.write_page(&page)?;
        say::talk(&format!("rewritten: {}", page.display()));
    }
    say::data(&if args.json { report.json(&samples) } else { report.table() });
    Ok(report.is_whole())
}

async fn measure(args: &Args, stage: &Stage<'_>, report: &mut Report) {
    let start = Instant::now();
    for figure in Figure::of(Area::Path).filter(|figure| !args.wants(*figure)) {
        report.leave_out(figure);
    }
    let wanted = |figures: &[Figure]| -> Vec<Figure> {
        figures.iter().copied().filter(|one| args.wants(*one)).collect()
    };
    let of_submits = wanted(&submits::FIGURES);
    if !of_submits.is_empty() {
        take_all(report, &of_submits, submits::measure(stage, &of_submits).await);
    }
    let of_healing = wanted(&healing::FIGURES);
    if !of_healing.is_empty() {
        take_all(report, &of_healing, healing::measure(stage, &of_healing).await);
    }
    let of_models = wanted(&models::FIGURES);
    if !of_models.is_empty() {
        take_all(report, &of_models, models::measure(stage, &of_models).await);
    }
    for figure in Figure::of(Area::Path).filter(|one| args.wants(*one)) {
        let groups = [&submits::FIGURES[..], &healing::FIGURES, &models::FIGURES];
        if groups.iter().any(|group| group.contains(&figure)) {
            continue;
        }
        let outcome = match figure {
            Figure::WarmUp => ups::warm(stage).await,
            Figure::ColdUp => ups::cold(stage).await,
            Figure::HelloInstructions => hello::measure(stage).await,
            Figure::StandaloneReady => standalone::measure(stage).await,
            Figure::TaskCrates => crates::measure(&stage.surroundings.root).await,
            Figure::Check1000 => check::measure(stage).await,
            _ => continue,
        };
        report.take(figure, bar(figure), outcome);
    }
    say::talk(&format!("measured in {:.0} s", start.elapsed().as_secs_f64()));
}

/// Rows of what was measured together.
pub(crate) fn take_all(
    report: &mut Report,
    wanted: &[Figure],
    outcome: Result<Vec<Taken>, Failure>,
) {
    match outcome {
        Ok(taken) => {
            for (figure, measured, samples) in taken {
                report.take(figure, bar(figure), Ok((measured, samples)));
            }
        }
        Err(error) => {
            let why = with_causes(&error);
            for figure in wanted {
                let why = Failure::Unexpected(why.clone());
                report.take(*figure, bar(*figure), Err(why));
            }
        }
    }
}
