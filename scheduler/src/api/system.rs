//! What a registry is told that this scheduler has placed.
//!
//! Owns who is told: incarnations of the scheduler's own topology, by their own secrets. Nobody else can
//! have such an incarnation, for the task's path belongs to that topology and nobody else submits it.

use axum::Json;
use axum::extract::{Query, State};
use http::HeaderMap;
use lathe_api::door::{Problem, bearer};
use lathe_api::rest::PlacedRegistry;
use serde::Deserialize;

use super::Shared;
use crate::system::{REGISTRY, TOPOLOGY};

#[derive(Debug, Deserialize)]
pub(super) struct Who {
    incarnation: String,
}

pub(super) async fn registry(
    State(shared): State<Shared>,
    Query(who): Query<Who>,
    headers: HeaderMap,
) -> Result<Json<PlacedRegistry>, Problem> {
    let refused = || Problem::unauthorized("this is told to registries that the scheduler places");
    let presented = bearer(&headers).unwrap_or_default();
    let task = who.incarnation.split_once('#').map(|(task, _)| task);
    if task != Some(REGISTRY) || !shared.key.verify(&who.incarnation, presented) {
        return Err(refused());
    }
    let status = shared.handle.status().await;
    let status = status.map_err(|error| Problem::busy(error.to_string()))?;
    let own = status.topologies.iter().find(|one| one.name == TOPOLOGY);
    if own.is_none_or(|own| own.tasks.iter().all(|task| task.task != REGISTRY)) {
        return Err(refused());
    }
    shared.placed.map(Json).ok_or_else(refused)
}
