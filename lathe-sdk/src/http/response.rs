//! What a handler answers.
//!
//! Owns the shape of a response. It must not know how it is sent.

use std::fmt;
use std::sync::LazyLock;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Response, StatusCode};
use serde::Serialize;

use crate::http::{Body, HTTPError, HTTPResult};

/// A response: status, headers, body.
///
/// ```
/// use lathe::http::HTTPResponse;
///
/// let response = HTTPResponse::new(200, "<p>:)</p>").header("content-type", "text/html");
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["content-type"], "text/html");
/// ```
///
/// It is small on purpose: it passes through many hands on its way out.
pub struct HTTPResponse {
    status: StatusCode,
    /// Made when it is first needed; until then the body says whether it is text.
    head: Option<Box<Head>>,
    body: Body,
}

struct Head {
    headers: HeaderMap,
    extensions: Extensions,
}

static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
static TEXT: LazyLock<HeaderMap> = LazyLock::new(text_headers);

fn text_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers
}

impl HTTPResponse {
    /// A response with this status and body. Text is sent as `text/plain; charset=utf-8` unless
    /// [`header`](Self::header) says otherwise. A number that is no final status (200 to 999, or
    /// 101 for an upgrade) is sent as 500.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Body>) -> Self {
        let status = match status {
            200 => StatusCode::OK,
            101 | 201..=999 => {
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, head: None, body: body.into() }
    }

    /// A response that carries `value` as JSON.
    ///
    /// # Errors
    /// When `value` cannot be written as JSON (a map with keys that are no text).
    pub fn json(status: u16, value: &impl Serialize) -> HTTPResult {
        let json = HeaderValue::from_static("application/json");
        let mut response = Self::new(status, serde_json::to_vec(value)?);
        response.headers_mut().insert(CONTENT_TYPE, json);
        Ok(response)
    }

    /// Sets a header, in place of an earlier one of that name. A name or value that HTTP does not
    /// allow makes the response a 500, which says so in the task's standard error.
    #[must_use]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let (Ok(name), Ok(value)) = (name.try_into(), value.try_into()) else {
            let refused = HTTPError::new(500, "internal server error");
            crate::log::line("a handler set a header that http does not allow", &[]);
            return refused.into_response();
        };
        self.headers_mut().insert(name, value);
        self
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        match &self.head {
            Some(head) => &head.headers,
            None if self.body.is_text() => &TEXT,
            None => &NONE,
        }
    }

    /// The headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        let is_text = self.body.is_text();
        let head = self.head.get_or_insert_with(|| {
            let headers = if is_text { text_headers() } else { HeaderMap::new() };
            Box::new(Head { headers, extensions: Extensions::new() })
        });
        &mut head.headers
    }

    /// The body, to read or to replace. The headers stay as they are.
    pub fn body_mut(&mut self) -> &mut Body {
        self.headers_mut();
        &mut self.body
    }

    pub(crate) fn is_streamed(&self) -> bool {
        self.body.is_streamed()
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    /// As the `http` crate's type.
    #[must_use]
    #[inline]
    pub fn into_http(self) -> Response<Body> {
        let is_text = self.body.is_text();
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        if let Some(head) = self.head {
            *response.headers_mut() = head.headers;
            *response.extensions_mut() = head.extensions;
        } else if is_text {
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, text);
        }
        response
    }
}

impl From<Response<Body>> for HTTPResponse {
    fn from(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let (headers, extensions) = (head.headers, head.extensions);
        Self { status: head.status, head: Some(Box::new(Head { headers, extensions })), body }
    }
}

impl fmt::Debug for HTTPResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HTTPResponse")
            .field("status", &self.status)
            .field("headers", self.headers())
            .field("body", &self.body)
            .finish()
    }
}
