//! The executor's own log. Knows nothing of the task's output.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// To stderr, which is the file of that name in the sandbox.
pub fn start_log() {
    let wanted = std::env::var("LATHE_LOG").ok();
    let filter: Targets =
        wanted.as_deref().unwrap_or("info").parse().unwrap_or_else(|_| Targets::new());
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}
