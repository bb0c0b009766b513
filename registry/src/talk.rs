//! What the process says of itself: its log and its last words on stderr, where it listens on stdout.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use crate::Addresses;
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
    let _ = writeln!(std::io::stderr(), "lathe-registry: {}", with_causes(error));
    ExitCode::from(code)
}

/// [`fail`] of a process that logs in this form.
pub fn fail_logged(format: LogFormat, error: &dyn Error) -> ExitCode {
    match format {
        LogFormat::Text => fail(1, error),
        LogFormat::Json => {
            tracing::error!(error = with_causes(error), "cannot go on");
            ExitCode::FAILURE
        }
    }
}

/// The one line on stdout by which whoever started this process knows where it listens.
pub fn announce(addresses: &Addresses) {
    let Addresses { url, tls, dns } = addresses;
    let mut line = serde_json::json!({ "listening": url });
    if let Some(tls) = tls {
        line["tls"] = tls.as_str().into();
    }
    if let Some(dns) = dns {
        line["dns"] = dns.to_string().into();
    }
    let mut out = std::io::stdout();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!(%error, "nobody reads where this registry listens");
    }
    tracing::info!(%url, ?tls, ?dns, "listening");
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
