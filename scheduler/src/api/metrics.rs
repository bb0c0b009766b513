//! `GET /metrics` in the Prometheus text format.

use std::sync::Mutex;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Shared;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: String,
}

/// The scheduler's metrics. They are taken from its state when they are asked for.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    connected: Gauge,
    hosts: Gauge,
    topologies: Gauge,
    instances: Family<InState, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("lathe_scheduler");
        let connected = Gauge::default();
        let hosts = Gauge::default();
        let topologies = Gauge::default();
        let instances = Family::default();
        registry.register("connected", "1 with a master, 0 without", connected.clone());
        registry.register("hosts", "Hosts that the master lists", hosts.clone());
        registry.register("topologies", "Accepted topologies", topologies.clone());
        registry.register("instances", "Instances by state", instances.clone());
        Self { registry: Mutex::new(registry), connected, hosts, topologies, instances }
    }
}

pub(super) async fn scrape(State(shared): State<Shared>) -> Response {
    let status = match shared.handle.status().await {
        Ok(status) => status,
        Err(error) => return super::reads::stopping(error).into_response(),
    };
    let metrics = &shared.metrics;
    metrics.connected.set(i64::from(status.scheduler.connected));
    metrics.hosts.set(count(status.hosts.len()));
    metrics.topologies.set(count(status.topologies.len()));
    for state in ["waiting", "launching", "starting", "ready", "unreachable", "killing", "finished"]
    {
        let number = status.instances.iter().filter(|one| one.state == state).count();
        let label = InState { state: state.to_owned() };
        metrics.instances.get_or_create(&label).set(count(number));
    }
    let mut text = String::new();
    let registry = metrics.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if prometheus_client::encoding::text::encode(&mut text, &registry).is_err() {
        return http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], text).into_response()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
