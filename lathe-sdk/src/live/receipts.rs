//! Tells the registries what this instance has of its groups' messages.
//!
//! Owns that the newest numbers reach one of them, however often that fails. It must not know what
//! messages say.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{encode_onto, pause};
use crate::client::{Base, ClientError};
use crate::context::Context;
use crate::http::{Body, chain};

/// Why a registry did not take it.
#[derive(Debug, thiserror::Error)]
enum ReceiptError {
    #[error("no answer")]
    Send(#[source] ClientError),
    #[error("{base} answered {status}")]
    Refused { base: Base, status: u16 },
}

/// Follows what is acknowledged, for as long as the process lives.
pub(crate) struct Receipts {
    pub(crate) context: Arc<Context>,
    /// The registry that is listened to.
    pub(crate) heard: watch::Receiver<Option<Base>>,
    /// By which this incarnation shows who it is.
    pub(crate) secret: String,
}

impl Receipts {
    /// Never returns, but where the process ends.
    pub(crate) async fn run(mut self) {
        let mut numbers = self.context.mail.acknowledged.subscribe();
        let mut failures = 0_u32;
        let mut is_told = true;
        loop {
            if is_told && numbers.changed().await.is_err() {
                return;
            }
            let newest = numbers.borrow_and_update().clone();
            if newest.is_empty() {
                is_told = true;
                continue;
            }
            let heard = self.heard.wait_for(Option::is_some).await;
            let Some(base) = heard.ok().and_then(|base| base.clone()) else { return };
            match self.tell(&base, &newest).await {
                Ok(()) => (is_told, failures) = (true, 0),
                Err(error) => {
                    is_told = false;
                    failures = failures.saturating_add(1);
                    if failures <= 3 {
                        let error = chain(&error);
                        crate::log::line("a receipt was not taken", &[("error", &error)]);
                    }
                    sleep(pause(failures)).await;
                }
            }
        }
    }

    async fn tell(&self, base: &Base, newest: &BTreeMap<String, u64>) -> Result<(), ReceiptError> {
        let mut target = String::from("/v1/instances/");
        encode_onto(&self.context.instance.incarnation, &mut target);
        target.push_str("/acks");
        let body = serde_json::json!({ "groups": newest }).to_string();
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        // What is encoded makes a target.
        *request.uri_mut() = target.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(secret) = HeaderValue::try_from(format!("Bearer {}", self.secret)) {
            headers.insert(AUTHORIZATION, secret);
        }
        let reply = base.send(request).await.map_err(ReceiptError::Send)?;
        match reply.status() {
            204 => Ok(()),
            status => Err(ReceiptError::Refused { base: base.clone(), status }),
        }
    }
}

#[cfg(test)]
mod tests;
