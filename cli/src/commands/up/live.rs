//! While `lathe up` runs: signals, the URLs to try, and what happens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lathe_api::rest::{EventView, StatusView};
use lathe_topology::Topology;
use tokio::sync::watch;

use crate::client::Client;
use crate::failure::Failure;
use crate::printer::Printer;

/// So many times in a row the stream of events may break off.
const BREAKS_MAX: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

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
pub(crate) async fn follow(client: &Client, printer: &Printer) {
    let mut last = None;
    let mut breaks = 0;
    while breaks < BREAKS_MAX {
        // The first time, what has led here is known already: it only sets the mark.
        let after = last.unwrap_or(0);
        let from = now_ms();
        let known = last.is_some();
        let followed = client.events(after, |event| {
            breaks = 0;
            last = Some(event.id);
            if known || event.at_ms >= from {
                printer.say(&line_of(&event));
            }
        });
        let _ = followed.await;
        breaks += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

fn line_of(event: &EventView) -> String {
    let subject = event.incarnation.as_deref().or(event.topology.as_deref()).unwrap_or("cluster");
    let host = event.host.as_deref().map(|host| format!(" on {host}")).unwrap_or_default();
    let message = match event.message.as_str() {
        "" => String::new(),
        text => format!(": {text}"),
    };
    format!("{subject} {}{host}{message}", event.kind)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
