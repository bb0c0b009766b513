//! `lathe events`: what has happened, and with -f what happens.

use std::collections::VecDeque;

use lathe_api::rest::EventView;

use crate::args::{Events, Find};
use crate::client::{Client, Followed};
use crate::failure::{BAD_INPUT, Failure, OK};
use crate::printer::{Printer, Tone, now_ms, utc, wrapped};

const PATH: &str = "/v1/events";

pub(crate) async fn run(find: &Find, asked: &Events, printer: &Printer) -> Result<u8, Failure> {
    let since = asked.since.as_deref().map(|text| {
        lathe_topology::parse_duration_ms(text).map_err(|error| {
            Failure::new(format!("--since `{text}`: {error}")).with_code(BAD_INPUT)
        })
    });
    let since = since.transpose()?.map_or(0, |ago| now_ms().saturating_sub(ago));
    let client = Client::find(find)?;
    let wanted = |event: &EventView| {
        let of_it = asked.topology.is_none() || event.topology == asked.topology;
        of_it && event.at_ms >= since
    };
    // What there is so far ends by itself, so that no more than the last of it is shown.
    let mut past = Followed::once(&client, format!("{PATH}?follow=false"));
    let mut last = VecDeque::new();
    let mut seen = 0;
    while let Some(event) = past.next().await? {
        let event = read(&event.data)?;
        seen = event.id;
        if wanted(&event) {
            last.push_back(event);
        }
        if last.len() > asked.last {
            last.pop_front();
        }
    }
    for event in &last {
        show(event, asked.json, printer);
    }
    if !asked.follow {
        return Ok(OK);
    }
    let mut live = Followed::new(&client, PATH, Some(seen.to_string()));
    while !printer.is_unread() {
        let event = tokio::select! {
            event = live.next() => event?,
            _ = tokio::signal::ctrl_c() => break,
        };
        let Some(event) = event else { continue };
        let event = read(&event.data)?;
        if wanted(&event) {
            show(&event, asked.json, printer);
        }
    }
    Ok(OK)
}

/// An event as it stands in the stream.
pub(crate) fn read(data: &str) -> Result<EventView, Failure> {
    serde_json::from_str(data)
        .map_err(|error| Failure::new(format!("an event cannot be read: {error}")))
}

fn show(event: &EventView, json: bool, printer: &Printer) {
    if json {
        printer.json(event, false);
        return;
    }
    let line = format!("{} {}", utc(event.at_ms), line_of(event));
    let line = wrapped(&line, printer.width(), 4);
    let word = &event.kind;
    let painted = match tone(word) {
        Some(tone) => line.replacen(word.as_str(), &printer.paint(tone, word), 1),
        None => line,
    };
    printer.data(&painted);
}

fn tone(kind: &str) -> Option<Tone> {
    match kind {
        "ready" | "connected" => Some(Tone::Good),
        "ended" | "disconnected" | "refused" | "unreachable" => Some(Tone::Bad),
        _ => None,
    }
}

/// What happened to whom, where, and what there is to say of it.
pub(crate) fn line_of(event: &EventView) -> String {
    let subject = event.incarnation.as_deref().or(event.topology.as_deref());
    let subject = subject.map(|subject| format!(" {subject}")).unwrap_or_default();
    let on = if subject.is_empty() { "" } else { " on" };
    let host = event.host.as_deref().map(|host| format!("{on} {host}")).unwrap_or_default();
    let message = match event.message.as_str() {
        "" => String::new(),
        text => format!(": {text}"),
    };
    format!("{}{subject}{host}{message}", event.kind)
}
