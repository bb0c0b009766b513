//! One request, tried at one endpoint after the other while that is safe.
//!
//! Owns what may be sent again, where it goes next and how long a replacement is waited for. It must
//! not know what a failure answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::header::UPGRADE;
use http::{Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::timeout_at;

use crate::forward::group::{Endpoint, Group};
use crate::forward::pool::{ExchangeError, Failure, Lease};
use crate::forward::{ForwardError, headers};
use crate::http::{Body, HTTPRequest};

/// How often one request goes out at most over connections made for it.
const TRIES: usize = 3;
/// How often it may besides be lost on a connection that was kept: those die with their endpoint,
/// or because it closed them, and tell nothing of the request.
const STALE_TRIES: usize = 3;
/// Endpoints that are turned to for one request, most of them to find nobody there.
const ENDPOINTS_MAX: usize = 16;
/// How long a request waits for an instance to take the place of those that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a request that waits for its answer looks whether the answer is still to be hoped for.
const LOOK: Duration = Duration::from_millis(250);

/// A request on its way out.
pub(super) struct Outgoing {
    /// Gone while it is sent.
    request: Option<Request<Body>>,
    /// The client's side of an upgrade that was asked for.
    pub(super) upgrade: Option<OnUpgrade>,
    /// The same request again may do no harm and needs no body.
    is_repeatable: bool,
}

impl Outgoing {
    pub(super) fn new(request: HTTPRequest) -> Self {
        let peer = request.peer();
        let (mut head, body) = request.into_parts();
        let asks = head.version == Version::HTTP_11 && head.headers.contains_key(UPGRADE);
        let upgrade = head.extensions.remove::<OnUpgrade>().filter(|_| asks);
        headers::outgoing(&mut head, peer, upgrade.is_some());
        let is_repeatable =
            head.method.is_idempotent() && body.is_end_stream() && upgrade.is_none();
        Self { request: Some(Request::from_parts(head, body)), upgrade, is_repeatable }
    }

    /// The request to send, and a second one to send when the first is lost on the way.
    fn take(&mut self) -> Option<(Request<Body>, Option<Request<Body>>)> {
        let request = self.request.take()?;
        let spare = self.is_repeatable.then(|| {
            let mut spare = Request::new(Body::empty());
            spare.method_mut().clone_from(request.method());
            spare.uri_mut().clone_from(request.uri());
            spare.headers_mut().clone_from(request.headers());
            spare
        });
        Some((request, spare))
    }
}

/// Where one request has been.
#[derive(Default)]
struct Tried {
    all: Vec<Arc<Endpoint>>,
    /// Those that only failed on a connection that was kept; they may do better on a new one.
    stale: Vec<Arc<Endpoint>>,
}

impl Tried {
    fn forgive_stale(&mut self) -> bool {
        let stale = std::mem::take(&mut self.stale);
        self.all.retain(|end| !stale.iter().any(|other| Arc::ptr_eq(end, other)));
        !stale.is_empty()
    }
}

/// What came of a request at one endpoint.
enum Outcome {
    Answered(Response<Incoming>),
    Failed(Failure),
    /// Its endpoint is suspect or gone, and there is another.
    Left,
    Late,
}

/// Tries one endpoint after the other while that is safe, until the deadline.
pub(super) async fn attempts(
    group: &Group,
    outgoing: &mut Outgoing,
    deadline: Instant,
) -> Result<(Response<Incoming>, Lease), ForwardError> {
    let name = || group.name().to_owned();
    let mut tried = Tried::default();
    let mut last: Option<(String, ExchangeError)> = None;
    let mut patience = None;
    let (mut sent, mut lost) = (0, 0);
    for turn in 0..ENDPOINTS_MAX {
        if turn > 0 && patience.is_none() {
            patience = Some(deadline.min(Instant::now() + PATIENCE));
        }
        let Some(endpoint) = next(group, &mut tried, patience, deadline).await else { break };
        let Some((mut request, spare)) = outgoing.take() else { break };
        if turn > 0 {
            group.metrics.retries.fetch_add(1, Ordering::Relaxed);
        }
        headers::set_deadline(request.headers_mut(), deadline);
        let mut lease = Lease::new(Arc::clone(&endpoint));
        let may_leave = spare.is_some() && sent + 1 < TRIES;
        match exchange(&mut lease, request, group, may_leave, deadline).await {
            Outcome::Answered(response) => {
                endpoint.succeeded();
                return Ok((response, lease));
            }
            Outcome::Late => return Err(ForwardError::Deadline { group: name() }),
            Outcome::Left => {
                outgoing.request = spare;
                sent += 1;
            }
            Outcome::Failed(Failure { error, unsent, was_idle }) => {
                last = Some((endpoint.incarnation.clone(), error));
                let went_out = unsent.is_none();
                outgoing.request = unsent.map(|request| *request).or(spare);
                if was_idle {
                    endpoint.pool.clear();
                    tried.stale.push(Arc::clone(&endpoint));
                    lost += usize::from(went_out);
                } else {
                    sent += usize::from(went_out);
                }
                if went_out || !was_idle {
                    // Of a kept connection it may be the age alone; to leave the endpoint out for a
                    // moment does no harm then, and others are spared where it died.
                    endpoint.failed();
                }
            }
        }
        tried.all.push(endpoint);
        if outgoing.request.is_none() || sent >= TRIES || lost > STALE_TRIES {
            break;
        }
    }
    Err(match last {
        Some((incarnation, source)) => {
            ForwardError::Unreachable { group: name(), incarnation, source }
        }
        None => ForwardError::NobodyReady { group: name() },
    })
}

/// The endpoint to turn to next. Where all have been tried, or nobody is ready since a moment ago,
/// news are waited for.
async fn next(
    group: &Group,
    tried: &mut Tried,
    patience: Option<Instant>,
    deadline: Instant,
) -> Option<Arc<Endpoint>> {
    if let Some(endpoint) = group.pick(&tried.all) {
        return Some(endpoint);
    }
    let mut news = group.news();
    loop {
        if let Some(endpoint) = group.pick(&tried.all) {
            return Some(endpoint);
        }
        if tried.forgive_stale() {
            continue;
        }
        let until = patience.or_else(|| group.hopes_until(PATIENCE))?.min(deadline);
        if !news.comes(until).await {
            return None;
        }
        tried.all.clear();
    }
}

/// Sends a request and waits for the head of its answer: until the deadline, and, where it may be
/// sent again, only as long as its endpoint is not known to be in trouble.
async fn exchange(
    lease: &mut Lease,
    request: Request<Body>,
    group: &Group,
    may_leave: bool,
    deadline: Instant,
) -> Outcome {
    let endpoint = Arc::clone(lease.endpoint());
    let mut exchange = std::pin::pin!(lease.exchange(request, &group.metrics));
    loop {
        let look = deadline.min(Instant::now() + LOOK);
        match timeout_at(look.into(), exchange.as_mut()).await {
            Ok(Ok(response)) => return Outcome::Answered(response),
            Ok(Err(failure)) => return Outcome::Failed(failure),
            Err(_) if Instant::now() >= deadline => return Outcome::Late,
            Err(_) if may_leave && endpoint.is_lost() && group.has_other(&endpoint) => {
                return Outcome::Left;
            }
            Err(_) => {}
        }
    }
}
