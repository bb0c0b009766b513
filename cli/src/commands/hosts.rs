//! `lathe hosts`: the machines of the cluster. Those of `lathe up` can be lost and brought back.

use std::collections::BTreeMap;

use lathe_api::rest::{HostView, StatusView, WindowView};
use serde::Deserialize;

use super::confirm_lost;
use crate::args::{Find, HostAction, Hosts};
use crate::client::{Client, segment};
use crate::failure::{Failure, OK, REFUSED};
use crate::find::Found;
use crate::printer::{Cell, Column, Printer, Row, Table, utc};

const COLUMNS: [Column; 7] = [
    Column::name("HOST", 12),
    Column::whole("STATE"),
    Column::whole("CPUS"),
    Column::whole("MEMORY"),
    Column::whole("DISK").or_none(2),
    Column::whole("PORTS").or_none(1),
    Column::whole("INSTANCES"),
];

/// What standalone says of one of its hosts.
#[derive(Debug, Deserialize)]
struct Virtual {
    name: String,
    state: String,
    cpus_milli: u64,
    mem_bytes: u64,
    disk_bytes: u64,
    ports: Vec<(u64, u64)>,
    attributes: BTreeMap<String, String>,
}

pub(crate) async fn run(find: &Find, asked: &Hosts, printer: &Printer) -> Result<u8, Failure> {
    if let Some(HostAction::ConfirmLost { yes, json }) = asked.action {
        return confirm_lost::run(find, yes, json, printer).await;
    }
    let found = Found::of(find)?;
    match &asked.action {
        None => list(&found, asked.json, printer).await,
        Some(action) => act(&found, action, printer).await,
    }
}

/// Standalone's master, where this home runs one.
fn standalone(found: &Found) -> Result<Option<Client>, Failure> {
    let up = found.endpoints.as_ref();
    up.map(|up| Client::master(up.master.clone(), found.token_file.as_deref())).transpose()
}

async fn list(found: &Found, json: bool, printer: &Printer) -> Result<u8, Failure> {
    let client = Client::of_found(found)?;
    let listed: Vec<HostView> = client.read("/v1/hosts").await?;
    let mut shown: BTreeMap<String, HostView> =
        listed.into_iter().map(|host| (host.name.clone(), host)).collect();
    if let Some(master) = standalone(found)? {
        for one in master.read::<Vec<Virtual>>("/standalone/hosts").await? {
            let Virtual { name, state, attributes, .. } = one;
            let unlisted = HostView {
                name: name.clone(),
                cpus_milli: one.cpus_milli,
                mem_bytes: one.mem_bytes,
                disk_bytes: one.disk_bytes,
                ports: one.ports.iter().map(|(from, to)| to - from + 1).sum(),
                attributes,
                instances: Vec::new(),
                state: state.clone(),
                maintenance: None,
            };
            // Its host process may be frozen or dead, which a master only comes to know of. Where that is
            // well, the host may still be out of use.
            let host = shown.entry(name).or_insert(unlisted);
            if state != "active" {
                host.state = state;
            }
        }
    }
    let shown: Vec<HostView> = shown.into_values().collect();
    if json {
        printer.json(&shown, true);
        return Ok(OK);
    }
    if shown.is_empty() {
        printer.data("the master lists no host");
        return Ok(OK);
    }
    printer.data(&printer.table(&Table::new(COLUMNS, shown.iter().map(row).collect())));
    let status: StatusView = client.read("/v1/status").await?;
    if let Some(losses) = &status.scheduler.losses {
        printer.say(&confirm_lost::held(losses));
    }
    Ok(OK)
}

fn row(host: &HostView) -> Row {
    let mut notes: Vec<String> =
        host.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    notes.extend(host.maintenance.as_ref().map(away));
    Row::new([
        host.name.as_str().into(),
        Cell::state(&host.state),
        cpus(host.cpus_milli).into(),
        bytes(host.mem_bytes).into(),
        bytes(host.disk_bytes).into(),
        host.ports.to_string().into(),
        host.instances.len().to_string().into(),
    ])
    .with_note(notes.join(" "))
}

/// When a host is to be away.
pub(crate) fn away(window: &WindowView) -> String {
    let from = utc(window.start_ms);
    match window.end_ms {
        Some(end) => format!("maintenance from {from} to {}", utc(end)),
        None => format!("maintenance from {from}"),
    }
}

fn cpus(milli: u64) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// In the largest unit that keeps it a whole number, as topologies write it.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut number = bytes;
    let mut unit = 0;
    while number >= 1024
        && (number.is_multiple_of(1024) || number >= 10_240)
        && unit + 1 < units.len()
    {
        number /= 1024;
        unit += 1;
    }
    format!("{number}{}", units[unit])
}

async fn act(found: &Found, action: &HostAction, printer: &Printer) -> Result<u8, Failure> {
    let Some(master) = standalone(found)? else {
        let text = "only the virtual hosts of a `lathe up` on this machine are killed, paused and \
                    resumed by this command";
        let hint = format!(
            "the scheduler at {} belongs to no `lathe up` of this home: its hosts are machines",
            found.scheduler
        );
        return Err(Failure::new(text).with_code(REFUSED).with_hint(hint));
    };
    let (name, word) = match action {
        HostAction::ConfirmLost { .. } => return Ok(OK),
        HostAction::Kill { name } => (name, "kill"),
        HostAction::Pause { name } => (name, "pause"),
        HostAction::Resume { name } => (name, "resume"),
    };
    let path = format!("/standalone/hosts/{}/{word}", segment(name));
    let host: Virtual = master.post(&path).await?;
    let then = match action {
        HostAction::ConfirmLost { .. } => "",
        HostAction::Kill { .. } => "is dead: what it ran is started elsewhere, where it can be",
        HostAction::Pause { .. } => "is paused: it counts as unreachable after a few seconds",
        HostAction::Resume { .. } => "goes on: it takes work once the master has heard of it",
    };
    printer.say(&format!("{} {then}", host.name));
    Ok(OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_exact_where_they_can_be() {
        assert_eq!([cpus(4000), cpus(500), cpus(1250)], ["4", "0.5", "1.25"]);
        assert_eq!(bytes(0), "0B");
        assert_eq!(bytes(8 << 30), "8GiB");
        assert_eq!(bytes(1536 << 20), "1536MiB");
        assert_eq!(bytes(33_000_000), "31MiB");
    }
}
