//! Forwarding: a request goes on to an instance of a group, both bodies streamed.
//!
//! Owns what an error answers and what of an answer is passed on. It must not know what may be
//! tried again (`attempts`), nor how the groups become known.

mod attempts;
mod group;
mod headers;
mod pool;
mod tunnel;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::timeout_at;

use attempts::{Outgoing, attempts};
pub(crate) use group::{Group, Groups};
use pool::Lease;

use crate::http::{Body, HTTPError, HTTPRequest, HTTPResponse, HTTPResult};
use crate::task::TaskRef;

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
    if !group.is_known() {
        let until = deadline.min(Instant::now() + FIRST_WAIT);
        if timeout_at(until.into(), group.known()).await.is_err() {
            let name = group.name().to_owned();
            return Err(ForwardError::NotKnown { group: name }.answer());
        }
    }
    let mut outgoing = Outgoing::new(request);
    match attempts(&group, &mut outgoing, deadline).await {
        Ok((response, lease)) => Ok(answered(response, lease, outgoing.upgrade)),
        Err(error) => Err(error.answer()),
    }
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
