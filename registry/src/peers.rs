//! The way to the other registries: batches of beats by HTTP, each with its answer or without.
//!
//! Owns the client. What is passed on to whom is the machine's; it is told how each batch ended.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lathe_api::door::Key;
use lathe_catalog::{Passed, PassedAnswer, PassedBeats};
use tokio::sync::mpsc;

use crate::directory::Event;
use crate::driver::Input;
use crate::metrics::Metrics;

/// Where registries take what others pass on to them.
pub(crate) const PATH: &str = "/v1/beats";
/// Of this name all registries of one key have the same secret. No incarnation has such a name: it
/// has a slot and a number.
const NAME: &str = "registry";
/// The answer is a few words.
const ANSWER_BYTES_MAX: usize = 4096;

/// By what a registry shows another that it is one.
pub(crate) fn secret(key: &Key) -> String {
    key.secret(NAME)
}

/// Whether that was shown.
pub(crate) fn is_registry(key: &Key, shown: &str) -> bool {
    key.verify(NAME, shown)
}

/// What it takes to reach the others.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    client: Client<HttpConnector, Full<bytes::Bytes>>,
    secret: String,
    own: String,
    patience: Duration,
    inputs: mpsc::Sender<Input>,
    metrics: Metrics,
}

#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error("the address cannot be called")]
    Address(#[from] http::Error),
    #[error("the registry cannot be reached")]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error("the registry answered {0}")]
    Status(StatusCode),
    #[error("the answer cannot be read")]
    Answer(#[source] Box<dyn Error + Send + Sync>),
    #[error("the registry did not answer in time")]
    Time(#[from] tokio::time::error::Elapsed),
}

impl PassError {
    /// Whether nobody listens there.
    fn is_refusal(&self) -> bool {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return io.kind() == io::ErrorKind::ConnectionRefused;
            }
            cause = error.source();
        }
        false
    }
}

impl Peers {
    /// Others are told `own` as where this registry is; each answer is waited for so long.
    pub(crate) fn new(
        (own, key): (&str, &Key),
        patience_ms: u64,
        inputs: mpsc::Sender<Input>,
        metrics: Metrics,
    ) -> Self {
        let patience = Duration::from_millis(patience_ms);
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(patience));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, secret: secret(key), own: own.to_owned(), patience, inputs, metrics }
    }

    /// Passes a batch on beside the loop, and tells the loop how that ended.
    pub(crate) fn pass_on(&self, to: String, view: Option<String>, beats: Vec<Passed>) {
        let peers = self.clone();
        tokio::spawn(async move {
            let body = PassedBeats { from: peers.own.clone(), view, beats };
            let number = body.beats.len() as u64;
            let sent = tokio::time::timeout(peers.patience, peers.send(&to, &body)).await;
            let event = match sent.map_err(PassError::from).flatten() {
                Ok(answer) => {
                    peers.metrics.passed_on.inc_by(number);
                    Event::PassedOn { to, view: answer.view }
                }
                Err(error) => {
                    peers.metrics.not_passed_on.inc_by(number);
                    tracing::debug!(to, %error, "beats were not passed on");
                    Event::NotPassedOn { gone: error.is_refusal(), to, beats: body.beats }
                }
            };
            // At the end nobody needs to know.
            let _ = peers.inputs.send(Input::Event(event)).await;
        });
    }

    async fn send(&self, to: &str, body: &PassedBeats) -> Result<PassedAnswer, PassError> {
        let bytes = serde_json::to_vec(body).expect("beats have text keys only");
        let request = Request::post(format!("{to}{PATH}"))
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {}", self.secret))
            .body(Full::from(bytes))?;
        let answer = self.client.request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(PassError::Status(answer.status()));
        }
        let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let bytes = read.map_err(PassError::Answer)?.to_bytes();
        serde_json::from_slice(&bytes).map_err(|error| PassError::Answer(error.into()))
    }
}
