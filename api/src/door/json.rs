//! JSON bodies, with problems instead of plain text when they cannot be read.
//!
//! Owns the extractor; limits on the body are the guard's.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::Problem;

/// A request's body as JSON. The guard has checked content type and size.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(
    /// What was read.
    pub T,
);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::too_large("the body is larger than this path takes")
            } else {
                Problem::bad_request("the body ended early")
            }
        })?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Problem::bad_request(format!("the body is not as expected: {error}")))
    }
}
