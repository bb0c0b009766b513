//! What was started, as a table and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::state::{Entry, State};

/// Lines for people; `words` has what each process says of itself.
pub(super) fn text(state: &State, words: &[Option<String>]) -> String {
    let mut rows: Vec<[String; 5]> =
        vec![["name", "address", "pid", "state", "log"].map(Into::into)];
    for (entry, word) in state.daemons.iter().zip(words) {
        let (name, address) = (entry.name.clone(), address(entry));
        let pid = entry.process.pid.to_string();
        rows.push([
            name,
            address,
            pid,
            said(entry, word).to_owned(),
            entry.log.display().to_string(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for url in &state.urls {
        put(&mut text, &format!("{:<10} {}", url.engine, url.url));
    }
    if !state.urls.is_empty() {
        put(&mut text, "");
    }
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        put(&mut text, cells.join("  ").trim_end());
    }
    text
}

fn put(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a text takes all that is written");
}

/// The same for programs.
pub(super) fn json(state: &State, words: &[Option<String>]) -> String {
    let urls: serde_json::Map<String, Value> =
        state.urls.iter().map(|url| (url.engine.clone(), url.url.clone().into())).collect();
    let daemons: Vec<Value> = state
        .daemons
        .iter()
        .zip(words)
        .map(|(entry, word)| {
            json!({
                "name": entry.name,
                "kind": entry.kind,
                "address": address(entry),
                "port": entry.port,
                "pid": entry.process.pid,
                "ready": word.is_some(),
                "state": said(entry, word),
                "log": entry.log,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "urls": urls, "daemons": daemons }))
}

fn address(entry: &Entry) -> String {
    format!("127.0.0.1:{}", entry.port)
}

fn said<'a>(entry: &Entry, word: &'a Option<String>) -> &'a str {
    match word {
        Some(word) => word,
        None if entry.process.runs() => "not ready",
        None => "ended",
    }
}

#[cfg(test)]
mod tests;
