//! While `lathe up` runs: signals, the URLs to try, and what happens.

use std::time::Duration;

use lathe_api::rest::StatusView;
use lathe_topology::Topology;
use tokio::sync::watch;

use crate::client::Client;
use crate::failure::Failure;
use crate::printer::Printer;

/// Counts of being told to end, by Ctrl-C or SIGTERM.
pub(crate) struct Signals {
    count: watch::Receiver<u32>,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let deaf = |error: std::io::Error| Failure::io("listening for signals", &error);
        let mut int = signal(SignalKind::interrupt()).map_err(deaf)?;
        let mut term = signal(SignalKind::terminate()).map_err(deaf)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(deaf)?;
        let (sender, count) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = int.recv() => {}
                    _ = term.recv() => {}
                    _ = hangup.recv() => {}
                }
                sender.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { count })
    }

    /// Waits for the next one.
    pub(crate) async fn told(&self) {
        let mut count = self.count.clone();
        count.mark_unchanged();
        if count.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Where the topology is reached: the HTTP addresses of the tasks that others are not the back
/// ends of; all tasks' where every one is named by another.
pub(crate) fn urls(status: &StatusView, topology: &Topology) -> Vec<String> {
    let named_by_others = |path: &str| {
        topology.tasks.iter().any(|task| {
            task.path.as_str() != path
                && task.own.values().any(|value| value.to_string().contains(path))
        })
    };
    let mut fronts: Vec<&str> = topology.tasks.iter().map(|task| task.path.as_str()).collect();
    let all = fronts.clone();
    fronts.retain(|path| !named_by_others(path));
    if fronts.is_empty() {
        fronts = all;
    }
    let mut lines = Vec::new();
    for one in status.instances.iter().filter(|one| fronts.contains(&one.task.as_str())) {
        if one.topology != topology.name || one.state != "ready" {
            continue;
        }
        if let (Some(address), Some(port)) = (&one.address, one.ports.get("http")) {
            lines.push(format!("{}  http://{address}:{port}", one.instance));
        }
    }
    lines
}

/// Prints what happens, until the scheduler does not answer any more.
pub(crate) async fn follow(client: &Client, printer: &Printer) {
    let mut last: Option<std::collections::BTreeMap<String, String>> = None;
    let mut misses = 0;
    while misses < 20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let Ok(status) = client.read::<StatusView>("/v1/status").await else {
            misses += 1;
            continue;
        };
        misses = 0;
        let now: std::collections::BTreeMap<String, String> = status
            .instances
            .iter()
            .map(|one| {
                let id = one.incarnation.clone().unwrap_or_else(|| one.instance.clone());
                let host = one.host.as_deref().map(|h| format!(" on {h}")).unwrap_or_default();
                let reason = one.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default();
                (one.instance.clone(), format!("{id} {}{host}{reason}", one.state))
            })
            .collect();
        if let Some(before) = &last {
            for (instance, line) in &now {
                if before.get(instance) != Some(line) {
                    printer.say(line);
                }
            }
            for instance in before.keys().filter(|instance| !now.contains_key(*instance)) {
                printer.say(&format!("{instance} removed"));
            }
        }
        last = Some(now);
    }
}
