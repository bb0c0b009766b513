//! Views of the catalog on their way out: their version, their age, whether the client has them already.
//!
//! Owns the headers that every view has, at every listener that shows the catalog. It must not know what a
//! view shows.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Id of the store's life.
pub const LATHE_HISTORY: HeaderName = HeaderName::from_static("lathe-history");
/// The commit of the last change of what is shown.
pub const LATHE_VERSION: HeaderName = HeaderName::from_static("lathe-version");
/// For how long nobody was heard who knows better, in milliseconds.
pub const LATHE_AGE_MS: HeaderName = HeaderName::from_static("lathe-age-ms");

/// Whoever says `true` is told what a view is signed with.
pub const LATHE_SIGN: HeaderName = HeaderName::from_static("lathe-sign");
/// What a view is signed with: milliseconds since the Unix epoch, a dot, 128 hexadecimal digits.
pub const LATHE_SIGNATURE: HeaderName = HeaderName::from_static("lathe-signature");

/// A view at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a> {
    /// Id of the store's life.
    pub history: &'a str,
    /// The commit of the last change of what is shown.
    pub version: u64,
    /// How old it may be, in milliseconds.
    pub age_ms: u64,
}

impl View<'_> {
    /// The answer: 304 to who has it, else the body as JSON.
    #[must_use]
    pub fn answer(&self, headers: &HeaderMap, body: impl FnOnce() -> Body) -> Response {
        let tag = format!("\"{}:{}\"", self.history, self.version);
        let mut response = if tags(headers).any(|named| named == "*" || named == tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body()).into_response()
        };
        let out = response.headers_mut();
        let text = |text: &str| HeaderValue::from_str(text).ok();
        for (name, value) in [(ETAG, text(&tag)), (LATHE_HISTORY, text(self.history))] {
            if let Some(value) = value {
                out.insert(name, value);
            }
        }
        out.insert(LATHE_VERSION, self.version.into());
        out.insert(LATHE_AGE_MS, self.age_ms.into());
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// Whether the client wants to know what views are signed with.
#[must_use]
pub fn wants_signature(headers: &HeaderMap) -> bool {
    headers.get(LATHE_SIGN).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// The tags that the client names in `If-None-Match` (weak comparison, as for every GET).
fn tags(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let named = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tags = named.flat_map(|list| list.split(',')).map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag))
}

/// History and version of the first tag of ours that the client says it has.
#[must_use]
pub fn version_that_it_has(headers: &HeaderMap) -> Option<(String, u64)> {
    tags(headers).find_map(|tag| {
        let (history, commit) = tag.strip_prefix('"')?.strip_suffix('"')?.rsplit_once(':')?;
        let commit = commit.parse().ok()?;
        (!history.is_empty()).then(|| (history.to_owned(), commit))
    })
}
