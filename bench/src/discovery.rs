//! The figures of registries: how soon changes are heard, and how many look-ups one core answers.
//!
//! Owns the list of figures, their bars, and the order in which they are measured.

mod agent;
mod lookups;
mod stand;
mod watchers;
mod watching;

use crate::args::{Area, Args, Figure};
use crate::failure::Failure;
use crate::path::take_all;
use crate::report::Report;
use crate::row::{Bar, Unit};
use crate::surroundings::Surroundings;
use crate::{area, programs, say};

/// What a figure of this area is counted in, and its bar.
pub(crate) fn bar(figure: Figure) -> (Unit, Bar) {
    match figure {
        Figure::ChangeHeard => (Unit::Milliseconds, Bar::AtMost(6.0)),
        Figure::CrowdHeard => (Unit::Milliseconds, Bar::AtMost(500.0)),
        Figure::CrowdWake => (Unit::Microseconds, Bar::AtMost(20.0)),
        Figure::AgentMemory => (Unit::Mebibytes, Bar::AtMost(30.0)),
        Figure::AgentIdle => (Unit::Percent, Bar::AtMost(0.2)),
        _ => (Unit::PerSecond, Bar::AtLeastOfPeer(0.7)),
    }
}

/// Measures, prints, writes. True if every row has a value.
pub(crate) async fn run(args: &Args) -> Result<bool, Failure> {
    area::run("discovery", args, measure).await
}

async fn measure(
    args: &Args,
    surroundings: &Surroundings,
    report: &mut Report,
) -> Result<(), Failure> {
    for figure in Figure::of(Area::Discovery).filter(|figure| !args.wants(*figure)) {
        report.leave_out(figure);
    }
    say::talk("building the registry");
    let lathe = programs::lathe(&surroundings.root).await?;
    if args.wants(Figure::ChangeHeard) {
        let figure = Figure::ChangeHeard;
        report.take(figure, bar(figure), watchers::few(surroundings, &lathe, args).await);
    }
    let crowd = [Figure::CrowdHeard, Figure::CrowdWake];
    let crowd: Vec<Figure> = crowd.into_iter().filter(|figure| args.wants(*figure)).collect();
    if !crowd.is_empty() {
        let measured = watchers::many(surroundings, &lathe, args).await;
        let wanted = measured
            .map(|all| all.into_iter().filter(|(figure, ..)| crowd.contains(figure)).collect());
        take_all(report, &crowd, wanted);
    }
    if args.wants(Figure::Lookups) {
        let figure = Figure::Lookups;
        report.take(figure, bar(figure), lookups::measure(surroundings, &lathe, args).await);
    }
    let agent = [Figure::AgentMemory, Figure::AgentIdle];
    let agent: Vec<Figure> = agent.into_iter().filter(|figure| args.wants(*figure)).collect();
    if !agent.is_empty() {
        let measured = agent::measure(surroundings, &lathe).await;
        let wanted = measured
            .map(|all| all.into_iter().filter(|(figure, ..)| agent.contains(figure)).collect());
        take_all(report, &agent, wanted);
    }
    Ok(())
}
