//! Streams of changes: who may open one, of what, in which form.
//!
//! Owns the way to the stream; what goes over it is the machine's, and its form `stream`'s.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, Method};
use lathe_api::accept;
use lathe_api::door::{Caller, Problem};
use lathe_api::events::Form;
use lathe_api::views::wants_signature;
use tokio::sync::mpsc;

use super::answers::Answer;
use super::input::{Params, name};
use super::{Desk, LAST_EVENT_ID};
use crate::directory::Selection;
use crate::driver::Input;
use crate::stream::{self, Stream};

pub(super) async fn watch(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    method: Method,
    pairs: Result<Params<Vec<(String, String)>>, Problem>,
    headers: HeaderMap,
) -> Answer {
    let opened = open(&desk, &caller, &method, pairs, &headers).await;
    match opened {
        Ok(_) => desk.metrics.watches.inc(),
        Err(_) => desk.metrics.watches_refused.inc(),
    };
    opened
}

async fn open(
    desk: &Desk,
    caller: &Caller,
    method: &Method,
    pairs: Result<Params<Vec<(String, String)>>, Problem>,
    headers: &HeaderMap,
) -> Answer {
    let Params(pairs) = pairs?;
    let mut selection = selection(&pairs, desk.bounds.groups_per_watch_max)?;
    selection.signed = wants_signature(headers);
    let forms = [Form::Events, Form::Lines];
    let form = accept::best(headers, &forms.map(Form::media_type)).map(|at| forms[at]);
    let form = form.ok_or_else(|| {
        let forms = forms.map(Form::media_type).join(" or ");
        Problem::not_acceptable(format!("this path answers as {forms}"))
    })?;
    desk.has_room()?;
    let out = [(CONTENT_TYPE, form.media_type()), (CACHE_CONTROL, "no-store"), (VARY, "accept")];
    // Whoever asks for the head alone opens nothing.
    if *method == Method::HEAD {
        return Ok((out, Body::empty()).into_response());
    }
    let place = desk.places.take(caller)?;
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let watcher = desk.next_watcher();
    let (sender, batches) = mpsc::channel(1);
    let resume = last.and_then(stream::resume);
    let subscribe = Input::Subscribe { watcher, selection, resume, batches: sender };
    if desk.inputs.send(subscribe).await.is_err() {
        return Err(Problem::busy("the registry is ending"));
    }
    let inputs = desk.inputs.clone();
    let stream = Stream { watcher, batches, inputs, form, place };
    Ok((out, stream.into_body()).into_response())
}

fn selection(pairs: &[(String, String)], max: usize) -> Result<Selection, Problem> {
    let mut selection = Selection::default();
    if pairs.len() > max {
        return Err(Problem::bad_request(format!("one watcher may name {max} groups")));
    }
    for (key, value) in pairs {
        let chosen = match key.as_str() {
            "group" => &mut selection.groups,
            "config" => &mut selection.configs,
            "member" if selection.member.is_none() => {
                selection.member = Some(name(value)?.to_owned());
                continue;
            }
            "member" => return Err(Problem::bad_request("`member` may come once")),
            _ => {
                let known = "known parameters are `group`, `config` and `member`";
                return Err(Problem::bad_request(known));
            }
        };
        chosen.insert(name(value)?.to_owned());
    }
    Ok(selection)
}
