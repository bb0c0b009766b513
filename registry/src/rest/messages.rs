//! Messages to those who are in a group: sending, asking who has them, acknowledging.
//!
//! Owns paths and bodies; what a board takes is the catalog's matter, the writing `post`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json as Shown};
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lathe_api::door::{Caller, Json, Problem};
use lathe_api::rest::segment;
use lathe_catalog::board::Message;
use lathe_catalog::{Catalog, MemberView, MessageView};
use serde::Deserialize;
use serde_json::Value;

use super::Desk;
use super::answers::{Answer, json, listed};
use super::beat::of_incarnation;
use super::input::{Blocking, Incarnation, Name, Nothing, OfGroup, Params, name};
use crate::directory::{Directory, Wish};
use crate::post::{Asked, hand_in};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) async fn send(
    State(desk): State<Arc<Desk>>,
    Name(group): Name,
    _: Params<Nothing>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Problem> {
    let key = headers.get(IDEMPOTENCY_KEY).map(|value| {
        let text = value.to_str().map_err(|_| Problem::bad_request("the key is not printable"))?;
        Ok::<_, Problem>(text.trim_matches('"').to_owned())
    });
    let asked = Asked::Send { group: group.clone(), key: key.transpose()?, body };
    let number = hand_in(&desk.letters, asked).await?.unwrap_or(0);
    desk.metrics.messages.inc();
    let directory = desk.kept.read();
    let catalog = directory.catalog();
    let message = catalog.board(&group).and_then(|board| board.message(number));
    let place = format!("/v1/groups/{}/messages/{number}", segment(&group));
    let place = HeaderValue::from_str(&place).map_err(|_| Problem::busy("no such place"))?;
    let Some(message) = message else {
        // Written, and this registry has not heard of it yet.
        return Ok((StatusCode::ACCEPTED, [(LOCATION, place)]).into_response());
    };
    let view = view(catalog, &group, message);
    Ok((StatusCode::CREATED, [(LOCATION, place)], Shown(view)).into_response())
}

pub(super) async fn all(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Name(group): Name,
    Params(asked): Params<Blocking>,
    headers: HeaderMap,
) -> Answer {
    let wish = Wish::Board(group.clone());
    let show = |directory: &Directory| {
        let catalog = directory.catalog();
        let board = catalog.board(&group);
        let messages = board.into_iter().flat_map(|board| &board.messages);
        let views: Vec<MessageView> =
            messages.map(|message| view(catalog, &group, message)).collect();
        Ok((catalog.said_version(&group), json(&views)))
    };
    desk.look(&caller, wish, &asked, &headers, show).await
}

pub(super) async fn one(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    OfGroup(group, number): OfGroup,
    Params(asked): Params<Blocking>,
    headers: HeaderMap,
) -> Answer {
    // What is no number is simply not there.
    let number = number.parse().unwrap_or(0);
    let wish = Wish::Board(group.clone());
    let show = |directory: &Directory| {
        let catalog = directory.catalog();
        let message = catalog.board(&group).and_then(|board| board.message(number));
        let message =
            message.ok_or_else(|| Problem::not_found("the group keeps no such message"))?;
        Ok((catalog.said_version(&group), json(&view(catalog, &group, message))))
    };
    desk.look(&caller, wish, &asked, &headers, show).await
}

/// Numbers by groups.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledged {
    groups: BTreeMap<String, u64>,
}

pub(super) async fn acknowledge(
    State(desk): State<Arc<Desk>>,
    incarnation: Result<Incarnation, Problem>,
    params: Result<Params<Nothing>, Problem>,
    headers: HeaderMap,
    body: Result<Json<Acknowledged>, Problem>,
) -> Result<StatusCode, Problem> {
    let incarnation = of_incarnation(&desk, incarnation, &headers)?;
    params?;
    let Json(Acknowledged { groups }) = body?;
    listed(&desk.kept.read())?;
    let named = groups.into_iter().map(|(group, number)| Ok((name(&group)?.to_owned(), number)));
    let groups = named.collect::<Result<BTreeMap<_, _>, Problem>>()?;
    hand_in(&desk.letters, Asked::Acknowledge { incarnation, groups }).await?;
    desk.metrics.acks.inc();
    Ok(StatusCode::NO_CONTENT)
}

fn view(catalog: &Catalog, group: &str, message: &Message) -> MessageView {
    let members = message.to.iter().map(|incarnation| MemberView {
        receipt: catalog.receipt(group, message, &incarnation),
        incarnation,
    });
    MessageView {
        group: group.to_owned(),
        number: message.number,
        key: message.key.clone(),
        sent_ms: message.sent_ms,
        body: message.body.clone(),
        members: members.collect(),
    }
}
