//! The arguments, and nothing else.

mod changes;
mod reads;

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand};
use clap_complete::Shell;

use crate::printer::Colour;

pub(crate) use changes::{
    Backup, Consent, Drain, Metadata, Pause, Reactivate, Remove, Restart, Restore, Rollback, Scale,
    Send, Set, Submit,
};
pub(crate) use reads::{
    Doctor, Events, Explain, History, HostAction, Hosts, Logs, Lookup, Plan, Status, Watch,
};

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
    /// When there are colours: `auto` is on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    pub color: Colour,
    #[command(subcommand)]
    pub command: Command,
}

/// How the scheduler is found: by flag, environment, configuration, or a running `lathe up`.
#[derive(Clone, Debug, Default, Group)]
pub(crate) struct Find {
    /// Address of the scheduler, such as `http://127.0.0.1:7000`.
    #[arg(long, global = true, value_name = "URL", env = "LATHE_SCHEDULER")]
    pub scheduler: Option<String>,
    /// File with the scheduler's token.
    #[arg(long, global = true, value_name = "FILE", env = "LATHE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that listeners with `https://` are signed by.
    #[arg(long, global = true, value_name = "FILE", env = "LATHE_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Certificate (PEM) for listeners that want one.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LATHE_CERT_FILE",
        requires = "cert_key_file"
    )]
    pub cert_file: Option<PathBuf>,
    /// The key of that certificate (PEM).
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LATHE_CERT_KEY_FILE",
        requires = "cert_file"
    )]
    pub cert_key_file: Option<PathBuf>,
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
    Check(Check),
    /// Shows what submitting a file would change.
    Plan(Plan),
    /// Carries a topology out, whole or not at all.
    Submit(Submit),
    /// Shows what runs where.
    Status(Status),
    /// Says why an instance is where it is or why it waits, or what a code means.
    Explain(Explain),
    /// Shows the hosts; can lose, freeze and bring back those of `lathe up`.
    Hosts(Hosts),
    /// Has everything on a host end and start elsewhere, and nothing placed there any more.
    Drain(Drain),
    /// Takes a drained or deactivated host into use again.
    Reactivate(Reactivate),
    /// Shows what an instance has printed.
    Logs(Logs),
    /// Shows what has happened.
    Events(Events),
    /// Asks a registry who belongs to a task or a tag.
    Lookup(Lookup),
    /// Follows who belongs to a task or a tag.
    Watch(Watch),
    /// Sends a message to everybody who is in a group, and shows who has it.
    Send(Send),
    /// Shows and changes the values that a group keeps for whoever comes.
    Metadata(Metadata),
    /// Changes how many instances of a task there are.
    Scale(Scale),
    /// Changes one of the author's own keys, which reaches running instances without a restart.
    Set(Set),
    /// Starts an instance anew, or those of a task or a topology one after another.
    Restart(Restart),
    /// Lets nothing of a topology be replaced by other contents; what ends is still healed.
    Pause(Pause),
    /// Lets a paused topology go on.
    Resume(Pause),
    /// Shows what a topology said before.
    History(History),
    /// Goes back to what a topology said before.
    Rollback(Rollback),
    /// Ends all instances of a topology and forgets it.
    Remove(Remove),
    /// Writes the whole store and its binaries into a file, while all of it runs.
    Backup(Backup),
    /// Makes a home's store what a backup has, while nothing runs in it.
    Restore(Restore),
    /// Looks at everything that this command needs, and says what is wrong.
    Doctor(Doctor),
    /// Prints the completions for a shell.
    Completions { shell: Shell },
    /// Prints the manual page of a command, or writes all of them into a folder.
    Man(Man),
}

impl Command {
    /// Whether programs read the answer: then they get failures as JSON, too.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Check(check) => check.json,
            Self::Plan(plan) => plan.json,
            Self::Submit(submit) => submit.consent.json,
            Self::Status(status) => status.json,
            Self::Explain(explain) => explain.json,
            Self::Hosts(hosts) => hosts.json(),
            Self::Drain(drain) => drain.json,
            Self::Reactivate(reactivate) => reactivate.json,
            Self::Logs(logs) => logs.json,
            Self::Events(events) => events.json,
            Self::Lookup(lookup) => lookup.json,
            Self::Watch(watch) => watch.json,
            Self::Send(send) => send.json,
            Self::Metadata(metadata) => metadata.json,
            Self::Scale(scale) => scale.consent.json,
            Self::Set(set) => set.consent.json,
            Self::Restart(restart) => restart.consent.json,
            Self::Pause(pause) | Self::Resume(pause) => pause.consent.json,
            Self::Rollback(rollback) => rollback.consent.json,
            Self::History(history) => history.json,
            Self::Doctor(doctor) => doctor.json,
            Self::Up(_)
            | Self::New(_)
            | Self::Remove(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Completions { .. }
            | Self::Man(_) => false,
        }
    }
}

#[derive(Debug, Group)]
pub(crate) struct Check {
    /// The topology file.
    pub file: PathBuf,
    /// The findings as JSON.
    #[arg(long)]
    pub json: bool,
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
pub(crate) struct Man {
    /// The command, such as `submit` [default: `lathe` itself].
    pub command: Option<String>,
    /// The folder to write all pages into.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub out: Option<PathBuf>,
}
