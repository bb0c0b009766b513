//! What a scheduler answers that does not lead: how it is itself, and for everything else what the
//! leader says. Knows no path of the leader's.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use http::header::{CONNECTION, HOST, HeaderMap, TRANSFER_ENCODING, UPGRADE, VIA};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, StatusCode, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lathe_api::door::{Guard, Hosts, Problem, Tokens};
use lathe_api::rest::{SchedulerView, StatusView};

use crate::framework::views::Counts;
use crate::metrics::Metrics;

/// Stands in a request that another scheduler has handed on.
const HANDED_ON: HeaderValue = HeaderValue::from_static("1.1 lathe-scheduler");

/// One that stands by.
#[derive(Clone, Debug)]
struct Standby {
    leader: Option<Authority>,
    waits_for: String,
    metrics: Metrics,
    /// For HTTP/1 and HTTP/2: calls come as the one, most reads as the other.
    plain: Client<HttpConnector, Body>,
    multiplexed: Client<HttpConnector, Body>,
}

/// The routes of one that stands by, behind the door of the leader. `leader` is the leader's address;
/// without one `waits_for` says what is waited for.
pub fn standby(
    leader: Option<&str>,
    waits_for: &str,
    metrics: &Metrics,
    tokens: &Tokens,
    hosts: Hosts,
) -> Router {
    let leader = leader.and_then(|url| url.parse::<Uri>().ok()?.into_parts().authority);
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(std::time::Duration::from_secs(5)));
    let state = Standby {
        leader,
        waits_for: waits_for.to_owned(),
        metrics: metrics.clone(),
        plain: Client::builder(TokioExecutor::new()).build(connector.clone()),
        multiplexed: Client::builder(TokioExecutor::new()).http2_only(true).build(connector),
    };
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(figures))
        .route("/openapi.json", get(super::openapi::openapi))
        .route("/{*path}", any(hand_on))
        .with_state(state);
    let requests = metrics.requests.clone();
    Guard::new(hosts, super::policy)
        .with_tokens(tokens.clone())
        .with_requests(requests)
        .wrap(routes)
}

/// Ready means: what is asked here is answered, by the leader.
async fn readyz(State(standby): State<Standby>) -> Response {
    match &standby.leader {
        Some(leader) => format!("ready, stands by; {leader} leads\n").into_response(),
        None => {
            let waits = format!("waiting for {}\n", standby.waits_for);
            (StatusCode::SERVICE_UNAVAILABLE, waits).into_response()
        }
    }
}

async fn figures(State(standby): State<Standby>) -> Response {
    let nothing = StatusView {
        scheduler: SchedulerView {
            framework_id: None,
            master: None,
            connected: false,
            term: 0,
            waiting_for: Some(standby.waits_for.clone()),
            losses: None,
        },
        topologies: Vec::new(),
        instances: Vec::new(),
        hosts: Vec::new(),
    };
    super::reads::rendered(&standby.metrics, &nothing, Counts::default())
}

async fn hand_on(State(standby): State<Standby>, request: Request) -> Result<Response, Problem> {
    if request.headers().get_all(VIA).iter().any(|via| *via == HANDED_ON) {
        return Err(Problem::busy("no scheduler leads at the moment: two hand on to each other"));
    }
    let Some(leader) = standby.leader.clone() else {
        let why = format!("no scheduler leads at the moment: waiting for {}", standby.waits_for);
        return Err(Problem::busy(why));
    };
    let multiplexed = request.version() == Version::HTTP_2;
    let client = if multiplexed { &standby.multiplexed } else { &standby.plain };
    let request = addressed(request, &leader)?;
    match client.request(request).await {
        Ok(mut response) => {
            strip(response.headers_mut());
            Ok(response.map(Body::new))
        }
        Err(error) => {
            tracing::warn!(%leader, %error, "the leader does not answer");
            Err(Problem::busy(format!("the leading scheduler, {leader}, does not answer")))
        }
    }
}

fn addressed(request: Request, leader: &Authority) -> Result<Request, Problem> {
    let (mut head, body) = request.into_parts();
    let mut to = std::mem::take(&mut head.uri).into_parts();
    to.scheme = Some(Scheme::HTTP);
    to.authority = Some(leader.clone());
    head.uri = Uri::from_parts(to).map_err(|error| Problem::bad_request(error.to_string()))?;
    strip(&mut head.headers);
    head.headers.remove(HOST);
    head.headers.append(VIA, HANDED_ON);
    // Who the caller is, the leader finds out itself.
    head.extensions.clear();
    Ok(Request::from_parts(head, body))
}

/// Fields of one connection do not cross to another (RFC 9110, 7.6.1).
fn strip(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}
