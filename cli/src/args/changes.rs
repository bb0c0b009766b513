//! Arguments of the commands that change something.

use std::path::PathBuf;

use clap::Args as Group;

/// What every change is asked with.
#[derive(Clone, Debug, Group)]
pub(crate) struct Consent {
    /// Do not ask, even where something would be stopped.
    #[arg(long, short)]
    pub yes: bool,
    /// How long hosts may be waited for [default: 30s]; where it is said, room is waited for too.
    #[arg(long, value_name = "DURATION")]
    pub wait: Option<String>,
    /// How many running instances may be moved.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub max_moves: u32,
    /// Makes a retry harmless: the same id is carried out once.
    #[arg(long, value_name = "ID")]
    pub submission_id: Option<String>,
}

#[derive(Debug, Group)]
pub(crate) struct Submit {
    /// The topology file.
    pub file: PathBuf,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Group)]
pub(crate) struct Remove {
    /// Name of the topology.
    pub topology: String,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}
