//! `lathe send GROUP JSON`: a message to everybody who is in the group, and who of them has it.

use std::time::Duration;

use http::{HeaderName, Method};
use lathe_api::rest::{MemberView, MessageView, Receipt};
use lathe_topology::Code;
use tokio::time::Instant;

use super::registry::{nobody, registries, said};
use super::set;
use crate::args::{Find, Send};
use crate::client::{Client, Looked, segment};
use crate::failure::{BAD_INPUT, Failure, NOT_READY, OK, UNREACHABLE};
use crate::printer::{Cell, Column, Printer, Progress, Row, Table, Tone};

const COLUMNS: [Column; 2] = [Column::name("INSTANCE", 18), Column::whole("RECEIPT")];
/// A message that is sent again under the same key is sent once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long one look at a registry waits for news, shorter than it may take at all.
const LOOK: &str = "4s";
/// Between two tries where none answers.
const AGAIN: Duration = Duration::from_millis(500);

pub(crate) async fn run(find: &Find, asked: &Send, printer: &Printer) -> Result<u8, Failure> {
    let body = set::read(&asked.message)?;
    let wait_ms = lathe_topology::parse_duration_ms(&asked.wait).map_err(|error| {
        Failure::coded(Code::WRONG_ARGUMENT, format!("--wait `{}`: {error}", asked.wait))
            .with_hint("write it as in `--wait 30s`")
    })?;
    let deadline = Instant::now() + Duration::from_millis(wait_ms);
    let key = asked.key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let path = format!("/v1/groups/{}/messages", segment(&asked.group));
    let clients = registries(find, asked.registry.as_deref()).await?;
    let headers = [(IDEMPOTENCY_KEY, key.as_str())];
    let sent: MessageView = said(&clients, (Method::POST, &path), Some(&body), &headers).await?;
    let name = format!("message {} to {}", sent.number, sent.group);
    if asked.no_wait {
        printer.say(&format!("{name} was taken"));
        show(&sent, asked, printer);
        return Ok(OK);
    }
    let progress = printer.progress(&counted(&name, &sent));
    let path = format!("{path}/{}", sent.number);
    let last = tokio::select! {
        last = taken(&clients, &path, (sent, &name), deadline, &progress) => last,
        _ = tokio::signal::ctrl_c() => {
            Err(Failure::new(format!("{name} was taken, and this command was ended before all had it")))
        }
    };
    progress.clear();
    let last = last?;
    printer.say(&counted(&name, &last));
    show(&last, asked, printer);
    let waiting = number_of(&last, Receipt::Waiting);
    if waiting == 0 {
        return Ok(OK);
    }
    let text = format!("{waiting} of {} members do not have {name} yet", last.members.len());
    let key = last.key.as_deref().unwrap_or_default();
    let hint = format!("it stays there for them; the same command with `--key {key}` looks again");
    Err(Failure::new(text).with_code(NOT_READY).with_hint(hint))
}

/// Waits until nobody is waited for, or until the time is over.
async fn taken(
    clients: &[Client],
    path: &str,
    (mut last, name): (MessageView, &str),
    deadline: Instant,
    progress: &Progress,
) -> Result<MessageView, Failure> {
    let mut index = 0;
    while number_of(&last, Receipt::Waiting) > 0 && Instant::now() < deadline {
        match newest(clients, &format!("{path}?index={index}&wait={LOOK}")).await {
            Ok(answer) => {
                let version = answer.header("lathe-version").and_then(|text| text.parse().ok());
                index = version.unwrap_or(0);
                last = answer.json()?;
                progress.now(counted(name, &last));
            }
            Err(failure) => {
                progress.now(format!("{}; trying again", failure.text));
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    Ok(last)
}

/// What the first registry says that answers.
async fn newest(clients: &[Client], path: &str) -> Result<Looked, Failure> {
    let mut failure = nobody();
    for client in clients {
        match client.look(path).await {
            Ok(answer) if answer.status.is_success() => return Ok(answer),
            Ok(answer) => failure = Failure::new(answer.text()).with_code(UNREACHABLE),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn number_of(view: &MessageView, receipt: Receipt) -> usize {
    view.members.iter().filter(|member| member.receipt == receipt).count()
}

fn counted(name: &str, view: &MessageView) -> String {
    let have = number_of(view, Receipt::Acknowledged);
    let gone = match number_of(view, Receipt::Gone) {
        0 => String::new(),
        gone => format!(", {gone} ended before"),
    };
    format!("{name}: {have} of {} have it{gone}", view.members.len())
}

fn show(view: &MessageView, asked: &Send, printer: &Printer) {
    if asked.json {
        printer.json(view, true);
    } else {
        let rows = view.members.iter().map(row).collect();
        printer.data(&printer.table(&Table::new(COLUMNS, rows)));
    }
}

fn row(member: &MemberView) -> Row {
    let (word, tone) = match member.receipt {
        Receipt::Acknowledged => ("has it", Some(Tone::Good)),
        Receipt::Waiting => ("waiting", Some(Tone::Busy)),
        Receipt::Gone => ("gone", None),
    };
    Row::new([member.incarnation.as_str().into(), Cell::toned(word, tone)])
}

/// A key and its value, as in `level=7`.
pub(super) fn pair(text: &str) -> Result<(&str, serde_json::Value), Failure> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        Failure::new(format!("`{text}` is no key with a value"))
            .with_code(BAD_INPUT)
            .with_hint("write it as in `level=7`")
    })?;
    Ok((key, set::read(value)?))
}
