//! The scheduler's listener: gRPC for what changes something, REST for reads, artifacts and logs,
//! on one port behind one door.

mod artifacts;
mod backup;
mod events;
mod explain;
mod front;
mod grpc;
mod hosts;
mod lines;
mod logs;
mod openapi;
mod reads;
mod standby;
mod system;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use lathe_api::door::{Access, Guard, Hosts, Key, Tokens};
use lathe_api::rest::{ARTIFACT_BYTES_MAX, PlacedRegistry};
use lathe_api::v1::scheduler_server::SchedulerServer;
use lathe_coordination::Store;
use lathe_mesos::operator;

pub use artifacts::{Artifacts, ArtifactsError};
pub use front::front;
pub use standby::standby;

use crate::driver::Handle;
use crate::metrics::Metrics;

/// What the handlers work with.
#[derive(Clone, Debug)]
pub struct Shared {
    pub handle: Handle,
    pub artifacts: Artifacts,
    /// What backups are made of; a listener without one gives none.
    pub store: Option<Store>,
    pub operator: Arc<operator::Client>,
    /// Ours at the master.
    pub role: String,
    pub key: Key,
    /// What registries are told that this scheduler places; none where it places none.
    pub placed: Option<PlacedRegistry>,
    pub tokens: Tokens,
    pub metrics: Metrics,
}

/// Largest gRPC message: a topology's source and its artifacts' names.
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Every route, behind the door.
pub fn router(shared: Shared, hosts: Hosts) -> Router {
    let (tokens, requests) = (shared.tokens.clone(), shared.metrics.requests.clone());
    let service = SchedulerServer::new(grpc::Service::new(&shared))
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let calls = tonic::service::Routes::new(service).into_axum_router();
    let rest = Router::new()
        .route("/v1/status", get(reads::status))
        .route("/v1/topologies", get(reads::topologies))
        .route("/v1/topologies/{name}/history", get(reads::history))
        .route("/v1/tasks", get(reads::tasks))
        .route("/v1/instances", get(reads::instances))
        .route("/v1/hosts", get(reads::hosts))
        .route("/v1/registries", get(reads::registries))
        .route("/v1/explain/{instance}", get(explain::explain))
        .route("/v1/events", get(events::follow))
        .route("/v1/logs/{instance}", get(logs::read))
        .route("/v1/backup", get(backup::backup))
        .route("/v1/artifacts/{sha256}", get(artifacts::download).put(artifacts::upload))
        .route("/v1/executor/{sha256}/lathe-executor", get(artifacts::executor))
        .route("/v1/system/registry", get(system::registry))
        .route("/openapi.json", get(openapi::openapi))
        .route("/healthz", get(reads::healthz))
        .route("/readyz", get(reads::readyz))
        .route("/metrics", get(reads::metrics))
        .with_state(shared);
    Guard::new(hosts, policy).with_tokens(tokens).with_requests(requests).wrap(rest.merge(calls))
}

/// What needs no token: what says only whether we are well; the registries' addresses, which
/// instances ask for when theirs are gone; the executor, a public program; artifacts and what placed
/// registries are told, whose handlers check the incarnation's own secret.
fn policy(method: &http::Method, path: &str) -> Access {
    let read = matches!(*method, http::Method::GET | http::Method::HEAD);
    match path {
        "/healthz" | "/readyz" | "/metrics" | "/openapi.json" | "/v1/registries" => Access::open(),
        "/v1/system/registry" if read => Access::open(),
        _ if read && (path.starts_with("/v1/artifacts/") || path.starts_with("/v1/executor/")) => {
            Access::open()
        }
        _ if path.starts_with("/v1/artifacts/") => Access::default()
            .any_content_type()
            .body_bytes_max(ARTIFACT_BYTES_MAX)
            .time_max(Duration::from_secs(600)),
        // The whole store is read before the first byte.
        "/v1/backup" => Access::default().time_max(Duration::from_secs(600)),
        // A plan is made of a search with a budget, and waits its turn behind others.
        _ if path.starts_with("/lathe.v1.") => Access::default()
            .body_bytes_max(MESSAGE_BYTES_MAX as u64)
            .time_max(Duration::from_secs(600)),
        _ => Access::default(),
    }
}
