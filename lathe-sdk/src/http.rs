//! HTTP tasks: what a handler is given, what it answers, and the trait that it implements.
//!
//! Owns the public words of HTTP. It must not know how connections are served; `server` does.
//!
//! ```
//! use lathe::http::{HTTPRequest, HTTPResponse, HTTPResult, HTTPTask};
//!
//! struct FrontPage;
//!
//! impl HTTPTask for FrontPage {
//!     async fn handle(&self, request: HTTPRequest) -> HTTPResult {
//!         match request.path() {
//!             ["get", "index"] => Ok(HTTPResponse::new(200, ":)")),
//!             _ => Ok(HTTPResponse::new(400, "invalid request")),
//!         }
//!     }
//! }
//!
//! # lathe::testing::run(async {
//! let page = lathe::testing::TestTask::start(FrontPage).await;
//! assert_eq!(page.get("/index").await.text(), ":)");
//! # });
//! ```
//!
//! Each instance listens on its own port (`LATHE_PORT_HTTP`), HTTP/1.1 and HTTP/2 without TLS,
//! with the limits of [`Options`]. A panic in a handler is answered 500 and counted; the process
//! goes on. Two paths are the SDK's own unless [`Options::own_paths`] is off:
//! `/.lathe/healthz` (200 while it takes requests, 503 while it drains) and `/.lathe/metrics`
//! (Prometheus text). With `LATHE_SERVED_BY=1` each response carries
//! `lathe-served-by: <instance> <crate> <version>`; a forwarded response keeps the one that it came
//! with, so that it names who made it, not who passed it on.

mod body;
mod error;
mod options;
pub(crate) mod path;
pub(crate) mod request;
mod response;
mod service;

use std::future::Future;

pub use body::{Body, BodyError, BodySender, Closed};
pub use error::HTTPError;
pub(crate) use error::chain;
pub use options::Options;
pub use request::HTTPRequest;
pub use response::HTTPResponse;
pub use service::Serve;

/// What a handler gives: a response, or an error that becomes one.
pub type HTTPResult = Result<HTTPResponse, HTTPError>;

/// A task that answers HTTP requests. See [the module](self) for an example.
pub trait HTTPTask: Send + Sync + 'static {
    /// Answers one request. Many run at the same time; it is dropped where it waits when the
    /// client goes away or the deadline passes.
    fn handle(&self, request: HTTPRequest) -> impl Future<Output = HTTPResult> + Send;

    /// The limits of the server; read once, at the start.
    fn options(&self) -> Options {
        Options::default()
    }
}
