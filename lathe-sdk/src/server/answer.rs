//! One request: to the handler and back, with its limits.
//!
//! Owns what happens to every request: deadline, panic, figures, the SDK's own paths. This is the
//! hot path: what is not needed by a plain request costs it nothing. It must not know of sockets.

use std::any::Any;
use std::convert::Infallible;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use std::time::Instant;

use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::sleep;

use crate::http::{Body, HTTPError, HTTPRequest, HTTPResponse, HTTPResult, HTTPTask, path};
use crate::server::Metrics;
use crate::server::connection::Connection;

/// Names the instance that made a response.
pub(crate) const SERVED_BY: HeaderName = HeaderName::from_static("lathe-served-by");

/// Answers one request. Never fails: an error becomes a response.
///
/// Not an `async fn`: what comes before the handler is done at once, so that the future, which
/// hyper moves about, holds two pointers and the handler and nothing more.
#[inline(never)] // inlined, the request is copied once more
pub(crate) fn answer<T: HTTPTask>(
    connection: Arc<Connection<T>>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> {
    let mut active = Some(Active::new(Arc::clone(&connection)));
    let refused = refuse(&connection, &request).map(Box::new);
    let request = Box::new(request);
    async move {
        let server = &connection.server;
        let came = active.as_ref().map_or_else(Instant::now, |active| active.started);
        // Begun when it is first polled, so that a panic on the way there is caught as well.
        let mut handling = pin!(async {
            match refused {
                None => {
                    let about = Arc::clone(&connection.about);
                    server.task.handle(HTTPRequest::taken(request, came, about)).await
                }
                Some(answer) => *answer,
            }
        });
        let mut timer = None;
        // The response is made where the handler's result is: each hand costs a copy.
        poll_fn(|cx| {
            let result = match catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(cx))) {
                Ok(Poll::Ready(result)) => result,
                Ok(Poll::Pending) => {
                    // Only who has to wait pays for a timer.
                    let limit = server.options.handler_timeout;
                    let timer = timer.get_or_insert_with(|| Box::pin(sleep(limit)));
                    ready!(timer.as_mut().poll(cx));
                    timed_out(&server.metrics)
                }
                Err(panic) => panicked(&server.metrics, &*panic),
            };
            let active = active.take().expect("a future is not polled after its end");
            Poll::Ready(Ok(finish(active, result).into_http()))
        })
        .await
    }
}

#[cold]
fn timed_out(metrics: &Metrics) -> HTTPResult {
    metrics.timeouts.fetch_add(1, Ordering::Relaxed);
    Err(HTTPError::new(504, "the deadline passed"))
}

#[cold]
fn panicked(metrics: &Metrics, panic: &(dyn Any + Send)) -> HTTPResult {
    metrics.panics.fetch_add(1, Ordering::Relaxed);
    crate::log::line("a handler panicked", &[("text", &panic_text(panic))]);
    Err(HTTPError::new(500, "internal server error"))
}

/// Makes the response that is sent, and counts it.
#[inline]
fn finish<T: HTTPTask>(active: Active<T>, result: HTTPResult) -> HTTPResponse {
    let server = &active.connection.server;
    let mut response = result.unwrap_or_else(failed);
    if let Some(who) = &server.served_by
        && !response.headers().contains_key(SERVED_BY)
    {
        response.headers_mut().insert(SERVED_BY, who.clone());
    }
    if active.connection.is_http1 && server.context.is_draining() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    server.metrics.answered(response.status(), active.started);
    if response.is_streamed() {
        response.body_mut().keep(active);
    }
    response
}

#[cold]
fn failed(error: HTTPError) -> HTTPResponse {
    if let Some(causes) = error.causes() {
        let fields: [(&str, &dyn Display); 2] = [("status", &error.status()), ("error", &causes)];
        crate::log::line("a request failed", &fields);
    }
    error.into_response()
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
        connection.link.moved.fetch_add(1, Ordering::Relaxed);
        Self { connection, started: Instant::now() }
    }
}

impl<T> Drop for Active<T> {
    fn drop(&mut self) {
        self.connection.link.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is answered before any handler sees it: too much, or the SDK's own paths.
fn refuse<T>(connection: &Connection<T>, request: &Request<Incoming>) -> Option<HTTPResult> {
    let server = &connection.server;
    let target = request.uri().path();
    if path::too_many(target) {
        return Some(Err(HTTPError::new(414, "the path has too many segments")));
    }
    let body = request.body();
    if !body.is_end_stream() && body.size_hint().lower() > server.options.max_body {
        return Some(Err(HTTPError::new(413, "the body is too large")));
    }
    if target.as_bytes().get(1) != Some(&b'.') {
        return None;
    }
    let own = target.strip_prefix("/.lathe/").filter(|_| server.options.own_paths)?;
    Some(Ok(match own {
        "healthz" if server.context.is_draining() => HTTPResponse::new(503, "draining\n"),
        "healthz" => HTTPResponse::new(200, "ok\n"),
        "metrics" => {
            HTTPResponse::new(200, server.metrics.render(&server.context, server.links.active()))
                .header("content-type", "text/plain; version=0.0.4")
        }
        _ => HTTPResponse::new(404, "lathe has no such path\n"),
    }))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}
