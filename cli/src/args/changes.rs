//! Arguments of the commands that change something.

use std::path::PathBuf;

use clap::Args as Group;

/// What every change is asked with.
#[derive(Clone, Debug, Group)]
pub(crate) struct Consent {
    /// Do not ask, even where something would be stopped.
    #[arg(long, short)]
    pub yes: bool,
    /// Show the plan, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How long hosts may be waited for [default: 30s]; where it is said, room is waited for too.
    #[arg(long, value_name = "DURATION")]
    pub wait: Option<String>,
    /// How many running instances may be moved.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub max_moves: u32,
    /// Makes a retry harmless: the same id is carried out once.
    #[arg(long, value_name = "ID")]
    pub submission_id: Option<String>,
    /// A refusal, or the status afterwards, as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Submit {
    /// The topology file.
    pub file: PathBuf,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Group)]
pub(crate) struct Scale {
    /// The task, such as `http.lb`.
    pub task: String,
    /// How many instances of it there are to be.
    pub number: u32,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Group)]
pub(crate) struct Set {
    /// The task, such as `http.lb`.
    pub task: String,
    /// One of the author's own keys.
    pub key: String,
    /// Its value, as TOML or JSON has it: `7`, `true`, `"text"`, `[90, 10]`.
    #[arg(required_unless_present = "unset", allow_hyphen_values = true)]
    pub value: Option<String>,
    /// Take the key away.
    #[arg(long, conflicts_with = "value")]
    pub unset: bool,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Group)]
pub(crate) struct Send {
    /// A task such as `http.lb`, or a tag.
    pub group: String,
    /// What is said, as JSON or TOML has it: `{"level": 7}`, `7`, `"text"`.
    #[arg(allow_hyphen_values = true)]
    pub message: String,
    /// How long the members may take to say that they have it.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub wait: String,
    /// Do not wait for them.
    #[arg(long, conflicts_with = "wait")]
    pub no_wait: bool,
    /// Send a message with this key once, however often it is asked for.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// The registry that takes it [default: one that the scheduler names].
    #[arg(long, value_name = "URL", env = "LATHE_REGISTRY")]
    pub registry: Option<String>,
    /// The message and its members as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Metadata {
    /// A task such as `http.lb`, or a tag.
    pub group: String,
    /// Values to keep from now on, such as `level=7` or `greeting='"hi"'`.
    #[arg(value_name = "KEY=VALUE")]
    pub values: Vec<String>,
    /// Keep no value under this key any more.
    #[arg(long, value_name = "KEY")]
    pub unset: Vec<String>,
    /// The registry to ask [default: one that the scheduler names].
    #[arg(long, value_name = "URL", env = "LATHE_REGISTRY")]
    pub registry: Option<String>,
    /// The values as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Rollback {
    /// Name of the topology.
    pub topology: String,
    /// The revision to go back to [default: the one before the present one].
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Group)]
pub(crate) struct Restart {
    /// An instance such as `http.lb#2`, a task such as `http.lb`, or a topology.
    pub what: String,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Group)]
pub(crate) struct Pause {
    /// Name of the topology.
    pub topology: String,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Group)]
pub(crate) struct Backup {
    /// The file to write.
    pub file: PathBuf,
    /// Leave the binaries out: a restore then needs a scheduler that has them.
    #[arg(long)]
    pub no_artifacts: bool,
    /// Overwrite the file.
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Restore {
    /// The backup.
    pub file: PathBuf,
    /// Look whether the file is whole, and change nothing.
    #[arg(long, conflicts_with = "force")]
    pub check: bool,
    /// Put it in the place of a store that is there.
    #[arg(long)]
    pub force: bool,
    /// The store of a cluster, such as `zk://zk1,zk2,zk3/lathe`, in place of a home. No scheduler may
    /// run meanwhile.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "check")]
    pub store: Option<String>,
    /// The folder in which the schedulers of that cluster keep binaries: `artifacts` in their data.
    #[arg(long, value_name = "DIR", requires = "store")]
    pub artifacts: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(crate) struct Remove {
    /// Name of the topology.
    pub topology: String,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Drain {
    /// The host, as `lathe hosts` names it.
    pub host: String,
    /// No instance has longer than this to end there [default: each its own grace].
    #[arg(long, value_name = "DURATION")]
    pub max_grace: Option<String>,
    /// The machine never comes back: once it is drained the master declares it gone.
    #[arg(long)]
    pub mark_gone: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// How long the end of it is waited for [default: without end].
    #[arg(long, value_name = "DURATION")]
    pub wait: Option<String>,
    /// Return as soon as the master has taken it.
    #[arg(long, conflicts_with = "wait")]
    pub no_wait: bool,
    /// A refusal, or the host afterwards, as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Reactivate {
    /// The host, as `lathe hosts` names it.
    pub host: String,
    /// A refusal, or the host afterwards, as JSON.
    #[arg(long)]
    pub json: bool,
}
