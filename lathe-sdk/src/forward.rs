//! Forwarding: a request goes on to an instance of a group, both bodies streamed.
//!
//! Owns the choice of what may be tried again and what an error answers. It must not know how the
//! groups become known.

mod group;
mod headers;
mod pool;
mod tunnel;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::timeout_at;

pub(crate) use group::{Endpoint, Group, Groups};
use pool::{Failure, Lease};

use crate::http::{Body, HTTPError, HTTPRequest, HTTPResponse, HTTPResult};
use crate::task::TaskRef;

/// How often one request is tried at most.
const TRIES: usize = 3;
/// How long a request waits for a group that was never heard of.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// For requests that came without a deadline: those made by hand.
const DEFAULT_TIME: Duration = Duration::from_secs(60);

/// Why a request could not be forwarded.
#[derive(Debug, thiserror::Error)]
enum ForwardError {
    #[error("no instance of {group} is ready")]
    NobodyReady { group: String },
    #[error("the registry was not heard on {group} yet")]
    NotKnown { group: String },
    #[error("{incarnation} of {group} could not be reached")]
    Unreachable {
        group: String,
        incarnation: String,
        #[source]
        source: pool::ExchangeError,
    },
    #[error("the deadline passed while {group} was waited for")]
    Deadline { group: String },
}

impl ForwardError {
    fn answer(self) -> HTTPError {
        let (status, text) = match &self {
            Self::NobodyReady { .. } | Self::NotKnown { .. } => (503, "no instance is ready"),
            Self::Unreachable { .. } => (502, "the instance could not be reached"),
            Self::Deadline { .. } => (504, "the deadline passed"),
        };
        HTTPError::new(status, text).with_cause(self)
    }
}

/// See [`HTTPRequest::forward`].
pub(crate) async fn forward(request: HTTPRequest, to: TaskRef) -> HTTPResult {
    let group = to.group;
    group.metrics.forwards.fetch_add(1, Ordering::Relaxed);
    let deadline = request.deadline().unwrap_or_else(|| Instant::now() + DEFAULT_TIME);
    let passed = || ForwardError::Deadline { group: group.name().to_owned() }.answer();
    if !group.is_known() {
        let until = deadline.min(Instant::now() + FIRST_WAIT);
        if timeout_at(until.into(), group.known()).await.is_err() {
            let name = group.name().to_owned();
            return Err(ForwardError::NotKnown { group: name }.answer());
        }
    }
    let mut outgoing = Outgoing::new(request);
    match timeout_at(deadline.into(), attempts(&group, &mut outgoing, deadline)).await {
        Ok(Ok((response, lease))) => Ok(answered(response, lease, outgoing.upgrade)),
        Ok(Err(error)) => Err(error.answer()),
        Err(_) => Err(passed()),
    }
}

/// A request on its way out.
struct Outgoing {
    /// Gone while it is sent.
    request: Option<Request<Body>>,
    /// The client's side of an upgrade that was asked for.
    upgrade: Option<OnUpgrade>,
    /// The same request again may do no harm and needs no body.
    is_repeatable: bool,
}

impl Outgoing {
    fn new(request: HTTPRequest) -> Self {
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

/// Tries one endpoint after the other while that is safe.
async fn attempts(
    group: &Group,
    outgoing: &mut Outgoing,
    deadline: Instant,
) -> Result<(Response<Incoming>, Lease), ForwardError> {
    let name = || group.name().to_owned();
    let mut tried: Vec<Arc<Endpoint>> = Vec::new();
    let mut last = None;
    for _ in 0..TRIES {
        let Some(endpoint) = group.pick(&tried) else { break };
        let Some((mut request, spare)) = outgoing.take() else { break };
        if last.is_some() {
            group.metrics.retries.fetch_add(1, Ordering::Relaxed);
        }
        headers::set_deadline(request.headers_mut(), deadline);
        let mut lease = Lease::new(Arc::clone(&endpoint));
        match lease.exchange(request, &group.metrics).await {
            Ok(response) => {
                endpoint.succeeded();
                return Ok((response, lease));
            }
            Err(Failure { error, unsent, was_idle }) => {
                let incarnation = endpoint.incarnation.clone();
                last = Some((incarnation, error));
                outgoing.request = unsent.map(|request| *request).or(spare);
                if !was_idle {
                    // A connection that was just made tells of the endpoint, an old one does not.
                    endpoint.failed();
                    tried.push(endpoint);
                }
            }
        }
    }
    Err(match last {
        Some((incarnation, source)) => {
            ForwardError::Unreachable { group: name(), incarnation, source }
        }
        None => ForwardError::NobodyReady { group: name() },
    })
}

/// Makes an answer of what came back.
fn answered(
    mut response: Response<Incoming>,
    lease: Lease,
    upgrade: Option<OnUpgrade>,
) -> HTTPResponse {
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let protocol = response.headers().get(UPGRADE).filter(|_| switched).cloned();
    headers::strip(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    let (Some(client), Some(protocol)) = (upgrade, protocol) else {
        if switched {
            return HTTPError::new(502, "the instance changed its protocol unasked")
                .into_response();
        }
        let (head, incoming) = response.into_parts();
        return Response::from_parts(head, lease.body(incoming)).into();
    };
    tunnel::join(client, hyper::upgrade::on(&mut response), lease);
    let (mut head, _) = response.into_parts();
    head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(UPGRADE, protocol);
    Response::from_parts(head, Body::empty()).into()
}

#[cfg(test)]
mod tests;
