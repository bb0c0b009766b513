//! `lathe lookup` and `lathe watch`: who belongs to a task or a tag, as a registry says it. And the way
//! to registries for those who say something to a group.

use std::collections::BTreeMap;

use http::{HeaderName, Method};
use lathe_api::rest::{Entry, GroupView};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::{Find, Lookup, Watch};
use crate::client::{Client, Followed, segment};
use crate::failure::{FAILED, Failure, OK, UNREACHABLE};
use crate::find::{self, Found};
use crate::printer::{Cell, Column, Printer, Row, Table, now_ms, utc};

const COLUMNS: [Column; 5] = [
    Column::name("INSTANCE", 18),
    Column::whole("STATE"),
    Column::cut("HOST", 8),
    Column::whole("ADDRESS"),
    Column::name("CRATE", 12).or_none(1),
];

pub(crate) async fn lookup(find: &Find, asked: &Lookup, printer: &Printer) -> Result<u8, Failure> {
    // An old answer is better than none to people, who are told of the store by `doctor`.
    let path = format!("/v1/groups/{}?mode=stale", segment(&asked.group));
    let mut failure = None;
    for client in registries(find, asked.registry.as_deref()).await? {
        match client.read::<GroupView>(&path).await {
            Ok(view) => return show(&view, asked, printer),
            Err(error) if error.code == UNREACHABLE => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(failure.unwrap_or_else(nobody))
}

pub(super) fn nobody() -> Failure {
    Failure::new("no registry is known")
        .with_code(UNREACHABLE)
        .with_hint("name one by --registry, or see what `lathe doctor` finds")
}

/// Those that may be asked, in turn: a look-up needs no scheduler where a registry is known.
pub(super) async fn registries(find: &Find, named: Option<&str>) -> Result<Vec<Client>, Failure> {
    if let Some(url) = named {
        // Whoever names the registry names the token; that of a scheduler is not for anybody else.
        let trust = find::trust(find)?;
        return Ok(vec![Client::registry(url.to_owned(), find.token_file.as_deref(), &trust)?]);
    }
    let found = Found::of(find)?;
    let client = Client::of_found(&found)?;
    let urls = match (client.read::<Vec<String>>("/v1/registries").await, &found.endpoints) {
        (Ok(urls), _) => urls,
        (Err(_), Some(up)) => up.registries.clone(),
        (Err(error), None) => return Err(error),
    };
    urls.into_iter().map(|url| Client::registry_found(url, find, &found)).collect()
}

/// Says something by the first registry that takes it. One that is not reached, or cannot act now, is
/// passed over: whatever is said can be said twice.
pub(super) async fn said<T: DeserializeOwned>(
    clients: &[Client],
    (method, path): (Method, &str),
    body: Option<&Value>,
    headers: &[(HeaderName, &str)],
) -> Result<T, Failure> {
    let mut failure = nobody();
    for client in clients {
        match client.say(method.clone(), path, body, headers).await {
            Err(error) if error.code == UNREACHABLE => failure = error,
            outcome => return outcome,
        }
    }
    Err(failure)
}

fn show(view: &GroupView, asked: &Lookup, printer: &Printer) -> Result<u8, Failure> {
    if asked.json {
        printer.json(view, true);
    } else if asked.url {
        for entry in view.entries.iter().filter(|entry| is_ready(entry)) {
            if let Some(port) = entry.main_port() {
                printer.data(&format!("http://{}:{port}", entry.address));
            }
        }
    } else if view.version > 0 {
        printer.data(&head(view));
        if !view.entries.is_empty() {
            let table = Table::new(COLUMNS, view.entries.iter().map(row).collect());
            printer.data(&format!("\n{}", printer.table(&table)));
        }
    }
    if view.version == 0 {
        let text = format!("nothing that is called `{}` was ever here", view.group);
        let hint = "a group is a task's path, a beginning of it, or a tag";
        return Err(Failure::new(text).with_code(FAILED).with_hint(hint));
    }
    Ok(OK)
}

fn is_ready(entry: &Entry) -> bool {
    entry.state.as_str() == "ready"
}

fn head(view: &GroupView) -> String {
    let ready = view.entries.iter().filter(|entry| is_ready(entry)).count();
    format!("{}, version {}: {ready} of {} ready", view.group, view.version, view.entries.len())
}

fn address(entry: &Entry) -> String {
    let port = entry.main_port();
    port.map_or_else(|| "-".to_owned(), |port| format!("{}:{port}", entry.address))
}

fn row(entry: &Entry) -> Row {
    Row::new([
        entry.incarnation.as_str().into(),
        Cell::state(entry.state.as_str()),
        entry.host.as_str().into(),
        address(entry).into(),
        format!("{} {}", entry.crate_name, entry.version).into(),
    ])
    .with_note(entry.reason.clone().unwrap_or_default())
}

pub(crate) async fn watch(find: &Find, asked: &Watch, printer: &Printer) -> Result<u8, Failure> {
    let path = format!("/v1/watch?group={}", segment(&asked.group));
    let mut failure = None;
    for client in registries(find, asked.registry.as_deref()).await? {
        match follow(&client, &path, asked.json, printer).await {
            Err(error) if error.code == UNREACHABLE => failure = Some(error),
            outcome => return outcome,
        }
    }
    Err(failure.unwrap_or_else(nobody))
}

async fn follow(client: &Client, path: &str, json: bool, printer: &Printer) -> Result<u8, Failure> {
    let mut stream = Followed::new(client, path, None);
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    while !printer.is_unread() {
        let event = tokio::select! {
            event = stream.next() => event?,
            _ = tokio::signal::ctrl_c() => break,
        };
        let Some(event) = event.filter(|event| event.name == "group") else { continue };
        let view: GroupView = serde_json::from_str(&event.data)
            .map_err(|error| Failure::new(format!("an event cannot be read: {error}")))?;
        if json {
            printer.json(&view, false);
            continue;
        }
        let now = lines(&view);
        let at = utc(now_ms());
        for (incarnation, line) in &now {
            if known.get(incarnation) != Some(line) {
                printer.data(&format!("{at} {incarnation} {line}"));
            }
        }
        for incarnation in known.keys().filter(|incarnation| !now.contains_key(*incarnation)) {
            printer.data(&format!("{at} {incarnation} gone"));
        }
        known = now;
    }
    Ok(OK)
}

/// What is told of each incarnation when it changes.
fn lines(view: &GroupView) -> BTreeMap<String, String> {
    let line = |entry: &Entry| {
        let reason = entry.reason.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        format!("{} {} {}{reason}", entry.state, entry.host, address(entry))
    };
    view.entries.iter().map(|entry| (entry.incarnation.clone(), line(entry))).collect()
}
