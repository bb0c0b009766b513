//! Arguments of the commands that read.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};

#[derive(Debug, Group)]
pub(crate) struct Plan {
    /// The topology file; with --hosts there may be several.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Ask no scheduler: plan for the hosts of this JSON file, without looking crates up.
    #[arg(long, value_name = "FILE")]
    pub hosts: Option<PathBuf>,
    /// What runs on those hosts, as a JSON file.
    #[arg(long, value_name = "FILE", requires = "hosts")]
    pub running: Option<PathBuf>,
    /// How much may be searched; the same budget gives the same answer anywhere.
    #[arg(long, value_name = "STEPS", requires = "hosts")]
    pub budget: Option<u64>,
    /// Varies the order in which equal choices are tried.
    #[arg(long, value_name = "NUMBER", requires = "hosts")]
    pub seed: Option<u64>,
    /// Write the proof of the bound, or of the impossibility, into this file.
    #[arg(long, value_name = "FILE", requires = "hosts")]
    pub certificate: Option<PathBuf>,
    /// Draw the plan into this file: hosts as columns, instances coloured by task.
    #[arg(long, value_name = "FILE", requires = "hosts")]
    pub svg: Option<PathBuf>,
    /// Draw the plan in the terminal.
    #[arg(long, requires = "hosts", conflicts_with = "json")]
    pub picture: bool,
    /// Count what each executor needs beside its instance, as a scheduler does.
    #[arg(long, requires = "hosts")]
    pub overhead: bool,
    /// How many running instances may be moved.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub max_moves: u32,
    /// Name what stays, too.
    #[arg(long, conflicts_with = "json")]
    pub all: bool,
    /// The plan as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Status {
    /// Only this topology.
    pub topology: Option<String>,
    /// Stay, and show what changes.
    #[arg(long, short)]
    pub watch: bool,
    /// The status as JSON; with --watch one object a line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Hosts {
    #[command(subcommand)]
    pub action: Option<HostAction>,
    /// The hosts as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What is done to hosts. Those of `lathe up` stand for machines, and this is how one is lost.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum HostAction {
    /// Kills a host with everything on it.
    Kill { name: String },
    /// Freezes a host: it says nothing any more, and its tasks go on.
    Pause { name: String },
    /// Starts a killed host, or lets a frozen one go on.
    Resume { name: String },
    /// Says that hosts which went at once never come back: what ran there is replaced now.
    ConfirmLost {
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// The hosts as JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Hosts {
    /// Whether the answer is to be JSON.
    pub(crate) fn json(&self) -> bool {
        self.json || matches!(self.action, Some(HostAction::ConfirmLost { json: true, .. }))
    }
}

#[derive(Debug, Group)]
pub(crate) struct Logs {
    /// An instance such as `http.lb#0`, or one of its incarnations such as `http.lb#0.2`.
    pub instance: String,
    /// Go on as more is printed.
    #[arg(long, short)]
    pub follow: bool,
    /// The life before this one; with --follow this one after it.
    #[arg(long, short)]
    pub previous: bool,
    /// The standard error in place of the standard output.
    #[arg(long, conflicts_with = "file")]
    pub stderr: bool,
    /// Another file: `crash.log`, or the executor's own `stderr`.
    #[arg(long, value_name = "NAME")]
    pub file: Option<String>,
    /// How many bytes of the end are shown first.
    #[arg(long, value_name = "NUMBER", default_value_t = 16 * 1024)]
    pub bytes: u64,
    /// Pieces as JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Events {
    /// Go on as more happens.
    #[arg(long, short)]
    pub follow: bool,
    /// How many of those that have happened are shown first.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub last: usize,
    /// Only what is younger than this, such as `10m`.
    #[arg(long, value_name = "DURATION")]
    pub since: Option<String>,
    /// Only this topology.
    #[arg(long, value_name = "NAME")]
    pub topology: Option<String>,
    /// Events as JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Lookup {
    /// A task such as `http.lb`, or a tag.
    pub group: String,
    /// Only the addresses of those that are ready, one a line.
    #[arg(long, conflicts_with = "json")]
    pub url: bool,
    /// The registry to ask [default: one that the scheduler names].
    #[arg(long, value_name = "URL", env = "LATHE_REGISTRY")]
    pub registry: Option<String>,
    /// The group as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Watch {
    /// A task such as `http.lb`, or a tag.
    pub group: String,
    /// The registry to ask [default: one that the scheduler names].
    #[arg(long, value_name = "URL", env = "LATHE_REGISTRY")]
    pub registry: Option<String>,
    /// The group after each change as JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Explain {
    /// An instance such as `http.lb#2`, or a code such as `LT0205` [default: all codes].
    pub what: Option<String>,
    /// What is known of it as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct History {
    /// Name of the topology.
    pub topology: String,
    /// The revisions as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Doctor {
    /// The findings as JSON.
    #[arg(long)]
    pub json: bool,
}
