//! The executor's own log. Knows nothing of the task's output.

use tracing::span::EnteredSpan;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// To stderr, which is the file of that name in the sandbox: what LATHE_LOG says, in the form that
/// LATHE_LOG_FORMAT says. While the span that comes back is held, each line says whose it is.
pub fn start_log(incarnation: &str) -> EnteredSpan {
    let wanted = std::env::var("LATHE_LOG").ok();
    let filter: Targets =
        wanted.as_deref().unwrap_or("info").parse().unwrap_or_else(|_| Targets::new());
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    let json = std::env::var("LATHE_LOG_FORMAT").is_ok_and(|form| form == "json");
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    tracing::error_span!("executor", incarnation).entered()
}
