//! `lathe-registry`: arguments, configuration, run; nothing else.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use lathe_registry::Addresses;
use lathe_registry::config::{Config, Flags};
use lathe_registry::talk::{fail, fail_logged, log_to_stderr};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let flags = Flags::parse();
    let config = match Config::load(&flags) {
        Ok(config) => config,
        Err(error) => return fail(2, &error),
    };
    if flags.print_config {
        return match write!(std::io::stdout(), "{}", config.print()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, &error),
        };
    }
    let format = config.log_format;
    log_to_stderr(format);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve(config)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_logged(format, &*error),
    }
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    lathe_registry::run(config, announce, shutdown).await?;
    Ok(())
}

/// The one line on stdout by which whoever started this process knows where it listens.
fn announce(addresses: &Addresses) {
    let Addresses { url, dns } = addresses;
    let mut line = serde_json::json!({ "listening": url });
    if let Some(dns) = dns {
        line["dns"] = dns.to_string().into();
    }
    let mut out = std::io::stdout();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!(%error, "nobody reads where this registry listens");
    }
    tracing::info!(%url, dns = ?dns, "listening");
}
