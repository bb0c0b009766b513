//! The master's HTTP face: routes, and the scheduler API.
//!
//! Owns the order of checks of the scheduler API as Mesos 1.11 has it. It must not decide anything
//! about frameworks.

use std::sync::{Arc, OnceLock};

use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use lathe_coordination::local::Stats;
use lathe_mesos::{v1, wire};
use tokio::sync::oneshot;

use crate::cluster::{Answer, StreamId, check_scheduler_call};
use crate::driver::{Handle, Input, Reply};
use crate::http::{Body, Handler, Peer, body, checks, empty, header_text, stream, text};
use crate::secret::Secrets;

mod admin;
mod operator;
mod pages;

/// What the master's listener needs.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) driver: Handle,
    pub(crate) secrets: Secrets,
    /// What the store counts, once it is open.
    pub(crate) store: Arc<OnceLock<Stats>>,
}

impl Handler for Front {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let answer = self.route(request).await;
        answer.unwrap_or_else(|refused| *refused)
    }
}

impl Front {
    async fn route(&self, request: Request<Incoming>) -> checks::Check<Response<Body>> {
        let path = request.uri().path().to_owned();
        // The master's routes exist below its process's name as well.
        let local = path.strip_prefix("/master").unwrap_or(&path);
        match local {
            wire::SCHEDULER_PATH => self.scheduler(request).await,
            wire::OPERATOR_PATH => self.operator(request).await,
            // Whatever is below is the operator API, too: so libprocess finds its routes.
            below if below.starts_with("/api/v1/") => self.operator(request).await,
            "/healthz" | "/readyz" | "/metrics" => self.page(request.method(), local).await,
            below if below.starts_with("/standalone/") => self.admin(request).await,
            _ => Err(Box::new(text(StatusCode::NOT_FOUND, "404 Not Found.".to_owned()))),
        }
    }

    async fn scheduler(&self, request: Request<Incoming>) -> checks::Check<Response<Body>> {
        let headers = request.headers().clone();
        checks::basic(&headers, &self.secrets, "mesos-master-scheduler")?;
        let principal = crate::PRINCIPAL.to_owned();
        checks::post(request.method())?;
        checks::content_type(&headers)?;
        let call: v1::scheduler::Call = checks::parse(body(request).await?)?;
        check_scheduler_call(&call, Some(&principal)).map_err(|why| {
            checks::bad_request(format!("Failed to validate scheduler::Call: {why}"))
        })?;
        if call.r#type() == v1::scheduler::call::Type::Subscribe {
            checks::accept(&headers)?;
        }
        let given = header_text(&headers, wire::STREAM_ID).map(|id| StreamId(id.to_owned()));
        let (reply, answer) = oneshot::channel();
        let input = Input::Called {
            principal: Some(principal),
            stream: given,
            call: Box::new(call),
            reply,
        };
        self.driver.send(input).await;
        Ok(match answer.await {
            Ok(Reply::Plain(answer)) => plain(answer),
            Ok(Reply::Stream { id, events, guard }) => {
                let mut response = stream(events, guard);
                if let Ok(id) = HeaderValue::from_str(&id.0) {
                    response.headers_mut().insert(wire::STREAM_ID, id);
                }
                response
            }
            Err(_) => unavailable(),
        })
    }

    /// Only GET, for what is read.
    fn get(method: &Method) -> checks::Check {
        if method == Method::GET {
            return Ok(());
        }
        let why = format!(
            "405 Method Not Allowed. Expecting one of {{ 'GET' }}, but received '{method}'."
        );
        Err(Box::new(text(StatusCode::METHOD_NOT_ALLOWED, why)))
    }
}

fn plain(answer: Answer) -> Response<Body> {
    match answer {
        Answer::Accepted => empty(StatusCode::ACCEPTED),
        Answer::Done | Answer::Subscribed { .. } => empty(StatusCode::OK),
        Answer::Refused { status, text: why } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            text(status, why)
        }
    }
}

/// The audit log: one line for every write of an operator.
fn audit(peer: Option<Peer>, who: &str, what: &str, subject: &str) {
    let peer = peer.map(|peer| peer.0.to_string());
    let peer = peer.as_deref();
    tracing::info!(target: "audit", who, peer, what, subject, "written");
}

/// The loop has ended: so will the process.
fn unavailable() -> Response<Body> {
    text(StatusCode::SERVICE_UNAVAILABLE, "lathe-standalone is ending".to_owned())
}
