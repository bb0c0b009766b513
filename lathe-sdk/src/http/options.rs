//! The limits of an HTTP task's server.
//!
//! Owns their names and defaults. It must not know how they are kept.

use std::time::Duration;

/// Limits of the server that runs an [`HTTPTask`](crate::http::HTTPTask).
///
/// ```
/// use std::time::Duration;
/// use lathe::http::{HTTPRequest, HTTPResponse, HTTPResult, HTTPTask, Options};
///
/// struct Uploads;
///
/// impl HTTPTask for Uploads {
///     async fn handle(&self, request: HTTPRequest) -> HTTPResult {
///         let bytes = request.bytes().await?;
///         Ok(HTTPResponse::new(200, bytes.len().to_string()))
///     }
///
///     fn options(&self) -> Options {
///         Options { max_collected: 64 << 20, handler_timeout: Duration::from_secs(300), ..Options::default() }
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a request's line and headers; more is answered 431. 64 KiB.
    pub max_head: usize,
    /// Bytes of a request's body, streamed or not; more is answered 413 where the length is
    /// announced, and ends the body with an error where it is not. 1 GiB.
    pub max_body: u64,
    /// Bytes that [`bytes`](crate::http::HTTPRequest::bytes), `text` and `json` gather; more is
    /// answered 413. 2 MiB.
    pub max_collected: usize,
    /// Open connections; beyond it, further ones wait in the system's queue. 10,000.
    pub max_connections: usize,
    /// Requests at work at one time on one HTTP/2 connection. 200.
    pub max_streams: u32,
    /// From a request's head to its response's head; longer is answered 504. 60 s.
    pub handler_timeout: Duration,
    /// A connection that has no request at work is closed this long after its last request came or
    /// its last bytes were written; a head that does not arrive whole ends with it. 75 s.
    pub idle_timeout: Duration,
    /// A connection with a request at work is closed when for this long no piece of the request's
    /// body was read and nothing was written; at least the handler's own time. 300 s.
    pub stall_timeout: Duration,
    /// How long requests at work may take to end once the task is told to end; 4.5 s, half a
    /// second below the grace that a topology gives by default. `LATHE_GRACE_MS` overrides it.
    pub drain_timeout: Duration,
    /// Whether the SDK answers `/.lathe/healthz` and `/.lathe/metrics` itself. Yes.
    pub own_paths: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_head: 64 << 10,
            max_body: 1 << 30,
            max_collected: 2 << 20,
            max_connections: 10_000,
            max_streams: 200,
            handler_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(300),
            drain_timeout: Duration::from_millis(4_500),
            own_paths: true,
        }
    }
}
