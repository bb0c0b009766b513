//! `lathe-registry`: arguments, configuration, run; nothing else.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use lathe_registry::Addresses;
use lathe_registry::config::{Config, Flags};
use lathe_registry::placed::{self, Placed};
use lathe_registry::talk::{announce, fail, fail_logged, log_to_stderr};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let flags = Flags::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error),
    };
    let (config, secrets) = match placed::configuration(&flags, &runtime) {
        Ok(read) => read,
        Err(unread) => return fail(unread.code(), &unread),
    };
    if flags.print_config {
        return print(&config.print());
    }
    if flags.public_key {
        return match lathe_registry::public_key(&config) {
            Ok(key) => print(&format!("{key}\n")),
            Err(error) => fail(1, &error),
        };
    }
    let format = config.log_format;
    log_to_stderr(format);
    match runtime.block_on(serve(config, secrets)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_logged(format, &*error),
    }
}

fn print(text: &str) -> ExitCode {
    match write!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    }
}

async fn serve(config: Config, secrets: Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let listening = |addresses: &Addresses| {
        Placed::forget(&secrets);
        announce(addresses);
    };
    lathe_registry::run(config, listening, shutdown).await?;
    Ok(())
}
