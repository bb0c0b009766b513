//! Turns: who has one, asking for one, giving it back.
//!
//! Owns paths, bodies and names; the rule is that of `fleets`.

use std::sync::Arc;

use axum::Json as Shown;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use lathe_api::door::{Json, Problem};
use serde::Deserialize;

use super::answers::{Answer, json};
use super::input::{Name, Nothing, OfGroup, Params};
use super::{Desk, plain};
use crate::fleets::{FleetView, Wish};

/// Longest name of a fleet, as hooks have it, and of somebody who holds a lease.
const FLEET_CHARS_MAX: usize = 64;
const HOLDER_CHARS_MAX: usize = 192;
/// Leases of one fleet.
const MOST_MAX: u32 = 1000;
/// The longest lease, in milliseconds.
const LEASE_MS_MAX: u64 = 3_600_000;

/// What is asked for with a lease.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    max_parallel: u32,
    lease_ms: u64,
}

pub(super) async fn all(State(desk): State<Arc<Desk>>, _: Params<Nothing>) -> Answer {
    Ok(plain(json(&desk.fleets.all(desk.unix_ms()).await?)))
}

pub(super) async fn one(
    State(desk): State<Arc<Desk>>,
    Name(fleet): Name,
    _: Params<Nothing>,
) -> Result<Shown<FleetView>, Problem> {
    let fleet = name(&fleet, FLEET_CHARS_MAX)?;
    Ok(Shown(desk.fleets.one(fleet, desk.unix_ms()).await?))
}

pub(super) async fn take(
    State(desk): State<Arc<Desk>>,
    OfGroup(fleet, holder): OfGroup,
    _: Params<Nothing>,
    Json(wanted): Json<Wanted>,
) -> Answer {
    let Wanted { max_parallel: most, lease_ms } = wanted;
    if !(1..=MOST_MAX).contains(&most) {
        return Err(Problem::bad_request(format!("`max_parallel` is from 1 to {MOST_MAX}")));
    }
    if !(1..=LEASE_MS_MAX).contains(&lease_ms) {
        return Err(Problem::bad_request(format!("`lease_ms` is from 1 to {LEASE_MS_MAX}")));
    }
    let holder = name(&holder, HOLDER_CHARS_MAX)?.to_owned();
    ask(&desk, &fleet, &Wish::Take { holder, most, lease_ms }).await
}

pub(super) async fn give_back(
    State(desk): State<Arc<Desk>>,
    OfGroup(fleet, holder): OfGroup,
    _: Params<Nothing>,
) -> Result<StatusCode, Problem> {
    let holder = name(&holder, HOLDER_CHARS_MAX)?.to_owned();
    ask(&desk, &fleet, &Wish::GiveBack { holder }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn ask(desk: &Desk, fleet: &str, wish: &Wish) -> Result<Response, Problem> {
    let fleet = name(fleet, FLEET_CHARS_MAX)?;
    let view = desk.fleets.ask(fleet, wish, desk.unix_ms()).await?;
    Ok(plain(json(&view)))
}

/// A name that can stand in the store.
fn name(text: &str, chars_max: usize) -> Result<&str, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = !text.is_empty() && text.len() <= chars_max && text.bytes().all(plain);
    if !fits || text.starts_with('.') {
        let what = "letters, digits, `-`, `_` and `.`, which does not begin it";
        return Err(Problem::bad_request(format!("a name has at most {chars_max} of {what}")));
    }
    Ok(text)
}
