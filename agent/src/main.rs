//! `lathe-agent`: arguments, configuration, run; nothing else.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use lathe_agent::Addresses;
use lathe_agent::config::{Config, Flags};
use lathe_agent::talk::{fail, log_to_stderr};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let flags = Flags::parse();
    let config = match Config::load(&flags) {
        Ok(config) => config,
        Err(error) => return fail(2, &error),
    };
    if flags.check {
        return ExitCode::SUCCESS;
    }
    log_to_stderr(config.log_format);
    // One thread, so that programs of hooks end with the process.
    // Few that may wait for disks, so that memory is not spread over many.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
    let outcome = match runtime {
        Ok(runtime) if flags.dry_run => {
            let done = runtime.block_on(lathe_agent::dry_run(&config));
            done.map_err(Into::into)
        }
        Ok(runtime) => runtime.block_on(serve(config)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &*error),
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
    lathe_agent::run(config, announce, shutdown).await?;
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
        tracing::warn!(%error, "nobody reads where this agent listens");
    }
    tracing::info!(%url, ?dns, "listening");
}
