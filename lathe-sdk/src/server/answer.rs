//! One request: to the handler and back, with its limits.
//!
//! Owns what happens to every request: deadline, panic, figures, the SDK's own paths. This is the
//! hot path: what is not needed by a plain request costs it nothing. It must not know of sockets.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::sleep_until;

use crate::http::request::{Arrival, DEADLINE};
use crate::http::{Body, HTTPError, HTTPRequest, HTTPResponse, HTTPResult, HTTPTask, path};
use crate::server::connection::Connection;

/// Names the instance that made a response.
pub(crate) const SERVED_BY: HeaderName = HeaderName::from_static("lathe-served-by");
const DEADLINE_NAME: HeaderName = HeaderName::from_static(DEADLINE);
/// The longest wait that a header can ask for; what is more is no deadline.
const LONGEST: u64 = 24 * 60 * 60 * 1000;

/// Answers one request. Never fails: an error becomes a response.
pub(crate) async fn answer<T: HTTPTask>(
    connection: Arc<Connection<T>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let active = Active::new(connection);
    let server = &active.connection.server;
    let result = match refuse(&active, &request) {
        Some(response) => response,
        None => handle(&active, request).await,
    };
    let mut response = match result {
        Ok(response) => response,
        Err(error) => {
            if let Some(causes) = error.causes() {
                crate::log::line(
                    "a request failed",
                    &[("status", &error.status()), ("error", &causes)],
                );
            }
            error.into_response()
        }
    }
    .into_http();
    if let Some(who) = &server.served_by
        && !response.headers().contains_key(SERVED_BY)
    {
        response.headers_mut().insert(SERVED_BY, who.clone());
    }
    if active.connection.is_http1 && server.context.is_draining() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    server.metrics.answered(response.status().as_u16(), active.started.elapsed());
    if response.body().is_streamed() {
        response.body_mut().keep(active);
    }
    Ok(response)
}

/// A request at work; its end is told when this is dropped, with the body of its response where
/// that is streamed.
struct Active<T> {
    connection: Arc<Connection<T>>,
    started: Instant,
}

impl<T> Active<T> {
    fn new(connection: Arc<Connection<T>>) -> Self {
        connection.link.active.fetch_add(1, Ordering::Relaxed);
        connection.server.metrics.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { connection, started: Instant::now() }
    }
}

impl<T> Drop for Active<T> {
    fn drop(&mut self) {
        self.connection.link.active.fetch_sub(1, Ordering::Relaxed);
        self.connection.server.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is answered before any handler sees it: too much, or the SDK's own paths.
fn refuse<T>(active: &Active<T>, request: &Request<Incoming>) -> Option<HTTPResult> {
    let server = &active.connection.server;
    let target = request.uri().path();
    if path::too_many(target) {
        return Some(Err(HTTPError::new(414, "the path has too many segments")));
    }
    if request.body().size_hint().lower() > server.options.max_body {
        return Some(Err(HTTPError::new(413, "the body is too large")));
    }
    let own = target.strip_prefix("/.lathe/").filter(|_| server.options.own_paths)?;
    Some(Ok(match own {
        "healthz" if server.context.is_draining() => HTTPResponse::new(503, "draining\n"),
        "healthz" => HTTPResponse::new(200, "ok\n"),
        "metrics" => HTTPResponse::new(200, server.metrics.render(&server.context))
            .header("content-type", "text/plain; version=0.0.4"),
        _ => HTTPResponse::new(404, "lathe has no such path\n"),
    }))
}

async fn handle<T: HTTPTask>(active: &Active<T>, request: Request<Incoming>) -> HTTPResult {
    let server = &active.connection.server;
    let options = &server.options;
    let (head, body) = request.into_parts();
    let deadline = active.started
        + wanted(&head.headers).unwrap_or(Duration::MAX).min(options.handler_timeout);
    let arrival = Arrival {
        peer: Some(active.connection.peer),
        deadline: Some(deadline),
        max_collected: options.max_collected,
    };
    let request = HTTPRequest::new(head, Body::incoming(body, options.max_body), arrival);
    let mut handling = pin!(server.task.handle(request));
    let mut timer = None;
    let outcome = poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Ready(result)) => return Poll::Ready(Outcome::Answered(result)),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Outcome::Panicked(panic)),
        }
        // Only who has to wait pays for a timer.
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Outcome::TimedOut)
    })
    .await;
    match outcome {
        Outcome::Answered(result) => result,
        Outcome::TimedOut => {
            server.metrics.timeouts.fetch_add(1, Ordering::Relaxed);
            Err(HTTPError::new(504, "the deadline passed"))
        }
        Outcome::Panicked(panic) => {
            server.metrics.panics.fetch_add(1, Ordering::Relaxed);
            crate::log::line("a handler panicked", &[("text", &panic_text(&*panic))]);
            Err(HTTPError::new(500, "internal server error"))
        }
    }
}

enum Outcome {
    Answered(HTTPResult),
    TimedOut,
    Panicked(Box<dyn std::any::Any + Send>),
}

/// How long the sender of a request still waits, when it says so.
fn wanted(headers: &HeaderMap) -> Option<Duration> {
    let millis: u64 = headers.get(&DEADLINE_NAME)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_millis(millis.min(LONGEST)))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}
