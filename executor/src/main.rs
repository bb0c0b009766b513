//! `lathe-executor`: started by an agent, told everything by its environment. Reads that, starts
//! the runtime and runs the driver; nothing else.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;

use lathe_executor::causes::with_causes;
use lathe_executor::config::Settings;
use lathe_executor::{driver, talk};

const HELP: &str = "lathe-executor: runs one instance under a Mesos agent.

It is started by an agent and takes no arguments; the agent's MESOS_* variables tell it what to do.
Of its own it reads LATHE_LOG (such as `info` or `lathe_executor=debug`), LATHE_LOG_FORMAT (`json`),
LATHE_CACHE_DIR, LATHE_CACHE_BYTES and LATHE_READY_TIMEOUT_MS.
";

fn main() -> ExitCode {
    // First of all: a parent that ends later than this is noticed.
    let parent = lathe_child::Pid::parent();
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--version") => {
            return say(concat!("lathe-executor ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        Some("--help" | "-h") => return say(HELP),
        Some(other) => return refuse(&[format!("unknown argument {other:?}; see --help")]),
    }
    let own = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let user = std::fs::metadata("/proc/self").map_or(0, |own| own.uid());
    let settings = match Settings::from_vars(own, user) {
        Ok(settings) => settings,
        Err(problems) => return refuse(&problems),
    };
    let _named = talk::start_log(&settings.environment.executor_id);
    // One thread: the child's parent-death signal hangs on the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_keep_alive(std::time::Duration::from_secs(1))
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(driver::run(settings, parent));
            runtime.shutdown_background();
            outcome.map_err(|error| with_causes(&error))
        }
        Err(error) => Err(format!("cannot start the runtime: {error}")),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            tracing::error!(problem, "cannot go on");
            ExitCode::from(1)
        }
    }
}

fn say(text: &str) -> ExitCode {
    // Whoever closed the pipe does not want to read it.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn refuse(problems: &[String]) -> ExitCode {
    for problem in problems {
        let _ = writeln!(std::io::stderr(), "lathe-executor: {problem}");
    }
    ExitCode::from(2)
}
