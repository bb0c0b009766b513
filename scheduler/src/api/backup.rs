//! `GET /v1/backup`: the whole store at one commit, and the binaries that its topologies name.
//!
//! The form is `lathe_api::backup`'s. What breaks off has no end line, so no reader takes it for whole.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use lathe_api::backup::{Artifact, FORMAT, Head, Line, PIECE_BYTES, Piece, Record, Writer};
use lathe_api::door::{Problem, code};
use lathe_coordination::Listing;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Artifacts, Shared};
use crate::driver::now_ms;
use crate::framework::records::{REVISIONS, TOPOLOGIES, TopologyRecord};
use crate::store::STAGED;

/// Lines that wait for a slow reader.
const LINES_WAITING: usize = 64;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// Whether the binaries are in it; they are unless told otherwise.
    artifacts: Option<bool>,
}

pub(super) async fn backup(
    State(shared): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let unread = |error| Problem::busy(format!("the store cannot be read: {error}"));
    let Some(store) = &shared.store else { return Err(Problem::busy("no store is at hand")) };
    let listed = store.list("/").await.map_err(unread)?;
    let history = store.history().await.map_err(unread)?;
    let below_staged = |(path, _): &(String, _)| path.starts_with(STAGED);
    if listed.records.iter().any(below_staged) {
        return Err(Problem::busy("a large plan is being written; ask again in a moment"));
    }
    let artifacts = match asked.artifacts {
        Some(false) => Vec::new(),
        _ => named(&shared.artifacts, &listed).await?,
    };
    let head = Head {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        history,
        commit: listed.commit,
        at_ms: now_ms(),
        records: listed.records.len() as u64,
        artifacts,
    };
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    tokio::spawn(write(shared.artifacts, head, listed, lines));
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(ReceiverStream::new(waiting))).into_response())
}

type Lines = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Every binary that a topology names, now or in a revision that is kept.
async fn named(artifacts: &Artifacts, listed: &Listing) -> Result<Vec<Artifact>, Problem> {
    let mut found = BTreeMap::new();
    for (path, record) in &listed.records {
        let below = |parent: &str| path.strip_prefix(parent).is_some_and(|r| r.starts_with('/'));
        if !below(TOPOLOGIES) && !below(REVISIONS) {
            continue;
        }
        let topology: TopologyRecord = serde_json::from_slice(&record.data).map_err(|error| {
            let detail = format!("the record at {path} cannot be read: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code::BUSY, detail)
        })?;
        found.extend(topology.artifacts.into_iter().map(|one| (one.sha256, one.size)));
    }
    for (sha256, size) in &found {
        if artifacts.size(sha256).await != Some(*size) {
            let detail = format!("the binary {sha256} is missing or of another size");
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code::BUSY, detail));
        }
    }
    Ok(found.into_iter().map(|(sha256, size)| Artifact { sha256, size }).collect())
}

/// Writes until the end, or until the reader has gone.
async fn write(artifacts: Artifacts, head: Head, listed: Listing, to: Lines) {
    let names: Vec<String> = head.artifacts.iter().map(|one| one.sha256.clone()).collect();
    let mut writer = Writer::default();
    let first = writer.line(&Line::Head(head));
    if to.send(Ok(first.into())).await.is_err() {
        return;
    }
    for (path, record) in &listed.records {
        let record = Record::new(path, &record.data, record.ephemeral);
        let line = writer.line(&Line::Record(record));
        if to.send(Ok(line.into())).await.is_err() {
            return;
        }
    }
    for sha256 in &names {
        match write_binary(&artifacts, sha256, &mut writer, &to).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(sha256, %error, "a backup breaks off");
                let _ = to.send(Err(std::io::Error::other(error))).await;
                return;
            }
        }
    }
    let _ = to.send(Ok(writer.end().into())).await;
}

/// Whether the reader is still there.
async fn write_binary(
    artifacts: &Artifacts,
    sha256: &str,
    writer: &mut Writer,
    to: &Lines,
) -> Result<bool, String> {
    let mut bytes = artifacts.bytes(sha256).await.map_err(|problem| problem.detail().to_owned())?;
    let mut waiting = Vec::new();
    loop {
        let chunk = bytes.next().await.transpose().map_err(|error| error.to_string())?;
        let last = chunk.is_none();
        waiting.extend_from_slice(&chunk.unwrap_or_default());
        while waiting.len() >= PIECE_BYTES || (last && !waiting.is_empty()) {
            let piece: Vec<u8> = waiting.drain(..waiting.len().min(PIECE_BYTES)).collect();
            let line = writer.line(&Line::Piece(Piece::new(sha256, &piece)));
            if to.send(Ok(line.into())).await.is_err() {
                return Ok(false);
            }
        }
        if last {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests;
