//! What people and programs read: the state at one moment.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use lathe_api::door::Problem;
use lathe_api::rest::{HostView, InstanceView, RevisionView, StatusView, TaskView, TopologyView};

use super::Shared;
use crate::driver::{Handle, Stopping};
use crate::framework::views::Counts;
use crate::metrics::Metrics;

/// So long may the loop take to come to a request.
const PULSE_TIME: Duration = Duration::from_secs(5);

pub(super) fn stopping(error: Stopping) -> Problem {
    Problem::busy(error.to_string())
}

pub(super) async fn status(State(shared): State<Shared>) -> Result<Json<StatusView>, Problem> {
    shared.handle.status().await.map(Json).map_err(stopping)
}

pub(super) async fn topologies(
    State(shared): State<Shared>,
) -> Result<Json<Vec<TopologyView>>, Problem> {
    Ok(Json(shared.handle.status().await.map_err(stopping)?.topologies))
}

pub(super) async fn history(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Vec<RevisionView>>, Problem> {
    let found = shared.handle.history(name.clone()).await.map_err(stopping)?;
    found.map(Json).ok_or_else(|| Problem::not_found(format!("there is no topology `{name}`")))
}

pub(super) async fn tasks(State(shared): State<Shared>) -> Result<Json<Vec<TaskView>>, Problem> {
    let status = shared.handle.status().await.map_err(stopping)?;
    Ok(Json(status.topologies.into_iter().flat_map(|topology| topology.tasks).collect()))
}

pub(super) async fn instances(
    State(shared): State<Shared>,
) -> Result<Json<Vec<InstanceView>>, Problem> {
    Ok(Json(shared.handle.status().await.map_err(stopping)?.instances))
}

pub(super) async fn hosts(State(shared): State<Shared>) -> Result<Json<Vec<HostView>>, Problem> {
    Ok(Json(shared.handle.status().await.map_err(stopping)?.hosts))
}

pub(super) async fn registries(State(shared): State<Shared>) -> Result<Json<Vec<String>>, Problem> {
    shared.handle.registries().await.map(Json).map_err(stopping)
}

/// Well means: the loop still turns.
pub(super) async fn healthz(State(shared): State<Shared>) -> Response {
    match pulse(&shared.handle, PULSE_TIME).await {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn pulse(handle: &Handle, patience: Duration) -> Result<(), String> {
    match tokio::time::timeout(patience, handle.pulse()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(stopping)) => Err(stopping.to_string()),
        Err(_) => Err(format!("the loop has not turned for {} ms", patience.as_millis())),
    }
}

/// `GET /metrics` in the OpenMetrics text format.
pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let (status, counts) = match shared.handle.figures().await {
        Ok(figures) => figures,
        Err(error) => return stopping(error).into_response(),
    };
    rendered(&shared.metrics, &status, counts)
}

pub(super) fn rendered(metrics: &Metrics, status: &StatusView, counts: Counts) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.render(status, counts) {
        Ok(text) => ([(CONTENT_TYPE, kind)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Ready means: it may act, since it has a master and its store answers.
pub(super) async fn readyz(State(shared): State<Shared>) -> Response {
    match shared.handle.status().await {
        Ok(_) if !shared.metrics.store_answers() => {
            (StatusCode::SERVICE_UNAVAILABLE, "waiting for the store\n").into_response()
        }
        Ok(status) if status.scheduler.connected => "ready\n".into_response(),
        Ok(status) => {
            let waits = status.scheduler.waiting_for.unwrap_or_default();
            (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {waits}\n")).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    //! A loop that turns, one that is stuck, and one that has ended.

    use super::*;
    use crate::driver::Message;

    #[tokio::test]
    async fn a_loop_that_is_stuck_or_has_ended_is_not_well() {
        let (handle, mut messages) = Handle::unheard();
        let stuck = pulse(&handle, Duration::from_millis(20)).await.unwrap_err();
        assert!(stuck.contains("has not turned"), "{stuck}");
        let turning = tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                if let Message::Pulse(asked) = message {
                    // Who asked before has gone.
                    let _ = asked.send(());
                }
            }
        });
        assert_eq!(pulse(&handle, Duration::from_secs(30)).await, Ok(()));
        turning.abort();
        let _ = turning.await;
        let ended = pulse(&handle, Duration::from_secs(30)).await.unwrap_err();
        assert!(ended.contains("stopping"), "{ended}");
    }
}
