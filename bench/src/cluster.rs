//! A cluster's figures, on its real engines.
//!
//! Owns the list of figures, their bars, and the order in which they are measured. How one is
//! measured has a file of its own below.

mod launches;
mod main_path;
mod stand;
mod updates;

use crate::args::{Area, Args, Figure};
use crate::failure::Failure;
use crate::path::take_all;
use crate::programs::{self, Programs};
use crate::report::Report;
use crate::row::{Bar, Unit};
use crate::surroundings::Surroundings;
use crate::{area, say};

/// What a figure of this area is counted in, and its bar.
pub(crate) fn bar(figure: Figure) -> (Unit, Bar) {
    match figure {
        Figure::MesosSubmit => (Unit::Seconds, Bar::AtMost(3.0)),
        Figure::MesosSubmitCommand => (Unit::Seconds, Bar::AtMost(4.0)),
        Figure::MesosReplaceP50 => (Unit::Milliseconds, Bar::AtMost(1_500.0)),
        Figure::MesosReplaceP95 => (Unit::Milliseconds, Bar::AtMost(3_000.0)),
        Figure::SchedulerFailover => {
            (Unit::Seconds, Bar::AtMost(main_path::SESSION.as_secs_f64() + 1.0))
        }
        Figure::Launches => (Unit::PerSecond, Bar::AtLeastOfPeer(0.9)),
        _ => (Unit::PerSecond, Bar::AtLeast(3_000.0)),
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
    area::run("cluster", args, measure).await
}

async fn measure(
    args: &Args,
    surroundings: &Surroundings,
    report: &mut Report,
) -> Result<(), Failure> {
    for figure in Figure::of(Area::Cluster).filter(|figure| !args.wants(*figure)) {
        report.leave_out(figure);
    }
    if args.wants(Figure::ZookeeperUpdates) {
        let figure = Figure::ZookeeperUpdates;
        report.take(figure, bar(figure), updates::measure(surroundings).await);
    }
    let of_path = main_path::FIGURES.into_iter().filter(|figure| args.wants(*figure));
    let of_path: Vec<Figure> = of_path.collect();
    if of_path.is_empty() && !args.wants(Figure::Launches) {
        return Ok(());
    }
    say::talk("building lathe and its daemons");
    let lathe = programs::lathe(&surroundings.root).await?;
    let stage = Stage { surroundings, lathe: &lathe };
    if !of_path.is_empty() {
        take_all(report, &of_path, main_path::measure(&stage, args, &of_path).await);
    }
    if args.wants(Figure::Launches) {
        let figure = Figure::Launches;
        report.take(figure, bar(figure), launches::measure(&stage, args).await);
    }
    Ok(())
}
