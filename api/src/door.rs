//! The door: what every listener of Lathe checks before a request reaches its handler.
//!
//! Owns the bind rule, the `Host` check, tokens and incarnation secrets, limits on what comes in,
//! problem answers, and the loop that serves HTTP/1 and HTTP/2 on one port, plain or by TLS. It must not know what
//! any path means: callers say by a policy what a path needs.
//!
//! A listener is made of four calls:
//!
//! ```no_run
//! # async fn listen() -> Result<(), Box<dyn std::error::Error>> {
//! use lathe_api::door::{self, Access, Guard, Hosts, Limits, Tokens};
//! let listener = door::bind("127.0.0.1:0".parse()?, false).await?;
//! let tokens = Tokens::read("/run/lathe/token".as_ref())?;
//! let guard = Guard::new(Hosts::loopback(), |_method, path| match path {
//!     "/healthz" | "/readyz" => Access::open(),
//!     _ => Access::default(),
//! });
//! let router = guard.with_tokens(tokens).wrap(axum::Router::new());
//! door::serve(listener, router, Limits::default(), std::future::pending()).await;
//! # Ok(()) }
//! ```

mod bind;
mod guard;
mod hosts;
mod json;
mod problem;
mod rates;
mod requests;
mod secret;
mod serve;
mod session;
mod tls;
mod tokens;

pub use bind::{BindError, allow, bind};
pub use guard::{Access, Guard};
pub use hosts::Hosts;
pub use json::Json;
pub use problem::{PROBLEM_JSON, Problem};
pub use rates::Rates;
pub use requests::Requests;
pub use secret::{Key, SecretError, bearer, private_text, same};
pub use serve::{Limits, Listener, serve};
pub use session::Session;
pub use tls::{TlsDoor, TlsDoorError, TlsFiles, Trust, serve_both};
pub use tokens::{Caller, Token, Tokens};

/// Codes of the door's own answers; their pages stand in docs/errors.
pub mod code {
    /// The `Host` header names neither this machine nor a configured name.
    pub const HOST: &str = "LT0601";
    /// The token or the secret is missing or wrong.
    pub const TOKEN: &str = "LT0602";
    /// A write does not come as JSON.
    pub const CONTENT_TYPE: &str = "LT0603";
    /// An address other than loopback without `insecure = true`.
    pub const BIND: &str = "LT0504";
    /// The body is larger than the path takes.
    pub const TOO_LARGE: &str = "LT0604";
    /// The answer took longer than the path is given.
    pub const TIME: &str = "LT0605";
    /// The request cannot be read.
    pub const MALFORMED: &str = "LT0606";
    /// Nothing stands at this path.
    pub const NOT_FOUND: &str = "LT0607";
    /// Something is used up for now: connections, watchers.
    pub const BUSY: &str = "LT0608";
    /// The path is there, the method is not.
    pub const METHOD: &str = "LT0609";
    /// Too many requests of one address.
    pub const RATE: &str = "LT0610";
    /// Nothing of what the client takes can be given.
    pub const NOT_ACCEPTABLE: &str = "LT0611";
    /// What is known is older than the request allows.
    pub const TOO_OLD: &str = "LT0612";
    /// What is there cannot take this as it is now.
    pub const NOT_NOW: &str = "LT0613";
    /// A condition of a write does not hold.
    pub const CHANGED: &str = "LT0614";
}
