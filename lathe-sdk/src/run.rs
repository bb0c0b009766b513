//! The life of a task's process: from `main` to its exit.
//!
//! Owns the hidden call, the choice of the task, the runtime, signals and the order of start and
//! end. It must not know what kinds of tasks there are.

mod handshake;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use lathe_catalog::ConfigView;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::context::{Context, enter, enter_process};
use crate::environment::{Environment, EnvironmentError};
use crate::http::chain;
use crate::live::{Follower, Receipts};
use crate::task::{Ports, Runnable, Running, Start, TaskError};
use handshake::Handshake;
pub(crate) use handshake::asks_to_drain;

/// The version that hand-shakes and the hidden call tell.
const SDK: &str = env!("CARGO_PKG_VERSION");
/// Bytes of the file with the own keys.
const MAX_CONFIG: u64 = 4 << 20;
/// Bytes of the file with the secret.
const MAX_SECRET: u64 = 4096;
/// For a start that can never succeed, as the daemons do it.
const WRONG_START: u8 = 2;

/// One line of `tasks!`.
#[expect(missing_debug_implementations, reason = "it holds a closure, and only the macro makes it")]
pub struct Entry {
    name: &'static str,
    start: Box<dyn FnOnce(Start) -> Running + Send>,
}

impl Entry {
    /// A name and how its task is made.
    pub fn new<K, T: Runnable<K>>(
        name: &'static str,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Self {
        Self { name, start: Box::new(move |start| make().start(start)) }
    }
}

/// What `tasks!` makes `main` of.
#[must_use]
pub fn main(entries: Vec<Entry>) -> ExitCode {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    if std::env::args().nth(1).as_deref() == Some("--lathe-tasks") {
        let answer = serde_json::json!({ "lathe": SDK, "tasks": names });
        return match writeln!(std::io::stdout(), "{answer}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let environment = match Environment::read(variables) {
        Ok(environment) => environment,
        Err(EnvironmentError::NoTask) => return wrong_start(&by_hand(&names)),
        Err(error) => return wrong_start(&error.to_string()),
    };
    let position = names.iter().position(|name| *name == environment.task);
    let Some(entry) = position.and_then(|at| entries.into_iter().nth(at)) else {
        let known = names.join(", ");
        let wanted = &environment.task;
        return wrong_start(&format!("this program has no task {wanted:?}; it has: {known}"));
    };
    match start(entry, environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::log::line("the task failed", &[("error", &chain(&*error))]);
            ExitCode::FAILURE
        }
    }
}

fn wrong_start(text: &str) -> ExitCode {
    // Nobody can be told when standard error itself fails.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(WRONG_START)
}

/// What somebody reads who starts the program by hand.
fn by_hand(names: &[&str]) -> String {
    let first = names.first().copied().unwrap_or_default();
    let program = std::env::args().next().unwrap_or_else(|| "PROGRAM".to_owned());
    format!(
        "This program holds Lathe tasks: {}. Lathe starts it and tells it which one to run.\n\
         \n\
         A topology that names it, on this machine:  lathe up my_topology.toml\n\
         One task by hand, without a cluster:        LATHE_TASK={first} LATHE_PORT_HTTP=8080 {program}",
        names.join(", ")
    )
}

fn start(entry: Entry, environment: Environment) -> Result<(), TaskError> {
    let mut context = Context::new(environment.instance.clone());
    context.served_by = environment.served_by;
    context.grace = environment.grace;
    let context = Arc::new(context);
    read_config(&context, &environment)?;
    enter_process(&context);
    let runtime = runtime(&context, environment.threads)?;
    let ended = runtime.block_on(live(entry, environment, Arc::clone(&context)));
    // Work that an author left behind must not hold the process.
    runtime.shutdown_background();
    ended
}

/// A runtime whose threads belong to this context.
pub(crate) fn runtime(context: &Arc<Context>, threads: Option<usize>) -> std::io::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads.clamp(1, 1_024));
    }
    let context = Arc::clone(context);
    builder
        .enable_all()
        .thread_name("lathe")
        .on_thread_start(move || drop(enter(Some(Arc::clone(&context)))))
        .build()
}

async fn live(
    entry: Entry,
    environment: Environment,
    context: Arc<Context>,
) -> Result<(), TaskError> {
    let mut stop = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let follower =
        Follower::new(Arc::clone(&context), &environment.registries, &environment.schedulers);
    if !environment.registries.is_empty() || !environment.schedulers.is_empty() {
        if let Some(secret) = read_secret(&environment)? {
            let (context, heard) = (Arc::clone(&context), follower.heard());
            tokio::spawn(Receipts { context, heard, secret }.run());
        }
        tokio::spawn(follower.run());
    } else {
        context.groups.complete();
    }
    let (ready, is_ready) = watch::channel(None);
    let running = (entry.start)(Start { context: Arc::clone(&context), ready });
    // On a worker, where the context is marked; a panic there is told as a failure.
    let mut running = tokio::spawn(running);
    let greeting = tell_ready(is_ready, &environment, Arc::clone(&context));
    tokio::pin!(greeting);
    let mut greets = true;
    loop {
        tokio::select! {
            ended = &mut running => return ended.unwrap_or_else(|panic| Err(Box::new(panic))),
            () = told(&mut stop, &mut interrupt) => context.drain(),
            greeted = &mut greeting, if greets => {
                greeted?;
                greets = false;
            }
        }
    }
}

async fn told(stop: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = stop.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Waits until the task is ready and tells the executor; then listens for its word to drain.
async fn tell_ready(
    mut is_ready: watch::Receiver<Option<Ports>>,
    environment: &Environment,
    context: Arc<Context>,
) -> Result<(), TaskError> {
    let ports = is_ready.wait_for(Option::is_some).await.ok().and_then(|ports| ports.clone());
    let Some(ports) = ports else {
        // It ended before it was ready; how, is told by its own result.
        return std::future::pending().await;
    };
    if let Some(path) = &environment.handshake {
        Handshake::make(path, &ports, environment.beat).await?.spawn(context);
    } else {
        let port = ports.get("http").map_or_else(|| "none".to_owned(), u16::to_string);
        let fields: [(&str, &dyn std::fmt::Display); 3] = [
            ("task", &environment.task),
            ("address", &environment.instance.address),
            ("port", &port),
        ];
        crate::log::line("ready", &fields);
    }
    Ok(())
}

/// Why the own keys could not be read.
#[derive(Debug, thiserror::Error)]
enum ConfigFileError {
    #[error("cannot read {path}")]
    Read {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is not as Lathe writes it")]
    Shape {
        path: String,
        #[source]
        source: serde_json::Error,
    },
}

fn read_config(context: &Context, environment: &Environment) -> Result<(), ConfigFileError> {
    use std::io::Read as _;
    let Some(file) = &environment.config else { return Ok(()) };
    let path = file.display().to_string();
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_CONFIG).read_to_string(&mut text))
        .map_err(|source| ConfigFileError::Read { path: path.clone(), source })?;
    let view: ConfigView =
        serde_json::from_str(&text).map_err(|source| ConfigFileError::Shape { path, source })?;
    context.take_config(view);
    Ok(())
}

/// The secret of this incarnation, where it was given one.
fn read_secret(environment: &Environment) -> Result<Option<String>, ConfigFileError> {
    use std::io::Read as _;
    let Some(file) = &environment.secret else { return Ok(None) };
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_SECRET).read_to_string(&mut text))
        .map_err(|source| ConfigFileError::Read { path: file.display().to_string(), source })?;
    Ok(Some(text.trim().to_owned()))
}

#[cfg(test)]
mod tests;
