//! Health, readiness and metrics of the master.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Method, Response, StatusCode};

use super::{Front, unavailable};
use crate::cluster::HostState;
use crate::driver::Driver;
use crate::http::{Body, checks, text, with_type};

impl Front {
    pub(super) async fn page(&self, method: &Method, path: &str) -> checks::Check<Response<Body>> {
        Self::get(method)?;
        Ok(match path {
            "/metrics" => match self.driver.ask(metrics).await {
                Some(page) => {
                    let media = "text/plain; version=0.0.4; charset=utf-8";
                    with_type(StatusCode::OK, media, Bytes::from(page))
                }
                None => unavailable(),
            },
            "/readyz" => {
                let missing = self.driver.ask(|driver| {
                    let here = driver.cluster.hosts().len();
                    driver.slots.len().saturating_sub(here)
                });
                match missing.await {
                    Some(0) => text(StatusCode::OK, "ready\n".to_owned()),
                    Some(missing) => text(
                        StatusCode::SERVICE_UNAVAILABLE,
                        format!("{missing} hosts are not registered\n"),
                    ),
                    None => unavailable(),
                }
            }
            _ => match self.driver.ask(|_| ()).await {
                Some(()) => text(StatusCode::OK, "ok\n".to_owned()),
                None => unavailable(),
            },
        })
    }
}

fn metrics(driver: &mut Driver) -> String {
    let mut page = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: usize| {
        let name = format!("lathe_standalone_{name}");
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    };
    let hosts = driver.cluster.hosts();
    let active = hosts.iter().filter(|host| host.state == HostState::Active).count();
    let executors = hosts.iter().map(|host| host.executors).sum();
    let (frameworks, subscribed) = driver.cluster.framework_counts();
    add("hosts", "gauge", "Registered virtual hosts.", hosts.len());
    add("hosts_active", "gauge", "Hosts that are heard of.", active);
    add("executors", "gauge", "Executors that have not ended.", executors);
    add("frameworks", "gauge", "Frameworks, also those that may come back.", frameworks);
    add("frameworks_subscribed", "gauge", "Frameworks that are subscribed.", subscribed);
    add("streams", "gauge", "Open event streams.", driver.streams.len());
    add("tasks", "gauge", "Tasks that are not forgotten.", driver.cluster.task_count());
    let counts = driver.cluster.counts().clone();
    let whole = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    add("calls_total", "counter", "Scheduler calls.", whole(counts.calls));
    add("offers_total", "counter", "Offers sent.", whole(counts.offers));
    add("tasks_launched_total", "counter", "Tasks launched.", whole(counts.launched));
    add("updates_total", "counter", "Status updates sent.", whole(counts.updates));
    page
}
