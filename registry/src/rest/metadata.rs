//! Values that a group keeps for whoever comes.
//!
//! Owns paths and conditions; what a board takes is the catalog's matter, the writing `post`'s.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName};
use lathe_api::door::{Caller, Json, Problem};
use lathe_catalog::MetadataView;
use serde_json::Value;

use super::Desk;
use super::answers::{Answer, json, listed};
use super::input::{Blocking, Name, Nothing, OfGroup, Params};
use crate::directory::{Directory, Wish};
use crate::post::{Asked, Refusal, Seen, hand_in};

pub(super) async fn all(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Name(group): Name,
    Params(asked): Params<Blocking>,
    headers: HeaderMap,
) -> Answer {
    let wish = Wish::Board(group.clone());
    desk.look(&caller, wish, &asked, &headers, |directory| Ok(shown(directory, &group))).await
}

pub(super) async fn keep(
    State(desk): State<Arc<Desk>>,
    OfGroup(group, key): OfGroup,
    _: Params<Nothing>,
    headers: HeaderMap,
    Json(value): Json<Value>,
) -> Answer {
    write(&desk, (group, key), Some(value), &headers).await
}

pub(super) async fn let_go(
    State(desk): State<Arc<Desk>>,
    OfGroup(group, key): OfGroup,
    _: Params<Nothing>,
    headers: HeaderMap,
) -> Answer {
    write(&desk, (group, key), None, &headers).await
}

async fn write(
    desk: &Desk,
    (group, key): (String, String),
    value: Option<Value>,
    headers: &HeaderMap,
) -> Answer {
    let seen = {
        let directory = desk.kept.read();
        listed(&directory)?;
        condition(&directory, headers)?
    };
    hand_in(&desk.letters, Asked::Keep { group: group.clone(), key, value, seen }).await?;
    desk.metrics.values.inc();
    desk.view(&HeaderMap::new(), |directory| Ok(shown(directory, &group)))
}

/// All values of a group, with the version of what is said to it.
fn shown(directory: &Directory, group: &str) -> (u64, Body) {
    let catalog = directory.catalog();
    let board = catalog.board(group);
    let values = board.map(|board| board.metadata.clone()).unwrap_or_default();
    let version = catalog.said_version(group);
    let history = catalog.history().to_owned();
    let values = values.into_iter().collect();
    (version, json(&MetadataView { group: group.to_owned(), history, version, values }))
}

/// What `If-Match` and `If-None-Match` ask for (RFC 9110, section 13.1). A tag of another history never
/// matches, and of several the newest says what the client has seen.
fn condition(directory: &Directory, headers: &HeaderMap) -> Result<Option<Seen>, Problem> {
    let text = |name: &HeaderName| {
        let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
        values.flat_map(|list| list.split(',')).map(str::trim).collect::<Vec<_>>()
    };
    match text(&IF_NONE_MATCH).as_slice() {
        [] => {}
        ["*"] => return Ok(Some(Seen::Absent)),
        _ => return Err(Problem::bad_request("of If-None-Match a write takes `*` alone")),
    }
    let tags = text(&IF_MATCH);
    if tags.is_empty() {
        return Ok(None);
    }
    if tags.contains(&"*") {
        return Ok(Some(Seen::Present));
    }
    let own = directory.catalog().history();
    let versions = tags.iter().filter_map(|tag| {
        let (history, version) = tag.strip_prefix('"')?.strip_suffix('"')?.rsplit_once(':')?;
        version.parse::<u64>().ok().filter(|_| history == own)
    });
    let newest = versions.max().ok_or(Refusal::Changed)?;
    Ok(Some(Seen::Commit(newest)))
}
