//! `lathe-scheduler`: arguments, configuration, run.

use std::process::ExitCode;

use clap::Parser as _;
use lathe_scheduler::config::{Config, Flags, LogFormat};
use lathe_scheduler::run::run;
use tracing_subscriber::EnvFilter;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the process's last words")]
fn main() -> ExitCode {
    let flags = Flags::parse();
    let config = match Config::load(&flags) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if flags.print_config {
        print!("{}", config.print());
        return ExitCode::SUCCESS;
    }
    let format = config.log_format;
    start_logging(format);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(config)).map_err(|error| chain(&error)),
        Err(error) => Err(format!("no runtime: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            match format {
                LogFormat::Text => eprintln!("lathe-scheduler: {text}"),
                LogFormat::Json => tracing::error!(error = text, "cannot go on"),
            }
            ExitCode::FAILURE
        }
    }
}

fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_env("LATHE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// The error and everything below it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text = format!("{text}: {error}");
        below = error.source();
    }
    text
}
