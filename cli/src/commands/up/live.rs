//! While `lathe up` runs: signals, the URLs to try, and what happens.

use lathe_api::rest::StatusView;
use lathe_topology::Topology;
use tokio::sync::watch;

use super::super::events;
use crate::client::{Client, Followed};
use crate::failure::Failure;
use crate::printer::{Printer, now_ms};

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

/// Prints what happens after now, until the scheduler does not answer any more.
pub(crate) async fn follow(client: &Client, printer: &Printer) -> Failure {
    let from = now_ms();
    let mut stream = Followed::new(client, "/v1/events", None);
    loop {
        let event = match stream.next().await {
            Ok(Some(event)) => events::read(&event.data),
            Ok(None) => continue,
            Err(failure) => Err(failure),
        };
        match event {
            // What has led here is known already.
            Ok(event) if event.at_ms >= from => printer.say(&events::line_of(&event)),
            Ok(_) => {}
            Err(failure) => return failure,
        }
    }
}
