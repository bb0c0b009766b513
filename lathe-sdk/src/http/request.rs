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
use yoke::Yoke;

use crate::http::path::{Plain, Segments, split};
use crate::http::{Body, BodyError, HTTPError, HTTPResult, Options};
use crate::task::TaskRef;

/// What holds of every request outside of [`HTTPRequest::inner_mut`].
const WHOLE: &str = "a request holds its head";
/// The header that says how many milliseconds the sender will still wait: a whole number.
pub(crate) const DEADLINE: &str = "lathe-deadline-ms";

/// A request.
pub struct HTTPRequest(State);

/// What a request holds, on the heap, so that futures that hold a request stay small.
#[derive(Debug)]
struct Inner {
    head: Parts,
    body: Body,
    arrival: Arrival,
    /// For targets that are not plain, and for those that cannot be lent any more.
    segments: OnceLock<Box<Segments>>,
}

#[derive(Debug)]
enum State {
    /// The segments of the path point into the request's own target.
    Lent(Yoke<Plain<'static>, Box<Inner>>),
    /// Something was to be changed: the segments are made anew when they are asked for.
    Own(Box<Inner>),
    /// Only ever while it changes from the first to the second.
    Gone,
}

/// How a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) peer: Option<SocketAddr>,
    /// When its head was there, and how long the task takes at most.
    pub(crate) limit: Option<(Instant, Duration)>,
    pub(crate) max_collected: usize,
}

/// A request that came in and is on its way to its handler: one pointer.
#[derive(Debug)]
pub(crate) struct Taken(Box<Inner>);

impl Taken {
    #[inline]
    pub(crate) fn new(head: Parts, body: Body, arrival: Arrival) -> Self {
        Self(Box::new(Inner { head, body, arrival, segments: OnceLock::new() }))
    }
}

impl From<Taken> for HTTPRequest {
    fn from(taken: Taken) -> Self {
        Self(State::Lent(Yoke::attach_to_cart(taken.0, |inner| {
            split(&inner.head.method, inner.head.uri.path())
        })))
    }
}

impl HTTPRequest {
    fn inner(&self) -> &Inner {
        match &self.0 {
            State::Lent(lent) => lent.backing_cart(),
            State::Own(inner) => inner,
            State::Gone => unreachable!("{WHOLE}"),
        }
    }

    fn into_inner(self) -> Inner {
        match self.0 {
            State::Lent(lent) => *lent.into_backing_cart(),
            State::Own(inner) => *inner,
            State::Gone => unreachable!("{WHOLE}"),
        }
    }

    fn inner_mut(&mut self) -> &mut Inner {
        self.0 = match std::mem::replace(&mut self.0, State::Gone) {
            State::Lent(lent) => State::Own(lent.into_backing_cart()),
            other => other,
        };
        match &mut self.0 {
            State::Own(inner) => inner,
            State::Lent(_) | State::Gone => unreachable!("{WHOLE}"),
        }
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
        if let State::Lent(lent) = &self.0 {
            let (plain, len) = lent.get();
            if let Some(plain) = plain.get(..*len) {
                return plain;
            }
        }
        let inner = self.inner();
        let split = || Box::new(Segments::new(&inner.head.method, inner.head.uri.path()));
        inner.segments.get_or_init(split).get()
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.inner().head.method
    }

    /// The target as it was sent.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.inner().head.uri
    }

    /// What follows the `?`, undecoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.inner().head.uri.query()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.inner().head.headers
    }

    /// The headers, to change before it is forwarded.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.inner_mut().head.headers
    }

    /// The first header of this name, when there is one and it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner().head.headers.get(name)?.to_str().ok()
    }

    /// Who opened the connection; not known for requests made in a test.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.inner().arrival.peer
    }

    /// When an answer will be of no use any more: as long after the request came as its header
    /// `lathe-deadline-ms` says, and at the latest at the task's own limit. `None` for requests that
    /// came over no connection.
    ///
    /// The limit ends the handler; the sender's deadline is for the handler to heed.
    /// [`forward`](Self::forward) heeds it, and passes on what is left.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let (came, limit) = self.inner().arrival.limit?;
        Some(came + wanted(&self.inner().head.headers).unwrap_or(Duration::MAX).min(limit))
    }

    /// What is left until the deadline.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The body, to read piece by piece.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.inner_mut().body
    }

    /// The whole body.
    ///
    /// # Errors
    /// Answers 413 beyond [`Options::max_collected`], 400 when the body breaks off.
    pub async fn bytes(self) -> Result<Bytes, HTTPError> {
        let (_, body, arrival) = self.into_parts();
        body.collect(arrival.max_collected).await.map_err(|error| match error {
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
        let (head, body, _) = self.into_parts();
        Request::from_parts(head, body)
    }

    pub(crate) fn into_parts(self) -> (Parts, Body, Arrival) {
        let inner = self.into_inner();
        (inner.head, inner.body, inner.arrival)
    }
}

/// How long the sender of a request still waits, when it says so.
fn wanted(headers: &HeaderMap) -> Option<Duration> {
    let millis: u64 = headers.get(DEADLINE)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_millis(millis))
}

impl<B: Into<Body>> From<Request<B>> for HTTPRequest {
    /// A request that came over no connection: for tests and for other frameworks.
    fn from(request: Request<B>) -> Self {
        let (head, body) = request.into_parts();
        let max_collected = Options::default().max_collected;
        let arrival = Arrival { peer: None, limit: None, max_collected };
        Taken::new(head, body.into(), arrival).into()
    }
}

impl fmt::Debug for HTTPRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HTTPRequest")
            .field("method", &self.inner().head.method)
            .field("uri", &self.inner().head.uri)
            .field("headers", &self.inner().head.headers)
            .field("peer", &self.inner().arrival.peer)
            .finish_non_exhaustive()
    }
}
