//! A running cluster in which things are killed and keys are changed: how long until all is well
//! again, or everybody knows.
//!
//! Owns the cluster and the order of what is done to it. It must not know how Lathe heals.

mod kills;
mod own_key;

use super::ups::lathe_up;
use super::{Stage, Taken};
use crate::args::Figure;
use crate::failure::Failure;
use crate::kills::{KILLS, instances};
use crate::say;
use crate::up::{BUILD, Up};

/// What is measured in this cluster.
pub(super) const FIGURES: [Figure; 4] =
    [Figure::KillToReadyP50, Figure::KillToReadyP95, Figure::HostKilled, Figure::OwnKey];

pub(super) async fn measure(stage: &Stage<'_>, wanted: &[Figure]) -> Result<Vec<Taken>, Failure> {
    say::talk("starting a cluster to be healed");
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
    let endpoints = up.endpoints()?;
    let mut taken = Vec::new();
    if wanted.contains(&Figure::OwnKey) {
        let (measured, samples) = own_key::measure(&endpoints).await?;
        taken.push((Figure::OwnKey, measured, samples));
    }
    let shares = [(Figure::KillToReadyP50, 50), (Figure::KillToReadyP95, 95)];
    if shares.iter().any(|(figure, _)| wanted.contains(figure)) {
        let series = instances(up.pid(), &endpoints, KILLS).await?;
        for (figure, share) in shares.into_iter().filter(|(figure, _)| wanted.contains(figure)) {
            let measured = series.latency_at(share, crate::row::Unit::Milliseconds);
            taken.push((figure, measured, serde_json::json!(series)));
        }
    }
    if wanted.contains(&Figure::HostKilled) {
        let (measured, samples) = kills::hosts(stage, home, &endpoints).await?;
        taken.push((Figure::HostKilled, measured, samples));
    }
    Ok(taken)
}
