//! What authors of Lathe's tasks write against.
//!
//! A task is a small program. This one is whole:
//!
//! ```no_run
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
//! lathe::tasks! { "my::FrontPage" => FrontPage }
//! ```
//!
//! - [`http`]: tasks that answer HTTP, and [`forward`](http::HTTPRequest::forward) to others.
//! - [`task`]: a plain future as a task, and references to groups.
//! - [`config`]: a task's own keys and the registry, live.
//! - [`messages`]: what is said to the groups that a task is in.
//! - [`testing`]: a task in a test, without a cluster.
//!
//! The crate owns the life of a task's process: its start, its hand-shake with the executor, its
//! connection to the registry, its end. It must not know of scheduling, placement or Mesos; what it
//! knows of a cluster comes by the environment and by the registry's REST.

#![warn(missing_docs)]

mod client;
pub mod config;
mod context;
mod environment;
mod forward;
#[doc(hidden)]
pub mod fuzz;
pub mod http;
mod live;
mod log;
pub mod messages;
pub mod random;
#[doc(hidden)]
pub mod run;
mod server;
pub mod task;
pub mod testing;

pub use lathe_catalog as catalog;
pub use serde_json::json;

/// Makes `main` of a program that holds tasks; each name is what a topology's `task = "…"` says.
///
/// ```no_run
/// # use lathe::http::*;
/// # struct FrontPage { greeting: &'static str }
/// # impl HTTPTask for FrontPage {
/// #     async fn handle(&self, _: HTTPRequest) -> HTTPResult { Ok(HTTPResponse::new(200, self.greeting)) }
/// # }
/// lathe::tasks! {
///     "my::FrontPage" => FrontPage { greeting: ":)" },
///     "my::GrumpyPage" => FrontPage { greeting: ":(" },
/// }
/// ```
///
/// The value is built when its task is the one that is started (`LATHE_TASK`), inside the runtime.
/// Started by hand without that, the program says how it is meant to be run. Called with
/// `--lathe-tasks` it prints the names as JSON and ends; Lathe checks topologies by that.
#[macro_export]
macro_rules! tasks {
    ($($name:literal => $task:expr),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run::main(::std::vec![
                $($crate::run::Entry::new($name, || $task)),+
            ])
        }
    };
}
