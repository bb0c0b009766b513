//! `lathe status`: what runs where.

use lathe_api::rest::{InstanceView, StatusView};

use crate::args::{Find, Status};
use crate::client::Client;
use crate::failure::{Failure, OK};
use crate::printer::Printer;
use crate::tables::table;

pub(crate) async fn run(find: &Find, asked: &Status, printer: &Printer) -> Result<u8, Failure> {
    let client = Client::find(find)?;
    let status: StatusView = client.read("/v1/status").await?;
    if asked.json {
        let text = serde_json::to_string_pretty(&status);
        printer.data(&text.expect("plain values always serialise"));
    } else {
        printer.data(&show(&status, None));
    }
    Ok(OK)
}

/// The table, of one topology or of all.
pub(crate) fn show(status: &StatusView, only: Option<&str>) -> String {
    let mut text = Vec::new();
    for topology in &status.topologies {
        if only.is_some_and(|only| only != topology.name) {
            continue;
        }
        let ready: u32 = topology.tasks.iter().map(|task| task.ready).sum();
        let wanted: u32 = topology.tasks.iter().map(|task| task.wanted).sum();
        text.push(format!(
            "{}, revision {}: {ready} of {wanted} instances ready",
            topology.name, topology.revision
        ));
    }
    if text.is_empty() && only.is_none() {
        text.push("no topology runs here".to_owned());
    }
    let rows: Vec<Vec<String>> = status
        .instances
        .iter()
        .filter(|one| only.is_none_or(|only| only == one.topology))
        .map(row)
        .collect();
    if !rows.is_empty() {
        text.push(String::new());
        text.push(table(&["INSTANCE", "STATE", "HOST", "ADDRESS", "CRATE", ""], &rows));
    }
    if let Some(waits) = &status.scheduler.waiting_for {
        text.push(String::new());
        text.push(format!("the scheduler waits for {waits}"));
    }
    text.join("\n")
}

fn row(one: &InstanceView) -> Vec<String> {
    let address = one.address.as_deref().unwrap_or("-");
    let port = one.ports.get("http").or_else(|| one.ports.values().next());
    vec![
        one.incarnation.clone().unwrap_or_else(|| one.instance.clone()),
        one.state.clone(),
        one.host.clone().unwrap_or_else(|| "-".to_owned()),
        port.map_or_else(|| "-".to_owned(), |port| format!("{address}:{port}")),
        format!("{} {}", one.crate_name, one.version),
        one.reason.clone().unwrap_or_default(),
    ]
}
