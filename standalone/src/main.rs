//! `lathe-standalone`: arguments, configuration, run; nothing else.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;
use lathe_child::Pid;
use lathe_standalone::config::{CommandLine, Config, Internal};
use lathe_standalone::talk::{announce, fail, fail_logged, log_to_stderr, say};
use lathe_standalone::{run, run_host};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let (format, outcome) = match line.internal {
        Some(Internal::Host(flags)) => {
            let format = flags.log_format;
            log_to_stderr(format);
            (format, on_this_thread(async move { Ok(run_host(flags).await?) }))
        }
        None => {
            let config = match Config::load(&line.flags) {
                Ok(config) => config,
                Err(error) => return fail(2, &error),
            };
            if line.flags.print_config {
                return say(&config.print());
            }
            let format = config.log_format;
            log_to_stderr(format);
            (format, on_this_thread(serve(config)))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_logged(format, &*error),
    }
}

/// One thread for everything: parent death signals are tied to the thread that started a process.
fn on_this_thread(
    work: impl Future<Output = Result<(), Box<dyn Error>>>,
) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(work))
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let parent = Pid::parent();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    lathe_child::become_subreaper()?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Who started this is gone: so is the reason to end gently.
        if Pid::parent() != parent {
            lathe_child::kill_descendants(Pid::own(), lathe_child::Signal::Kill);
        }
    };
    run(config, announce, shutdown).await?;
    Ok(())
}
