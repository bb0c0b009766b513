//! An incarnation says that it lives, here or at another registry that passes it on.
//!
//! Owns what a beat and a batch must show and may say; what follows from it is the machine's.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use lathe_api::door::{self, Json, Problem, Session};
use lathe_catalog::{Beat, Passed, PassedAnswer, PassedBeats, State as Life};

use super::answers::listed;
use super::input::{Incarnation, NAME_CHARS_MAX, Nothing, Params};
use super::{Desk, unknown_incarnation};
use crate::directory::{BATCH_BEATS_MAX, Event};
use crate::driver::Input;
use crate::peers;

/// Longest reason that a beat gives, in characters; the rest is dropped.
const REASON_CHARS_MAX: usize = 300;
/// Longest URL of another registry, in characters.
const URL_CHARS_MAX: usize = 1024;

pub(super) async fn beat(
    State(desk): State<Arc<Desk>>,
    session: Option<Extension<Session>>,
    incarnation: Result<Incarnation, Problem>,
    params: Result<Params<Nothing>, Problem>,
    headers: HeaderMap,
    beat: Result<Json<Beat>, Problem>,
) -> Result<StatusCode, Problem> {
    let session = session.as_deref();
    let taken = take(&desk, session, (incarnation, params), &headers, beat);
    match taken {
        Ok(_) => desk.metrics.beats.inc(),
        Err(_) => desk.metrics.beats_refused.inc(),
    };
    taken
}

fn take(
    desk: &Desk,
    session: Option<&Session>,
    (incarnation, params): (Result<Incarnation, Problem>, Result<Params<Nothing>, Problem>),
    headers: &HeaderMap,
    beat: Result<Json<Beat>, Problem>,
) -> Result<StatusCode, Problem> {
    let incarnation = of_incarnation(desk, incarnation, headers)?;
    params?;
    let beat = checked(beat?.0)?;
    let known = {
        let directory = desk.kept.read();
        listed(&directory)?;
        if !directory.takes(&incarnation) {
            return Err(Problem::busy("the store is not heard, nor another registry"));
        }
        directory.catalog().entry(&incarnation).is_some()
    };
    // One that is not known here yet may be known to the registry that judges it.
    let event = Event::Beaten { incarnation: incarnation.clone(), beat };
    let sent = desk.inputs.try_send(Input::Event(event));
    // After the beat, so that it is not taken for one that came by another connection.
    if let (Ok(()), Some(session)) = (&sent, session) {
        desk.sessions.heard(session, &incarnation, &desk.inputs);
    }
    match sent {
        Ok(()) if known => Ok(StatusCode::NO_CONTENT),
        Ok(()) => Err(unknown_incarnation()),
        Err(_) => Err(Problem::busy("too many heartbeats wait")),
    }
}

fn checked(Beat { state, failing }: Beat) -> Result<Beat, Problem> {
    if matches!(state, Life::Suspect | Life::Gone) {
        return Err(Problem::bad_request("who beats is starting, ready or draining"));
    }
    let failing = failing.filter(|_| state == Life::Ready).map(|why| one_line(&why));
    Ok(Beat { state, failing })
}

/// Beats that another registry passes on, because this one judges their incarnations or can reach the
/// one that does. Their secrets were checked there.
pub(super) async fn passed(
    State(desk): State<Arc<Desk>>,
    params: Result<Params<Nothing>, Problem>,
    headers: HeaderMap,
    body: Result<Json<PassedBeats>, Problem>,
) -> Result<axum::Json<PassedAnswer>, Problem> {
    let shown = door::bearer(&headers).unwrap_or_default();
    if !peers::is_registry(&desk.key, shown) {
        return Err(Problem::unauthorized("the secret is not the one of registries"));
    }
    params?;
    let Json(PassedBeats { from, view, beats }) = body?;
    if beats.len() > BATCH_BEATS_MAX {
        let detail = format!("a batch has {BATCH_BEATS_MAX} beats at most");
        return Err(Problem::bad_request(detail));
    }
    let long = |text: &str, most| text.is_empty() || text.chars().nth(most).is_some();
    let mut names = view.iter().chain(beats.iter().map(|passed| &passed.incarnation));
    if long(&from, URL_CHARS_MAX) || names.any(|name| long(name, NAME_CHARS_MAX)) {
        return Err(Problem::bad_request("a name is empty or too long"));
    }
    let beats = beats.into_iter();
    let beats = beats.map(|passed| Ok(Passed { beat: checked(passed.beat.clone())?, ..passed }));
    let beats = beats.collect::<Result<Vec<Passed>, Problem>>()?;
    let (number, view_here) = (beats.len() as u64, desk.kept.read().view().map(str::to_owned));
    let event = Event::PassedHere { from, view, beats };
    if desk.inputs.try_send(Input::Event(event)).is_err() {
        return Err(Problem::busy("too many heartbeats wait"));
    }
    desk.metrics.passed_here.inc_by(number);
    Ok(axum::Json(PassedAnswer { view: view_here }))
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
