//! The arguments, and nothing else.

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand};

/// Runs services and data tasks on a cluster, as one topology file describes them.
#[derive(Debug, Parser)]
#[command(
    name = "lathe",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong input, 3 refused, \
4 accepted but not all ready, 5 no scheduler."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub find: Find,
    #[command(subcommand)]
    pub command: Command,
}

/// How the scheduler is found: by flag, environment, or a running `lathe up`.
#[derive(Clone, Debug, Default, Group)]
pub(crate) struct Find {
    /// Address of the scheduler, such as `http://127.0.0.1:7000`.
    #[arg(long, global = true, value_name = "URL", env = "LATHE_SCHEDULER")]
    pub scheduler: Option<String>,
    /// File with the scheduler's token.
    #[arg(long, global = true, value_name = "FILE", env = "LATHE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Where `lathe up` keeps its state [default: ~/.local/state/lathe].
    #[arg(long, global = true, value_name = "DIR", env = "LATHE_HOME")]
    pub home: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts a cluster on this machine and, with a file, submits it; ends with Ctrl-C.
    Up(Up),
    /// Makes a new task crate with a topology of its own.
    New(New),
    /// Checks a topology file without a cluster.
    Check { file: PathBuf },
    /// Shows what submitting a file would change.
    Plan(Plan),
    /// Carries a topology out, whole or not at all.
    Submit(Submit),
    /// Shows what runs where.
    Status(Status),
    /// Shows what an instance has printed.
    Logs(Logs),
    /// Ends all instances of a topology and forgets it.
    Remove(Remove),
}

#[derive(Debug, Group)]
pub(crate) struct Up {
    /// The topology file to submit.
    pub file: Option<PathBuf>,
    /// Number of virtual hosts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub hosts: u16,
    /// A host's attributes and resources, such as `rack=r1,cpus=4,mem=8GiB`; may be repeated.
    #[arg(long = "host", value_name = "KEY=VALUE,…")]
    pub host: Vec<String>,
    /// Forget the state of earlier runs first.
    #[arg(long)]
    pub fresh: bool,
    /// End once everything is ready, leaving nothing running (for measurements and tests).
    #[arg(long, hide = true)]
    pub once: bool,
}

#[derive(Debug, Group)]
pub(crate) struct New {
    /// Name of the crate and of its folder.
    pub name: String,
    /// The lathe-sdk to depend on: a folder [default: the one this `lathe` was built from].
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(crate) struct Plan {
    /// The topology file.
    pub file: PathBuf,
    /// How many running instances may be moved.
    #[arg(long, default_value_t = 0)]
    pub max_moves: u32,
    /// The plan as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Submit {
    /// The topology file.
    pub file: PathBuf,
    /// Do not ask, even where something would be stopped.
    #[arg(long, short)]
    pub yes: bool,
    /// How long hosts may be waited for, such as `30s`.
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub wait: String,
    /// How many running instances may be moved.
    #[arg(long, default_value_t = 0)]
    pub max_moves: u32,
    /// Makes a retry harmless: the same id is carried out once.
    #[arg(long, value_name = "ID")]
    pub submission_id: Option<String>,
}

#[derive(Debug, Group)]
pub(crate) struct Status {
    /// The status as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Logs {
    /// An instance such as `http.lb#0`, or one of its incarnations such as `http.lb#0.2`.
    pub instance: String,
    /// Go on as more is printed.
    #[arg(long, short)]
    pub follow: bool,
    /// The standard error in place of the standard output.
    #[arg(long, conflicts_with = "file")]
    pub stderr: bool,
    /// Another file: `crash.log`, or the executor's own `stderr`.
    #[arg(long, value_name = "NAME")]
    pub file: Option<String>,
    /// How many bytes of the end are shown first.
    #[arg(long, default_value_t = 16 * 1024)]
    pub bytes: u64,
}

#[derive(Debug, Group)]
pub(crate) struct Remove {
    /// Name of the topology.
    pub topology: String,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}
