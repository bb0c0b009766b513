//! `GET /v1/logs/{instance}`: a piece of a sandbox file, by way of the agent's files API.

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use lathe_api::door::{Problem, code};
use lathe_api::rest::LogPiece;
use lathe_mesos::address::Url;
use lathe_mesos::wire;
use serde::Deserialize;

use super::Shared;
use super::reads::stopping;
use crate::mesos_calls::read_sandbox_file;

/// Largest piece, in bytes.
const PIECE_MAX: u64 = 256 * 1024;
/// Sandbox files that may be read.
const FILES: [&str; 5] = ["task.out", "task.err", "crash.log", "stderr", "stdout"];

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// One of the sandbox's files; the task's standard output without.
    file: Option<String>,
    /// From this byte on; the end of the file without: then nothing but the size comes.
    offset: Option<u64>,
    length: Option<u64>,
}

pub(super) async fn read(
    State(shared): State<Shared>,
    Path(instance): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<LogPiece>, Problem> {
    let file = asked.file.unwrap_or_else(|| "task.out".to_owned());
    if !FILES.contains(&file.as_str()) {
        let detail = format!("`{file}` is none of {}", FILES.join(", "));
        return Err(Problem::bad_request(detail));
    }
    let located = shared.handle.locate(instance.clone()).await.map_err(stopping)?;
    let located = located.ok_or_else(|| {
        Problem::not_found(format!("there is no instance `{instance}` whose host is known"))
    })?;
    let length = asked.length.unwrap_or(PIECE_MAX).min(PIECE_MAX);
    // Past any end: only the size comes.
    let offset = asked.offset.unwrap_or(u64::MAX >> 1);
    let call = read_sandbox_file(&located, &file, offset..offset.saturating_add(length));
    let url = Url::parse(&located.endpoint, wire::AGENT_PORT)
        .map_err(|error| Problem::not_found(error.to_string()))?;
    let response = shared.operator.agent_call(&url, call).await.map_err(|error| {
        Problem::new(StatusCode::BAD_GATEWAY, code::BUSY, format!("the host's agent: {error}"))
    })?;
    let piece = response.read_file.unwrap_or_default();
    Ok(Json(LogPiece {
        incarnation: located.incarnation,
        file,
        offset: asked.offset.unwrap_or(piece.size),
        size: piece.size,
        length: piece.data.len() as u64,
        text: String::from_utf8_lossy(&piece.data).into_owned(),
    }))
}
