//! The figures of registries: how soon changes are heard, and how many look-ups one core answers.
//!
//! Owns the list of figures, their bars, and the order in which they are measured.

mod agent;
mod consul;
mod crowd;
mod kills;
mod lookups;
mod stand;
mod watchers;
mod watching;
mod wire;

use crate::args::{Area, Args, Figure};
use crate::failure::Failure;
use crate::path::{Taken, take_all};
use crate::report::Report;
use crate::row::{Bar, Unit};
use crate::surroundings::Surroundings;
use crate::{area, programs, say};

/// Figures that are nothing without Consul.
const CONSUL: [Figure; 2] = [Figure::ChangeConsul, Figure::ChangeConsulTen];

/// What a figure of this area is counted in, and its bar.
pub(crate) fn bar(figure: Figure) -> (Unit, Bar) {
    match figure {
        Figure::ChangeHeard => (Unit::Milliseconds, Bar::AtMost(6.0)),
        Figure::ChangeConsul | Figure::ChangeConsulTen => {
            (Unit::Milliseconds, Bar::AtMostOfPeer(0.25))
        }
        Figure::CrowdHeard => (Unit::Milliseconds, Bar::AtMost(500.0)),
        Figure::CrowdWake => (Unit::Microseconds, Bar::AtMost(20.0)),
        Figure::KillsLost => (Unit::Changes, Bar::AtMost(0.0)),
        Figure::KillsWithoutCause => (Unit::Runs, Bar::AtMost(0.0)),
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
    let is_beside = |figure| CONSUL.contains(&figure);
    let wants = |figure: Figure| args.wants(figure) && !(args.alone && is_beside(figure));
    let of = |some: &[Figure]| -> Vec<Figure> {
        some.iter().copied().filter(|figure| wants(*figure)).collect()
    };
    for figure in Figure::of(Area::Discovery).filter(|figure| !wants(*figure)) {
        report.leave_out(figure);
    }
    say::talk("building the registry");
    let lathe = programs::lathe(&surroundings.root).await?;
    if wants(Figure::ChangeHeard) {
        let figure = Figure::ChangeHeard;
        report.take(figure, bar(figure), watchers::few(surroundings, &lathe, args).await);
    }
    let consul = of(&CONSUL);
    if !consul.is_empty() {
        take_those(report, &consul, consul::beside(surroundings, &lathe, args).await);
    }
    let crowd = of(&[Figure::CrowdHeard, Figure::CrowdWake]);
    if !crowd.is_empty() {
        take_those(report, &crowd, watchers::many(surroundings, &lathe, args).await);
    }
    if wants(Figure::Lookups) {
        let figure = Figure::Lookups;
        report.take(figure, bar(figure), lookups::measure(surroundings, &lathe, args).await);
    }
    let kills = of(&[Figure::KillsLost, Figure::KillsWithoutCause]);
    if !kills.is_empty() {
        take_those(report, &kills, kills::measure(&lathe, args).await);
    }
    let agent = of(&[Figure::AgentMemory, Figure::AgentIdle]);
    if !agent.is_empty() {
        take_those(report, &agent, agent::measure(surroundings, &lathe).await);
    }
    Ok(())
}

/// Of what was measured together, the rows that are wanted.
fn take_those(report: &mut Report, wanted: &[Figure], measured: Result<Vec<Taken>, Failure>) {
    let all = measured
        .map(|all| all.into_iter().filter(|(figure, ..)| wanted.contains(figure)).collect());
    take_all(report, wanted, all);
}
