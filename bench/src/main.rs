//! `lathe-bench`: measures one area and prints a row for each figure.
//!
//! Owns the way from arguments to the runtime and to an exit code: 0 when every row was measured,
//! whether `ok` or `short`; 1 when one could not be. It must not know how anything is measured.

mod area;
mod args;
mod calls;
mod cluster;
mod discovery;
mod ending;
mod events;
mod failure;
mod http;
mod kills;
mod machine;
mod model;
mod page;
mod path;
mod placement;
mod processes;
mod programs;
mod report;
mod row;
mod say;
mod surroundings;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Area, Args};

fn main() -> ExitCode {
    let args = Args::parse();
    // One thread: what is started here hangs on the life of the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = match runtime {
        Ok(runtime) => runtime.block_on(ending::or_signal(async {
            if let Some(case) = &args.case {
                return placement::case(case, args.within);
            }
            match (args.model, args.area) {
                (Some(model), _) => model::run(model, &args).await,
                (None, Area::Path) => path::run(&args).await,
                (None, Area::Cluster) => cluster::run(&args).await,
                (None, Area::Discovery) => discovery::run(&args).await,
                (None, Area::Placement) => placement::run(&args).await,
            }
        })),
        Err(error) => Err(failure::Failure::io("starting the runtime", error)),
    };
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say::talk(&format!("error: {}", failure::with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}
