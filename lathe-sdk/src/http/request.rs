//! What a handler is given.
//!
//! Owns the shape of a request and the ways to read its body. It must not know how it came in.

use std::fmt;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use http::{Method, Request, Uri};
use serde::de::DeserializeOwned;

use crate::http::path::Segments;
use crate::http::{Body, BodyError, HTTPError, HTTPResult, Options};
use crate::task::TaskRef;

/// The header that says how many milliseconds the sender will still wait: a whole number.
pub(crate) const DEADLINE: &str = "lathe-deadline-ms";

/// A request.
pub struct HTTPRequest {
    head: Parts,
    body: Body,
    segments: OnceLock<Segments>,
    arrival: Arrival,
}

/// How a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) max_collected: usize,
}

impl HTTPRequest {
    pub(crate) fn new(head: Parts, body: Body, arrival: Arrival) -> Self {
        Self { head, body, segments: OnceLock::new(), arrival }
    }

    /// The method in lower case, then the segments of the path: `GET /index?x=1` is
    /// `["get", "index"]`, `GET /` is `["get"]`.
    ///
    /// Segments are percent-decoded, each by itself (`%2F` does not split); one that would not be
    /// UTF-8 stays as it was sent. The query is cut off. Empty segments and dots are kept:
    /// `/a//../` is `["get", "a", "", "..", ""]`. [`forward`](Self::forward) sends what came, not
    /// this. A path of more than 255 segments is answered 414 before any handler sees it.
    ///
    /// ```
    /// # use lathe::http::{Body, HTTPRequest};
    /// let request = http::Request::get("/users/J%C3%BCrgen?full=1").body(Body::empty()).unwrap();
    /// let request = HTTPRequest::from(request);
    /// assert!(matches!(request.path(), ["get", "users", "Jürgen"]));
    /// assert_eq!(request.query(), Some("full=1"));
    /// ```
    #[must_use]
    pub fn path(&self) -> &[&str] {
        let split = || Segments::new(&self.head.method, self.head.uri.path());
        self.segments.get_or_init(split).get()
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The target as it was sent.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// What follows the `?`, undecoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.head.uri.query()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The headers, to change before it is forwarded.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.headers
    }

    /// The first header of this name, when there is one and it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// Who opened the connection; not known for requests made in a test.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.arrival.peer
    }

    /// When an answer will be of no use any more: the header `lathe-deadline-ms` of the sender,
    /// and at the latest the task's own limit. [`forward`](Self::forward) passes on what is left.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.arrival.deadline
    }

    /// What is left until the deadline.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.arrival.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The body, to read piece by piece.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The whole body.
    ///
    /// # Errors
    /// Answers 413 beyond [`Options::max_collected`], 400 when the body breaks off.
    pub async fn bytes(self) -> Result<Bytes, HTTPError> {
        self.body.collect(self.arrival.max_collected).await.map_err(|error| match error {
            BodyError::TooLarge { .. } => {
                HTTPError::new(413, "the body is too large").with_cause(error)
            }
            error => HTTPError::new(400, "the body broke off").with_cause(error),
        })
    }

    /// The whole body as text.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); answers 400 when it is not UTF-8.
    pub async fn text(self) -> Result<String, HTTPError> {
        let bytes = self.bytes().await?;
        String::from_utf8(bytes.into())
            .map_err(|error| HTTPError::new(400, "the body is not utf-8").with_cause(error))
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); answers 400 when it is not JSON of that shape.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, HTTPError> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| HTTPError::new(400, format!("the body is not as expected: {error}")))
    }

    /// Sends this request to an instance of a group and gives its response, both bodies streamed.
    ///
    /// The instance is the less busy of two drawn by chance among those that are ready; one that
    /// just failed is left out for a short while. Tried again, up to three times in all, is only
    /// what is safe: when nothing of the request went out, or when the method is idempotent and
    /// there is no body. The path goes out byte by byte as it came, `host` and `traceparent`
    /// stay, `x-forwarded-for` grows by the client's address, what is left of the deadline goes
    /// along, headers that concern one connection only are dropped, and an upgrade passes through.
    ///
    /// # Errors
    /// Answers 503 when no instance is ready, 502 when none could be reached or the one reached
    /// broke off, 504 when the deadline passed.
    ///
    /// ```
    /// use lathe::config::registry;
    /// use lathe::http::{HTTPRequest, HTTPResult};
    ///
    /// async fn handle(request: HTTPRequest) -> HTTPResult {
    ///     request.forward(registry().get_ref("task.http.frontpage.v4-2-1")).await
    /// }
    /// ```
    pub async fn forward(self, to: TaskRef) -> HTTPResult {
        crate::forward::forward(self, to).await
    }

    /// As the `http` crate's type.
    #[must_use]
    pub fn into_http(self) -> Request<Body> {
        Request::from_parts(self.head, self.body)
    }

    pub(crate) fn into_parts(self) -> (Parts, Body, Arrival) {
        (self.head, self.body, self.arrival)
    }
}

impl<B: Into<Body>> From<Request<B>> for HTTPRequest {
    /// A request that came over no connection: for tests and for other frameworks.
    fn from(request: Request<B>) -> Self {
        let (head, body) = request.into_parts();
        let max_collected = Options::default().max_collected;
        Self::new(head, body.into(), Arrival { peer: None, deadline: None, max_collected })
    }
}

impl fmt::Debug for HTTPRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HTTPRequest")
            .field("method", &self.head.method)
            .field("uri", &self.head.uri)
            .field("headers", &self.head.headers)
            .field("peer", &self.arrival.peer)
            .finish_non_exhaustive()
    }
}
