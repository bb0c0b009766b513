//! What a handler is given.
//!
//! Owns the shape of a request and the ways to read its body. It must not know how it came in.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use http::{Method, Request, Uri};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use yoke::Yoke;

use crate::http::path::{FEW, Plain, Segments, split};
use crate::http::{Body, BodyError, HTTPError, HTTPResult, Options};
use crate::task::TaskRef;

/// What holds of every request outside of [`HTTPRequest::own`].
const WHOLE: &str = "a request holds its head";
/// The header that says how many milliseconds the sender will still wait: a whole number.
pub(crate) const DEADLINE: &str = "lathe-deadline-ms";

/// A request.
pub struct HTTPRequest {
    state: State,
    came: Instant,
    about: Arc<About>,
}

/// What holds of all requests of one connection.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) peer: Option<SocketAddr>,
    /// How long the task takes at most.
    pub(crate) handler_timeout: Option<Duration>,
    pub(crate) max_collected: usize,
    pub(crate) max_body: u64,
    /// Counted up with every piece of a body.
    pub(crate) moved: Option<Arc<AtomicU64>>,
}

#[derive(Debug)]
enum State {
    /// As it came: the segments of the path point into the target itself.
    Lent(Yoke<Plain<'static>, Box<Request<Incoming>>>),
    /// The target is not plain, or something was to be changed.
    Own(Box<Own>),
    /// Only ever while it changes from the first to the second.
    Gone,
}

#[derive(Debug)]
struct Own {
    head: Parts,
    body: Body,
    segments: Segments,
}

impl Own {
    fn new(head: Parts, body: Body) -> Box<Self> {
        let segments = Segments::new(&head.method, head.uri.path());
        Box::new(Self { head, body, segments })
    }

    fn of(request: Request<Incoming>, about: &About) -> Box<Self> {
        let (head, body) = request.into_parts();
        Self::new(head, Body::incoming(body, about.max_body, about.moved.as_ref()))
    }
}

impl HTTPRequest {
    /// Makes one of what came over a connection.
    pub(crate) fn taken(request: Box<Request<Incoming>>, came: Instant, about: Arc<About>) -> Self {
        let lent: Yoke<Plain<'static>, _> =
            Yoke::attach_to_cart(request, |request| split(request.method(), request.uri().path()));
        let state = if lent.get().1 <= FEW {
            State::Lent(lent)
        } else {
            State::Own(Own::of(*lent.into_backing_cart(), &about))
        };
        Self { state, came, about }
    }

    fn own(&mut self) -> &mut Own {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Lent(lent) => State::Own(Own::of(*lent.into_backing_cart(), &self.about)),
            other => other,
        };
        match &mut self.state {
            State::Own(own) => own,
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
        match &self.state {
            State::Lent(lent) => {
                let (plain, len) = lent.get();
                plain.get(..*len).unwrap_or_default()
            }
            State::Own(own) => own.segments.get(),
            State::Gone => unreachable!("{WHOLE}"),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        match &self.state {
            State::Lent(lent) => lent.backing_cart().method(),
            State::Own(own) => &own.head.method,
            State::Gone => unreachable!("{WHOLE}"),
        }
    }

    /// The target as it was sent.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        match &self.state {
            State::Lent(lent) => lent.backing_cart().uri(),
            State::Own(own) => &own.head.uri,
            State::Gone => unreachable!("{WHOLE}"),
        }
    }

    /// What follows the `?`, undecoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.uri().query()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        match &self.state {
            State::Lent(lent) => lent.backing_cart().headers(),
            State::Own(own) => &own.head.headers,
            State::Gone => unreachable!("{WHOLE}"),
        }
    }

    /// The headers, to change before it is forwarded.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.own().head.headers
    }

    /// The first header of this name, when there is one and it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Who opened the connection; not known for requests made in a test.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.about.peer
    }

    /// When an answer will be of no use any more: as long after the request came as its header
    /// `lathe-deadline-ms` says, and at the latest at the task's own limit. `None` for requests that
    /// came over no connection.
    ///
    /// The limit ends the handler; the sender's deadline is for the handler to heed.
    /// [`forward`](Self::forward) heeds it, and passes on what is left.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let limit = self.about.handler_timeout?;
        Some(self.came + wanted(self.headers()).unwrap_or(Duration::MAX).min(limit))
    }

    /// What is left until the deadline.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The body, to read piece by piece.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.own().body
    }

    /// The whole body.
    ///
    /// # Errors
    /// Answers 413 beyond [`Options::max_collected`], 400 when the body breaks off.
    pub async fn bytes(self) -> Result<Bytes, HTTPError> {
        let limit = self.about.max_collected;
        let (_, body) = self.into_parts();
        body.collect(limit).await.map_err(|error| match error {
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
        let (head, body) = self.into_parts();
        Request::from_parts(head, body)
    }

    pub(crate) fn into_parts(self) -> (Parts, Body) {
        match self.state {
            State::Lent(lent) => {
                let (head, body) = lent.into_backing_cart().into_parts();
                let about = &self.about;
                (head, Body::incoming(body, about.max_body, about.moved.as_ref()))
            }
            State::Own(own) => (own.head, own.body),
            State::Gone => unreachable!("{WHOLE}"),
        }
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
        let options = Options::default();
        let about = About {
            peer: None,
            handler_timeout: None,
            max_collected: options.max_collected,
            max_body: options.max_body,
            moved: None,
        };
        let state = State::Own(Own::new(head, body.into()));
        Self { state, came: Instant::now(), about: Arc::new(about) }
    }
}

impl fmt::Debug for HTTPRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HTTPRequest")
            .field("method", self.method())
            .field("uri", self.uri())
            .field("headers", self.headers())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    //! Requests stay what they are while they are changed.

    use super::HTTPRequest;
    use crate::http::{Body, HTTPError};

    #[test]
    fn a_request_is_small_enough_to_be_moved_without_a_call() {
        // Handlers' futures hold it twice; 128 bytes is where copying becomes a call.
        assert!(size_of::<HTTPRequest>() <= 128, "{}", size_of::<HTTPRequest>());
    }

    #[tokio::test]
    async fn what_is_changed_is_seen_and_the_rest_stays() {
        let request = http::Request::post("/a/b%20c?d=e").body(Body::from("{\"f\":1}")).unwrap();
        let mut request = HTTPRequest::from(request);
        request.headers_mut().insert("x-a", "1".parse().unwrap());
        assert_eq!(request.path(), ["post", "a", "b c"]);
        assert_eq!((request.query(), request.header("x-a")), (Some("d=e"), Some("1")));
        assert_eq!((request.peer(), request.deadline()), (None, None));
        let json: serde_json::Value = request.json().await.unwrap();
        assert_eq!(json["f"], 1);
    }

    #[tokio::test]
    async fn a_body_of_the_wrong_shape_is_the_clients_fault() {
        let request = |body: &'static [u8]| HTTPRequest::from(http::Request::new(Body::from(body)));
        let status = |error: HTTPError| error.status();
        assert_eq!(request(b"\xff").text().await.map_err(status), Err(400));
        assert_eq!(request(b"1").json::<String>().await.map_err(status), Err(400));
        assert_eq!(request(b"one").text().await.map_err(status), Ok("one".to_owned()));
    }
}
