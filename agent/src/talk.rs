//! What the process says of itself on stderr: its log, and its last words.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

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
    let _ = writeln!(std::io::stderr(), "lathe-agent: {}", with_causes(error));
    ExitCode::from(code)
}

/// An error and what it came of.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
