//! `GET /v1/logs/{instance}`: a piece of a sandbox file, by way of the agent's files API.

use std::error::Error;
use std::ops::Range;

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
use crate::driver::Located;
use crate::mesos_calls::{endpoints_of, list_agents, read_sandbox_file};

/// Largest piece, in bytes.
const PIECE_MAX: u64 = 256 * 1024;
/// Sandbox files that may be read.
const FILES: [&str; 5] = ["task.out", "task.err", "crash.log", "stderr", "stdout"];
/// Hosts that are asked for the sandbox of a life that has ended.
const HOSTS_ASKED_MAX: usize = 64;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// One of the sandbox's files; the task's standard output without.
    file: Option<String>,
    /// From this byte on; the end of the file without: then nothing but the size comes.
    offset: Option<u64>,
    length: Option<u64>,
    /// Of the life before the one that is named.
    #[serde(default)]
    previous: bool,
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
    let located = shared.handle.locate(instance.clone(), asked.previous).await.map_err(stopping)?;
    let located = located.ok_or_else(|| {
        let of = if asked.previous { "an earlier life of " } else { "" };
        Problem::not_found(format!("there is no {of}instance `{instance}` whose host is known"))
    })?;
    let length = asked.length.unwrap_or(PIECE_MAX).min(PIECE_MAX);
    // Past any end: only the size comes.
    let offset = asked.offset.unwrap_or(u64::MAX >> 1);
    let piece = offset..offset.saturating_add(length);
    let (size, data) = read_first(&shared, &located, &file, piece).await?;
    Ok(Json(LogPiece {
        incarnation: located.incarnation,
        file,
        offset: asked.offset.unwrap_or(size),
        size,
        length: data.len() as u64,
        text: String::from_utf8_lossy(&data).into_owned(),
    }))
}

/// The file's size and the piece. Asks the host where it should be; for an ended life then those
/// that the master lists now, also hosts that the framework has not heard of yet.
async fn read_first(
    shared: &Shared,
    located: &Located,
    file: &str,
    piece: Range<u64>,
) -> Result<(u64, Vec<u8>), Problem> {
    let mut failure = None;
    if let Some(endpoint) = &located.endpoint {
        match read_at(shared, endpoint, located, file, piece.clone()).await {
            Ok(found) => return Ok(found),
            Err(problem) => failure = Some(problem),
        }
    }
    if located.ended {
        let listed = shared.operator.master_call(list_agents()).await;
        let agents = listed.ok().and_then(|answer| answer.get_agents).unwrap_or_default();
        let others = endpoints_of(&agents).into_iter();
        let others = others.filter(|one| Some(one) != located.endpoint.as_ref());
        for endpoint in others.take(HOSTS_ASKED_MAX) {
            if let Ok(found) = read_at(shared, &endpoint, located, file, piece.clone()).await {
                return Ok(found);
            }
        }
    }
    // What the likeliest host says is the most helpful.
    Err(failure.unwrap_or_else(|| Problem::not_found("its host is not known")))
}

async fn read_at(
    shared: &Shared,
    endpoint: &str,
    located: &Located,
    file: &str,
    piece: Range<u64>,
) -> Result<(u64, Vec<u8>), Problem> {
    let url = Url::parse(endpoint, wire::AGENT_PORT)
        .map_err(|error| Problem::not_found(error.to_string()))?;
    let call = read_sandbox_file(located, file, piece);
    let answer = shared.operator.agent_call(&url, call).await.map_err(|error| {
        let said = format!("the host's agent: {}", with_causes(&error));
        Problem::new(StatusCode::BAD_GATEWAY, code::BUSY, said)
    })?;
    let read = answer.read_file.unwrap_or_default();
    Ok((read.size, read.data.to_vec()))
}

/// What is wrong, and below it why: a call that was not sent does not say itself where it could not go.
fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}
