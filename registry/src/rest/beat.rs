//! An incarnation says that it lives.
//!
//! Owns what a beat must show and may say; what follows from it is the machine's.

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use lathe_api::door::{self, Json, Problem};
use lathe_catalog::{Beat, State as Life};

use super::answers::listed;
use super::input::{Incarnation, NAME_CHARS_MAX, Nothing, Params};
use super::{Desk, unknown_incarnation};
use crate::directory::Event;
use crate::driver::Input;

/// Longest reason that a beat gives, in characters; the rest is dropped.
const REASON_CHARS_MAX: usize = 300;

pub(super) async fn beat(
    State(desk): State<Arc<Desk>>,
    incarnation: Result<Incarnation, Problem>,
    params: Result<Params<Nothing>, Problem>,
    headers: HeaderMap,
    beat: Result<Json<Beat>, Problem>,
) -> Result<StatusCode, Problem> {
    let taken = take(&desk, incarnation, params, &headers, beat);
    match taken {
        Ok(_) => desk.metrics.beats.inc(),
        Err(_) => desk.metrics.beats_refused.inc(),
    };
    taken
}

fn take(
    desk: &Desk,
    incarnation: Result<Incarnation, Problem>,
    params: Result<Params<Nothing>, Problem>,
    headers: &HeaderMap,
    beat: Result<Json<Beat>, Problem>,
) -> Result<StatusCode, Problem> {
    let incarnation = of_incarnation(desk, incarnation, headers)?;
    params?;
    let Json(Beat { state, failing }) = beat?;
    if matches!(state, Life::Suspect | Life::Gone) {
        return Err(Problem::bad_request("who beats is starting, ready or draining"));
    }
    let failing = failing.filter(|_| state == Life::Ready).map(|why| one_line(&why));
    let beat = Beat { state, failing };
    {
        let directory = desk.kept.read();
        listed(&directory)?;
        if directory.catalog().entry(&incarnation).is_none() {
            return Err(unknown_incarnation());
        }
    }
    let event = Event::Beaten { incarnation, beat };
    match desk.inputs.try_send(Input::Event(event)) {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(_) => Err(Problem::busy("too many heartbeats wait")),
    }
}

/// The incarnation whose secret is shown. The secret first: who has none is not told which incarnations
/// there are.
pub(super) fn of_incarnation(
    desk: &Desk,
    incarnation: Result<Incarnation, Problem>,
    headers: &HeaderMap,
) -> Result<String, Problem> {
    let Incarnation(incarnation) = incarnation?;
    let shown = door::bearer(headers).unwrap_or_default();
    let long = incarnation.chars().nth(NAME_CHARS_MAX).is_some();
    if long || !desk.key.verify(&incarnation, shown) {
        return Err(Problem::unauthorized("the secret is not the one of this incarnation"));
    }
    Ok(incarnation)
}

/// A reason as it is shown to everybody: plain and bounded.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(REASON_CHARS_MAX).collect()
}
