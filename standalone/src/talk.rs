//! What the process says of itself: where it listens, its log, and its last words.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use crate::Ready;
use crate::config::LogFormat;

/// Starts the log on stderr; `LATHE_LOG` says what is logged.
pub fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LATHE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// One line on stderr with the error and its causes, and the exit code to end with.
pub fn fail(code: u8, error: &dyn Error) -> ExitCode {
    let mut text = format!("lathe-standalone: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}

/// The one line on stdout by which whoever started this process knows where it listens.
pub fn announce(ready: &Ready) {
    let line = serde_json::json!({ "listening": ready.listening, "store": ready.store });
    let mut out = std::io::stdout();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!(%error, "nobody reads where this listens");
    }
    tracing::info!(url = ready.listening, store = ready.store, "listening");
}
