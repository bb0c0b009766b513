//! `lathe`: the command line. Parses, runs one command, turns its outcome into an exit code.

mod args;
mod build;
mod client;
mod commands;
mod failure;
mod find;
mod home;
mod printer;
mod problem;
mod report;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let json = args.command.wants_json();
    let printer = printer::Printer::new(args.color);
    // One thread: children are tied to the thread that started them by their parent-death signal.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(args, &printer)),
        Err(error) => Err(failure::Failure::new(format!("no runtime: {error}"))),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            printer.failure(&failure);
            if json && failure.is_refusal() {
                printer.data(&failure.json().to_string());
            }
            ExitCode::from(failure.code)
        }
    }
}
