//! What a handler answers when it cannot answer well.
//!
//! Owns the error of a handler and what of it a client may see. It must not know of connections.

use std::error::Error;
use std::fmt;

use crate::http::HTTPResponse;

/// Why a handler gave no response of its own; the SDK makes a response of it.
///
/// Any error becomes one by `?`: the client sees `500 Internal Server Error` and no detail, the
/// text and its causes go to the task's standard error. [`HTTPError::new`] chooses the status and
/// a text that the client does see.
///
/// ```
/// use lathe::http::{HTTPError, HTTPRequest, HTTPResponse, HTTPResult};
///
/// async fn handle(request: HTTPRequest) -> HTTPResult {
///     match request.path() {
///         ["get", number] => {
///             let number: u32 = number.parse().map_err(|_| HTTPError::new(400, "a number, please"))?;
///             Ok(HTTPResponse::new(200, number.to_string()))
///         }
///         _ => Err(HTTPError::new(404, "nothing here")),
///     }
/// }
/// ```
pub struct HTTPError {
    status: u16,
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl HTTPError {
    /// An error that answers `status` with `message` as its text.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), cause: None }
    }

    /// Adds what caused it. The cause is logged and never sent to a client.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The status that a client is answered with.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The text that a client is answered with.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The whole chain of causes in one line, for logs.
    pub(crate) fn causes(&self) -> Option<String> {
        let first: &dyn Error = self.cause.as_deref()?;
        Some(chain(first))
    }

    pub(crate) fn into_response(self) -> HTTPResponse {
        HTTPResponse::new(self.status, self.message)
    }
}

/// An error and its sources, joined by colons.
pub(crate) fn chain(first: &dyn Error) -> String {
    let mut line = first.to_string();
    let mut next = first.source();
    while let Some(error) = next {
        let text = error.to_string();
        // Some errors repeat their source in their own text.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        next = error.source();
    }
    line
}

impl<E: Error + Send + Sync + 'static> From<E> for HTTPError {
    fn from(error: E) -> Self {
        Self {
            status: 500,
            message: "internal server error".to_owned(),
            cause: Some(Box::new(error)),
        }
    }
}

impl fmt::Display for HTTPError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.message)
    }
}

impl fmt::Debug for HTTPError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HTTPError")
            .field("status", &self.status)
            .field("message", &self.message)
            .field("cause", &self.causes())
            .finish()
    }
}
