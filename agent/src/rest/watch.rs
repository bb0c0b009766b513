//! Streams of changes of the copy, in the form in which registries have them.
//!
//! Owns what a reader was told and what it has to be told next: always the newest state, however slow it reads.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::response::IntoResponse as _;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, Method};
use lathe_api::accept;
use lathe_api::door::Problem;
use lathe_api::events::{ALIVE_AFTER, Form, point};
use lathe_api::reads::{Params, name};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Answer, Desk, not_followed};
use crate::copy::{Copy, Wish};
use crate::driver::State;

/// Groups and configurations that one reader may name.
const WISHES_MAX: usize = 256;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) async fn watch(
    Shared(desk): Shared<Arc<Desk>>,
    method: Method,
    Params(pairs): Params<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answer {
    let wishes = wishes(&pairs)?;
    let forms = [Form::Events, Form::Lines];
    let form = accept::best(&headers, &forms.map(Form::media_type)).map(|at| forms[at]);
    let form = form.ok_or_else(|| {
        let forms = forms.map(Form::media_type).join(" or ");
        Problem::not_acceptable(format!("this path answers as {forms}"))
    })?;
    {
        let follower = desk.state.read();
        let copy = follower.copy();
        if copy.history().is_empty() {
            return Err(Problem::busy("no registry was heard yet, and there is no copy on disk"));
        }
        if wishes.iter().any(|wish| copy.version_of(wish).is_none()) {
            return Err(not_followed());
        }
    }
    let out = [(CONTENT_TYPE, form.media_type()), (CACHE_CONTROL, "no-store"), (VARY, "accept")];
    // Whoever asks for the head alone opens nothing.
    if method == Method::HEAD {
        return Ok((out, Body::empty()).into_response());
    }
    let place = Arc::clone(&desk.places).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("there are as many streams as there may be"))?;
    let last = headers.get(LAST_EVENT_ID).and_then(|value| point(value.to_str().ok()?));
    let shown = desk.state.shown.subscribe();
    let (state, ending) = (Arc::clone(&desk.state), desk.ending.clone());
    let reader = Reader::new(wishes, last);
    let stream = Stream { state, shown, reader, form, ending, _place: place };
    Ok((out, stream.into_body()).into_response())
}

fn wishes(pairs: &[(String, String)]) -> Result<Vec<Wish>, Problem> {
    if pairs.is_empty() || pairs.len() > WISHES_MAX {
        let detail = format!("name 1 to {WISHES_MAX} by `group` and `config`");
        return Err(Problem::bad_request(detail));
    }
    let wish = |(key, value): &(String, String)| {
        let value = name(value)?.to_owned();
        match key.as_str() {
            "group" => Ok(Wish::Group(value)),
            "config" => Ok(Wish::Config(value)),
            _ => Err(Problem::bad_request("known parameters are `group` and `config`")),
        }
    };
    pairs.iter().map(wish).collect()
}

/// What one reader has.
#[derive(Debug)]
struct Reader {
    history: String,
    /// It was told everything up to this commit; 0 at first.
    commit: u64,
    /// The versions that it was told. What it has from before counts by its commit.
    told: BTreeMap<Wish, u64>,
    wishes: Vec<Wish>,
    greeted: bool,
}

impl Reader {
    fn new(wishes: Vec<Wish>, last: Option<(&str, u64)>) -> Self {
        let (history, commit) = last.unwrap_or_default();
        let history = history.to_owned();
        Self { history, commit, told: BTreeMap::new(), wishes, greeted: false }
    }

    /// What it has to be told now; nothing where it knows everything. Only the last event brings it to a new
    /// commit: a stream that breaks before loses nothing.
    fn next(&mut self, copy: &Copy, registries: &[String], form: Form) -> String {
        if self.history != copy.history() {
            copy.history().clone_into(&mut self.history);
            self.told.clear();
            self.commit = 0;
        }
        let before = (copy.history(), self.commit);
        let mut text = String::new();
        if !self.greeted {
            form.event(&mut text, "registries", before, &json(registries));
        }
        let mut any = !std::mem::replace(&mut self.greeted, true);
        for wish in &self.wishes {
            let Some(version) = copy.version_of(wish) else { continue };
            let had = self.told.insert(wish.clone(), version);
            if had.map_or(version <= self.commit, |had| had == version) {
                continue;
            }
            any = true;
            match wish {
                Wish::Group(name) => {
                    form.event(&mut text, "group", before, &json(&*copy.groups()[name]));
                }
                Wish::Config(name) => {
                    form.event(&mut text, "config", before, &json(&*copy.configs()[name]));
                }
            }
        }
        if any {
            // Whoever comes from a registry may know more than this copy does.
            self.commit = self.commit.max(copy.version());
            let data = format!("{{\"commit\":{}}}", self.commit);
            form.event(&mut text, "synced", (copy.history(), self.commit), &data);
        }
        text
    }
}

/// JSON on one line.
fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("views have text keys only")
}

struct Stream {
    state: Arc<State>,
    shown: watch::Receiver<u64>,
    reader: Reader,
    form: Form,
    ending: watch::Receiver<bool>,
    /// It is held until the stream ends.
    _place: OwnedSemaphorePermit,
}

enum Woken {
    Ending,
    Shown,
    Quiet,
}

impl Stream {
    fn into_body(self) -> Body {
        let opening = self.form.opening();
        Body::from_stream(stream::unfold((self, opening), |(mut stream, opening)| async move {
            let text = if opening.is_empty() { stream.next().await? } else { opening.to_owned() };
            Some((Ok::<_, Infallible>(Bytes::from(text)), (stream, "")))
        }))
    }

    /// What is said next; nothing at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            // What is shown from here on wakes again.
            self.shown.mark_unchanged();
            let text = {
                let follower = self.state.read();
                self.reader.next(follower.copy(), follower.registries(), self.form)
            };
            if !text.is_empty() {
                return Some(text);
            }
            let woken = tokio::select! {
                _ = self.ending.wait_for(|ends| *ends) => Woken::Ending,
                _ = self.shown.changed() => Woken::Shown,
                () = tokio::time::sleep(ALIVE_AFTER) => Woken::Quiet,
            };
            match woken {
                Woken::Ending => return None,
                Woken::Shown => {}
                Woken::Quiet => return Some(self.form.alive().to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
