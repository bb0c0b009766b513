//! `lathe status`: what runs where.

pub(super) mod suspects;
mod watch;

use lathe_api::rest::{InstanceView, StatusView};

use crate::args::{Find, Status};
use crate::client::Client;
use crate::failure::{FAILED, Failure, OK};
use crate::printer::{Cell, Column, Printer, Row, Table, ago, now_ms, wrapped};

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
    let mut text: Vec<String> = summary(status);
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

fn summary(status: &StatusView) -> Vec<String> {
    let line = |topology: &lathe_api::rest::TopologyView| {
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
