//! Health, readiness and metrics of the master.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};

use super::{Front, unavailable};
use lathe_coordination::local::Stats;

use crate::cluster::{Counts, HostName, HostState, HostView};
use crate::driver::{Driver, Handle};
use crate::http::{Body, checks, text, with_type};

/// So long may the loop take to come to a request.
const PULSE_TIME: Duration = Duration::from_secs(5);

impl Front {
    pub(super) async fn page(&self, method: &Method, path: &str) -> checks::Check<Response<Body>> {
        Self::get(method)?;
        Ok(match path {
            "/metrics" => match self.driver.ask(Figures::of).await {
                Some(figures) => {
                    let page = figures.page(self.store.get());
                    let media = "text/plain; version=0.0.4; charset=utf-8";
                    with_type(StatusCode::OK, media, Bytes::from(page))
                }
                None => unavailable(),
            },
            "/readyz" => match self.driver.ask(missing).await {
                Some(missing) if missing.is_empty() && self.store.get().is_some() => {
                    text(StatusCode::OK, "ready\n".to_owned())
                }
                Some(missing) if missing.is_empty() => waiting("the store"),
                Some(missing) => waiting(&format!("hosts: {}", missing.join(", "))),
                None => unavailable(),
            },
            _ => health(&self.driver, PULSE_TIME).await,
        })
    }
}

/// Well means: the loop still turns.
async fn health(driver: &Handle, patience: Duration) -> Response<Body> {
    match tokio::time::timeout(patience, driver.ask(|_| ())).await {
        Ok(Some(())) => text(StatusCode::OK, "ok\n".to_owned()),
        Ok(None) => unavailable(),
        Err(_) => {
            let why = format!("the loop has not turned for {} ms\n", patience.as_millis());
            text(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }
}

fn waiting(what: &str) -> Response<Body> {
    text(StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {what}\n"))
}

/// Hosts that are not registered.
fn missing(driver: &mut Driver) -> Vec<String> {
    let here: BTreeSet<HostName> =
        driver.cluster.hosts().into_iter().map(|view| view.host).collect();
    let all = driver.slots.keys().filter(|name| !here.contains(*name));
    all.map(|name| name.0.clone()).collect()
}

/// The loop's figures at one moment.
struct Figures {
    hosts: Vec<HostView>,
    frameworks: (usize, usize),
    streams: usize,
    tasks: usize,
    offers: usize,
    counts: Counts,
}

impl Figures {
    fn of(driver: &mut Driver) -> Self {
        Self {
            hosts: driver.cluster.hosts(),
            frameworks: driver.cluster.framework_counts(),
            streams: driver.streams.len(),
            tasks: driver.cluster.task_count(),
            offers: driver.cluster.offers_outstanding(),
            counts: driver.cluster.counts().clone(),
        }
    }

    fn page(&self, store: Option<&Stats>) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let mut page = String::from(
            "# HELP lathe_standalone_build_info What runs.\n\
             # TYPE lathe_standalone_build_info gauge\n",
        );
        let _ = writeln!(page, "lathe_standalone_build_info{{version=\"{version}\"}} 1");
        let mut add = |name: &str, kind: &str, help: &str, value: f64| {
            let name = format!("lathe_standalone_{name}");
            let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        let active = self.hosts.iter().filter(|host| host.state == HostState::Active).count();
        let executors: usize = self.hosts.iter().map(|host| host.executors).sum();
        let (frameworks, subscribed) = self.frameworks;
        for (name, help, value) in [
            ("hosts", "Registered virtual hosts.", self.hosts.len()),
            ("hosts_active", "Hosts that are heard of.", active),
            ("executors", "Executors that have not ended.", executors),
            ("frameworks", "Frameworks, also those that may come back.", frameworks),
            ("frameworks_subscribed", "Frameworks that are subscribed.", subscribed),
            ("streams", "Open event streams.", self.streams),
            ("tasks", "Tasks that are not forgotten.", self.tasks),
            ("offers_outstanding", "Offers that are made and not answered.", self.offers),
        ] {
            add(name, "gauge", help, whole(value as u64));
        }
        for (name, help, value) in [
            ("calls_total", "Scheduler calls.", self.counts.calls),
            ("offers_total", "Offers sent.", self.counts.offers),
            ("tasks_launched_total", "Tasks launched.", self.counts.launched),
            ("updates_total", "Status updates sent.", self.counts.updates),
        ] {
            add(name, "counter", help, whole(value));
        }
        let store = store.cloned().unwrap_or_default();
        add("store_connections", "gauge", "Connections to the store.", whole(store.connections()));
        let jobs = "Requests that the store made durable.";
        add("store_requests_total", "counter", jobs, whole(store.jobs()));
        let name = "lathe_standalone_store_write_seconds";
        let (seconds, writes) = (store.write_time().as_secs_f64(), store.writes());
        let help = "Durable transactions of the store, each with its fsync.";
        let _ = writeln!(
            page,
            "# HELP {name} {help}\n# TYPE {name} summary\n{name}_sum {seconds}\n{name}_count {writes}"
        );
        page
    }
}

/// A count as the format has it; beyond 2^53 it is rounded.
#[expect(clippy::cast_precision_loss, reason = "so much is never counted")]
fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    //! A loop that is stuck, one that turns, and one that has ended.

    use super::*;

    #[tokio::test]
    async fn a_loop_of_standalone_that_is_stuck_or_has_ended_is_not_well() {
        let (handle, mut inputs) = Handle::new();
        let stuck = health(&handle, Duration::from_millis(20)).await;
        assert_eq!(stuck.status(), StatusCode::SERVICE_UNAVAILABLE);
        let mut driver = Driver::idle(handle.clone());
        let turning = tokio::spawn(async move {
            while let Some(input) = inputs.recv().await {
                driver.take_in(input);
            }
        });
        let turns = health(&handle, Duration::from_secs(30)).await;
        assert_eq!(turns.status(), StatusCode::OK);
        turning.abort();
        let _ = turning.await;
        let ended = health(&handle, Duration::from_secs(30)).await;
        assert_eq!(ended.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
