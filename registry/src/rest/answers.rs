//! Views on their way out: their version, their age, whether the client has them already.
//!
//! Owns the headers that every view has. It must not know what a view shows.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use lathe_api::door::Problem;

use super::{Desk, LATHE_AGE_MS, LATHE_HISTORY, LATHE_VERSION};
use crate::directory::{Directory, Resume};

pub(super) type Answer = Result<Response, Problem>;

/// A view at a version, with the headers that every view has; 304 if the client has it.
struct View<'a> {
    directory: &'a Directory,
    now_ms: u64,
    version: u64,
}

impl View<'_> {
    fn answer(&self, desk: &Desk, headers: &HeaderMap, body: impl FnOnce() -> Body) -> Response {
        let history = self.directory.catalog().history();
        let tag = format!("\"{history}:{}\"", self.version);
        desk.metrics.reads.inc();
        let mut response = if tags(headers).any(|named| named == "*" || named == tag) {
            desk.metrics.not_modified.inc();
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body()).into_response()
        };
        let out = response.headers_mut();
        let text = |text: &str| HeaderValue::from_str(text).ok();
        for (name, value) in [(ETAG, text(&tag)), (LATHE_HISTORY, text(history))] {
            if let Some(value) = value {
                out.insert(name, value);
            }
        }
        out.insert(LATHE_VERSION, self.version.into());
        out.insert(LATHE_AGE_MS, self.directory.age_ms(self.now_ms).into());
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// The tags that the client names in `If-None-Match` (weak comparison, as for every GET).
fn tags(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let named = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tags = named.flat_map(|list| list.split(',')).map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag))
}

/// The first version of ours that the client says it has.
pub(super) fn version_that_it_has(headers: &HeaderMap) -> Option<Resume> {
    tags(headers).find_map(|tag| {
        let (history, commit) = tag.strip_prefix('"')?.strip_suffix('"')?.rsplit_once(':')?;
        let commit = commit.parse().ok()?;
        (!history.is_empty()).then(|| Resume { history: history.to_owned(), commit })
    })
}

impl Desk {
    /// Answers from the state as it is; before the first listing nothing can be said.
    pub(super) fn view(
        &self,
        headers: &HeaderMap,
        show: impl FnOnce(&Directory) -> Result<(u64, Body), Problem>,
    ) -> Answer {
        let now_ms = self.kept.clock.now().ms;
        let directory = self.kept.read();
        listed(&directory)?;
        let (version, body) = show(&directory)?;
        Ok(View { directory: &directory, now_ms, version }.answer(self, headers, || body))
    }
}

/// Before the first listing nothing can be said.
pub(super) fn listed(directory: &Directory) -> Result<(), Problem> {
    if directory.is_listed() {
        Ok(())
    } else {
        Err(Problem::busy("the registry has not heard the store yet"))
    }
}

pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Body {
    Body::from(serde_json::to_vec(value).expect("views have text keys only"))
}
