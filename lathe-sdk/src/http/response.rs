//! What a handler answers.
//!
//! Owns the shape of a response. It must not know how it is sent.

use std::fmt;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
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
pub struct HTTPResponse(Response<Body>);

impl HTTPResponse {
    /// A response with this status and body. Text is sent as `text/plain; charset=utf-8` unless
    /// [`header`](Self::header) says otherwise. A number that is no final status (200 to 999, or
    /// 101 for an upgrade) is sent as 500.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Body>) -> Self {
        let body = body.into();
        let text = body.is_text();
        let mut response = Response::new(body);
        *response.status_mut() = match status {
            200 => StatusCode::OK,
            101 | 201..=999 => {
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if text {
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, plain);
        }
        Self(response)
    }

    /// A response that carries `value` as JSON.
    ///
    /// # Errors
    /// When `value` cannot be written as JSON (a map with keys that are no text).
    pub fn json(status: u16, value: &impl Serialize) -> HTTPResult {
        let json = HeaderValue::from_static("application/json");
        let mut response = Self::new(status, serde_json::to_vec(value)?);
        response.0.headers_mut().insert(CONTENT_TYPE, json);
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
        self.0.headers_mut().insert(name, value);
        self
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.0.headers_mut()
    }

    /// The body, to read or to replace.
    pub fn body_mut(&mut self) -> &mut Body {
        self.0.body_mut()
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.0.into_body()
    }

    /// As the `http` crate's type.
    #[must_use]
    pub fn into_http(self) -> Response<Body> {
        self.0
    }
}

impl From<Response<Body>> for HTTPResponse {
    fn from(response: Response<Body>) -> Self {
        Self(response)
    }
}

impl fmt::Debug for HTTPResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HTTPResponse")
            .field("status", &self.0.status())
            .field("headers", self.0.headers())
            .field("body", self.0.body())
            .finish()
    }
}
