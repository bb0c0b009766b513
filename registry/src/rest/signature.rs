//! What a view is signed with, for those who hand it on to others.
//!
//! Owns the header; what is signed is `lathe_gossip`'s, and when it is the machine's.

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, HeaderValue};
use lathe_api::door::Problem;
use lathe_api::views::{LATHE_SIGNATURE, wants_signature};
use lathe_gossip::Subject;
use serde_json::{Value, json};

use super::Desk;
use super::answers::Answer;
use super::input::{Nothing, Params};
use crate::directory::{Directory, Now, Signed};

/// The signature of one answer, if its client wants one.
#[derive(Debug)]
pub(super) struct Wanted {
    subject: Option<Subject>,
    now: Now,
    made: Option<Signed>,
}

impl Desk {
    pub(super) fn signature(&self, subject: Subject, headers: &HeaderMap) -> Wanted {
        let subject = wants_signature(headers).then_some(subject);
        Wanted { subject, now: self.kept.clock.now(), made: None }
    }
}

impl Wanted {
    /// Signs what is shown, under the lock under which it is.
    pub(super) fn make(&mut self, directory: &Directory, content: &str) {
        if let Some(subject) = &self.subject {
            self.made = directory.signed(self.now, subject, content);
        }
    }

    /// Tells it with the answer, also where that has no body: what the client has is signed again then.
    pub(super) fn put(self, answer: Answer) -> Answer {
        let mut response = answer?;
        if let Some(signed) = self.made
            && let Ok(value) = HeaderValue::try_from(signed.header())
        {
            response.headers_mut().insert(LATHE_SIGNATURE, value);
        }
        Ok(response)
    }
}

/// The public key, for whoever sets up agents.
pub(super) async fn public_key(
    State(desk): State<Arc<Desk>>,
    _: Params<Nothing>,
) -> Result<axum::Json<Value>, Problem> {
    let key = desk.kept.read().public_key();
    let key = key.ok_or_else(|| Problem::not_found("this registry signs nothing"))?;
    Ok(axum::Json(json!({ "public_key": key })))
}
