//! The checks before a handler: name, token, content type, size, time.
//!
//! Owns their order and what a path is given by default; which path needs what is the caller's
//! policy.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::Limited;

use super::{Caller, Hosts, Problem, Rates, Requests, Tokens, bearer, code};

/// What a path needs and is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// One of the listener's tokens must be presented.
    pub token: bool,
    /// A write may come as something else than JSON or gRPC.
    pub any_content_type: bool,
    /// Largest body, in bytes.
    pub body_bytes_max: u64,
    /// Until the head of the answer; what streams after it is the handler's to bound.
    pub time_max: Duration,
}

impl Default for Access {
    /// Token, JSON, 1 MiB, 30 s.
    fn default() -> Self {
        Self {
            token: true,
            any_content_type: false,
            body_bytes_max: 1024 * 1024,
            time_max: Duration::from_secs(30),
        }
    }
}

impl Access {
    /// As the default, but without a token.
    #[must_use]
    pub fn open() -> Self {
        Self { token: false, ..Self::default() }
    }

    /// Takes bodies up to this size.
    #[must_use]
    pub fn body_bytes_max(self, bytes: u64) -> Self {
        Self { body_bytes_max: bytes, ..self }
    }

    /// Gives the handler this long until the head of its answer.
    #[must_use]
    pub fn time_max(self, time: Duration) -> Self {
        Self { time_max: time, ..self }
    }

    /// Takes writes of any content type (an upload).
    #[must_use]
    pub fn any_content_type(self) -> Self {
        Self { any_content_type: true, ..self }
    }
}

type Policy = dyn Fn(&Method, &str) -> Access + Send + Sync;

/// The checks of one listener.
#[derive(Clone)]
pub struct Guard {
    hosts: Hosts,
    tokens: Option<Tokens>,
    requests: Requests,
    rates: Rates,
    policy: Arc<Policy>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("hosts", &self.hosts)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard that asks the policy for every request (method, path without the query).
    pub fn new(
        hosts: Hosts,
        policy: impl Fn(&Method, &str) -> Access + Send + Sync + 'static,
    ) -> Self {
        Self {
            hosts,
            tokens: None,
            requests: Requests::default(),
            rates: Rates::new(0),
            policy: Arc::new(policy),
        }
    }

    /// The tokens for paths that need one. Without them such paths are closed to everybody.
    #[must_use]
    pub fn with_tokens(self, tokens: Tokens) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// Counts requests here.
    #[must_use]
    pub fn with_requests(self, requests: Requests) -> Self {
        Self { requests, ..self }
    }

    /// Holds each address to this many requests.
    #[must_use]
    pub fn with_rates(self, rates: Rates) -> Self {
        Self { rates, ..self }
    }

    /// Puts the checks before every route of the router, unknown paths included, which are
    /// answered by problems. A fall-back of the router's own is replaced.
    pub fn wrap(self, router: Router) -> Router {
        router
            .fallback(|| async { Problem::not_found("nothing stands at this path") })
            .method_not_allowed_fallback(other_method)
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn_with_state(Arc::new(self), check))
    }

    /// Everything that can be said of a request before its body is read.
    fn admit(&self, request: &Request) -> Result<(Access, Caller), Problem> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
        if let Some(Err(early)) = peer.map(|peer| self.rates.admit(peer.ip())) {
            let seconds = u32::try_from(early.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            let detail = "this address asks more often than it may";
            return Err(Problem::too_many(detail).retry_after(seconds));
        }
        self.hosts.check(request.uri(), request.headers())?;
        let access = (self.policy)(request.method(), request.uri().path());
        let caller = self.caller(request, access.token)?;
        let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if writes && !access.any_content_type && !is_json_or_grpc(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code::CONTENT_TYPE,
                "writes are taken as application/json",
            ));
        }
        match announced_length(request.headers()) {
            Some(length) if length > access.body_bytes_max => Err(Problem::too_large(format!(
                "the body has {length} bytes; this path takes {}",
                access.body_bytes_max
            ))),
            _ => Ok((access, caller)),
        }
    }

    /// Who calls. Where no token is needed, one that is not ours is the handler's matter: it may
    /// be an incarnation's secret.
    fn caller(&self, request: &Request, needed: bool) -> Result<Caller, Problem> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
        let shown = bearer(request.headers());
        let who = self.tokens.as_ref().zip(shown).and_then(|(tokens, shown)| tokens.who(shown));
        match who {
            Some(who) => Ok(Caller { who, peer }),
            None if !needed => Ok(Caller::nobody(peer)),
            None => Err(Problem::unauthorized(match (&self.tokens, shown) {
                (None, _) => "this path needs a token, and none is configured",
                (_, None) => "this path needs `Authorization: Bearer <token>`",
                (_, Some(_)) => "the token is not one of this listener",
            })),
        }
    }
}

/// What a path answers to a method that it has no handler for; what it takes is told by `Allow`.
async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = "this path does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, code::METHOD, detail).into_response()
}

async fn check(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let route = Requests::route(&request);
    let mut response = match guard.admit(&request) {
        Err(problem) => problem.into_response(),
        Ok((access, caller)) => {
            request.extensions_mut().insert(caller);
            let limit = usize::try_from(access.body_bytes_max).unwrap_or(usize::MAX);
            let request = request.map(|body| Body::new(Limited::new(body, limit)));
            match tokio::time::timeout(access.time_max, next.run(request)).await {
                Ok(response) => response,
                Err(_) => Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    code::TIME,
                    format!("no answer within {} ms", access.time_max.as_millis()),
                )
                .retry_after(1)
                .into_response(),
            }
        }
    };
    guard.requests.answered(route, response.status());
    // What a listener answers is never to be run or sniffed by a browser.
    response.headers_mut().insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Neither type can be sent across origins by a page without asking first, and the answer to that
/// question is no: there are no CORS headers.
fn is_json_or_grpc(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json"
        || kind == "application/grpc"
        || kind.starts_with("application/grpc+")
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
