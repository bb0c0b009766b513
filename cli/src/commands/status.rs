//! `lathe status`: what runs where.

pub(super) mod suspects;
mod watch;

use std::fmt::Write as _;

use lathe_api::rest::{InstanceView, RolloutView, StatusView, TopologyView};

use crate::args::{Find, Status};
use crate::client::Client;
use crate::failure::{FAILED, Failure, OK};
use crate::printer::{Cell, Column, Printer, Row, Table, ago, now_ms, utc, wrapped};

const COLUMNS: [Column; 6] = [
    Column::name("INSTANCE", 20),
    Column::whole("STATE"),
    Column::cut("HOST", 8),
    Column::whole("ADDRESS"),
    Column::name("CRATE", 12).or_none(1),
    Column::extra("SINCE"),
];

pub(crate) async fn run(find: &Find, asked: &Status, printer: &Printer) -> Result<u8, Failure> {
    let client = Client::find(find)?;
    if asked.watch {
        return watch::run(&client, asked, printer).await;
    }
    let status = read(&client, asked.topology.as_deref()).await?;
    if asked.json {
        printer.json(&status, true);
    } else {
        printer.data(&show(&status, printer));
    }
    Ok(OK)
}

/// The status, of one topology or of all. One that is not there is a failure.
async fn read(client: &Client, only: Option<&str>) -> Result<StatusView, Failure> {
    let mut status: StatusView = client.read("/v1/status").await?;
    if let Some(only) = only {
        status = of_topology(status, only);
        if status.topologies.is_empty() && status.instances.is_empty() {
            let text = format!("there is no topology `{only}`");
            let hint = "`lathe status` shows all of them";
            return Err(Failure::new(text).with_code(FAILED).with_hint(hint));
        }
    }
    let suspects = suspects::heard(client, &status.instances).await;
    suspects::mark(&mut status, &suspects);
    Ok(status)
}

/// The part of a status that concerns one topology; hosts stay.
pub(crate) fn of_topology(mut status: StatusView, only: &str) -> StatusView {
    status.topologies.retain(|topology| topology.name == only);
    status.instances.retain(|instance| instance.topology == only);
    status
}

/// A line for each topology, a table of the instances, and what is waited for.
pub(crate) fn show(status: &StatusView, printer: &Printer) -> String {
    let mut text: Vec<String> = Vec::new();
    for (topology, line) in status.topologies.iter().zip(summary(status)) {
        text.push(line);
        text.extend(updates(topology).into_iter().map(|(_, line)| format!("  {line}")));
    }
    if text.is_empty() {
        text.push("no topology runs here".to_owned());
    }
    if !status.instances.is_empty() {
        let now = now_ms();
        let rows = status.instances.iter().map(|one| row(one, now)).collect();
        text.push(String::new());
        text.push(printer.table(&Table::new(COLUMNS, rows)));
    }
    if let Some(waits) = &status.scheduler.waiting_for {
        text.push(String::new());
        text.push(wrapped(&format!("the scheduler waits for {waits}"), printer.width(), 2));
    }
    text.join("\n")
}

/// How far the updates of a topology's tasks are, by task.
fn updates(topology: &TopologyView) -> Vec<(String, String)> {
    let tasks = topology.tasks.iter().filter_map(|task| Some((task, task.rollout.as_ref()?)));
    tasks.map(|(task, rollout)| (task.task.clone(), update(&task.task, rollout))).collect()
}

fn update(task: &str, rollout: &RolloutView) -> String {
    let mut line = format!("{task}: {} of {} replaced", rollout.replaced, rollout.of);
    if rollout.surge > 0 {
        let _ = write!(line, ", {} more beside them", rollout.surge);
    }
    if rollout.canary {
        line.push_str(", canary");
    }
    let _ = match rollout.until_ms {
        Some(until) => write!(line, ", {} until {}", rollout.state, utc(until)),
        None => write!(line, ", {}", rollout.state),
    };
    if let Some(reason) = &rollout.reason {
        let _ = write!(line, ": {reason}");
    }
    line
}

fn summary(status: &StatusView) -> Vec<String> {
    let line = |topology: &TopologyView| {
        let ready: u32 = topology.tasks.iter().map(|task| task.ready).sum();
        let wanted: u32 = topology.tasks.iter().map(|task| task.wanted).sum();
        format!(
            "{}, revision {}: {ready} of {wanted} instances ready",
            topology.name, topology.revision
        )
    };
    status.topologies.iter().map(line).collect()
}

fn address(one: &InstanceView) -> String {
    let address = one.address.as_deref().unwrap_or("-");
    let port = one.ports.get("http").or_else(|| one.ports.values().next());
    port.map_or_else(|| "-".to_owned(), |port| format!("{address}:{port}"))
}

fn name(one: &InstanceView) -> &str {
    one.incarnation.as_deref().unwrap_or(&one.instance)
}

fn row(one: &InstanceView, now: u64) -> Row {
    let since = if one.since_ms == 0 { "-".to_owned() } else { ago(one.since_ms, now) };
    Row::new([
        name(one).into(),
        Cell::state(&one.state),
        one.host.as_deref().unwrap_or("-").into(),
        address(one).into(),
        format!("{} {}", one.crate_name, one.version).into(),
        since.into(),
    ])
    .with_note(one.reason.clone().unwrap_or_default())
}
