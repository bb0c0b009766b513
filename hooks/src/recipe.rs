//! What a hook is to do, checked.
//!
//! Owns the shape and the digest of it; how it stands in a file is the configuration's matter.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lathe_catalog::{Entry, State};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::haproxy::Backend;
use crate::render::Template;

/// One hook.
#[derive(Clone, Debug, Serialize)]
pub struct Recipe {
    /// Its name, unique in its process.
    pub name: String,
    /// Task paths and tags that it looks at.
    pub groups: BTreeSet<String>,
    /// Entries in other states than these are not seen.
    pub states: BTreeSet<State>,
    /// Entries of other topologies than this one are not seen.
    pub topology: Option<String>,
    /// Files that it renders; all are replaced, or none.
    pub files: Vec<FileRecipe>,
    /// A backend of a running HAProxy that follows when the files are in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub haproxy: Option<Backend>,
    /// Program and arguments, run after that; empty where there is none.
    pub command: Vec<String>,
    /// Variables of the program's environment, beside `PATH` and Lathe's own.
    pub env: BTreeMap<String, String>,
    /// Whom programs run as; without, as this process.
    pub user: Option<String>,
    /// How soon a change is followed.
    #[serde(skip)]
    pub pace: Pace,
    /// What the start of the process means.
    #[serde(skip)]
    pub on_start: OnStart,
    /// A program that runs for longer is ended, in milliseconds.
    #[serde(skip)]
    pub timeout_ms: u64,
    /// How long its group has to end by itself then, in milliseconds.
    #[serde(skip)]
    pub kill_after_ms: u64,
    /// What follows a failure.
    #[serde(skip)]
    pub retries: Retries,
    /// Program and arguments that are told of the first failure of several, and of giving up.
    #[serde(skip)]
    pub on_failure: Vec<String>,
    /// Those whom it waits for, so that not all follow at once.
    #[serde(skip)]
    pub fleet: Option<Fleet>,
    /// What holds up a removal of many.
    #[serde(skip)]
    pub brake: Brake,
    /// State that is older is handled by `on_stale`, in milliseconds.
    #[serde(skip)]
    pub max_age_ms: u64,
    /// What is done with state that is too old.
    #[serde(skip)]
    pub on_stale: OnStale,
    /// Earlier versions of the files that are kept.
    #[serde(skip)]
    pub keep: usize,
}

/// One file of a hook.
#[derive(Clone, Debug, Serialize)]
pub struct FileRecipe {
    /// What it is rendered from.
    pub template: Template,
    /// Where it stands.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// The user who owns it; without, this process's.
    pub owner: Option<String>,
    /// Program and arguments that judge it before it takes its place; `{}` stands for its path.
    pub check: Vec<String>,
}

/// How soon a change is followed, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So long must nothing change.
    pub settle_ms: u64,
    /// So long, at most, is that waited for.
    pub max_wait_ms: u64,
    /// So long is waited where somebody left who was ready.
    pub urgent_settle_ms: u64,
    /// Up to so much later, by host and hook; not where somebody left.
    pub splay_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { settle_ms: 500, max_wait_ms: 5000, urgent_settle_ms: 20, splay_ms: 0 }
    }
}

/// What the start of the process means to a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStart {
    /// It runs, changed or not.
    Always,
    /// It runs if the state differs from what was acknowledged.
    #[default]
    IfChanged,
    /// The first state that is seen counts as acknowledged.
    Never,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// The longest wait before the second try, in milliseconds; it doubles with each.
    pub first_ms: u64,
    /// The longest wait at all, in milliseconds.
    pub longest_ms: u64,
    /// After so many tries the state is given up until it changes.
    pub give_up_after: Option<u32>,
    /// The files of before come back after a failed run, and the program runs on them.
    pub rollback: bool,
}

impl Default for Retries {
    fn default() -> Self {
        Self { first_ms: 250, longest_ms: 60_000, give_up_after: None, rollback: false }
    }
}

/// Hooks of several hosts of which only so many follow at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// What they know each other by.
    pub name: String,
    /// So many follow at the same time.
    pub most: u32,
    /// Where nobody grants turns for so long, it goes without one, in milliseconds.
    pub patience_ms: u64,
}

/// What holds up a removal of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// More than this share gone at once is not believed at once; 100 is no brake.
    pub percent: u64,
    /// For so long, in milliseconds. Removals within that time count together.
    pub hold_ms: u64,
}

impl Default for Brake {
    fn default() -> Self {
        Self { percent: 50, hold_ms: 60_000 }
    }
}

/// What is done with state that is too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStale {
    /// Nothing, until it is fresh again.
    Keep,
    /// As with any other; templates and programs are told.
    #[default]
    Run,
}

impl Recipe {
    /// A hook of this name on these groups, with defaults for everything else.
    #[must_use]
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            states: BTreeSet::from([State::Ready]),
            topology: None,
            files: Vec::new(),
            haproxy: None,
            command: Vec::new(),
            env: BTreeMap::new(),
            user: None,
            pace: Pace::default(),
            on_start: OnStart::default(),
            timeout_ms: 30_000,
            kill_after_ms: 5000,
            retries: Retries::default(),
            on_failure: Vec::new(),
            fleet: None,
            brake: Brake::default(),
            max_age_ms: 60_000,
            on_stale: OnStale::default(),
            keep: 3,
        }
    }

    /// How long one try can take at the most, in milliseconds: as long is a turn kept from others. A try that
    /// may take more than an hour is not waited for to its end.
    #[must_use]
    pub fn lease_ms(&self) -> u64 {
        const HOUR_MS: u64 = 3_600_000;
        /// For the disk, and for the way to whoever grants it.
        const MORE_MS: u64 = 10_000;
        let checks = self.files.iter().filter(|file| !file.check.is_empty()).count() as u64;
        let runs = u64::from(self.runs()) * (1 + u64::from(self.retries.rollback));
        let longest = self.timeout_ms.saturating_add(self.kill_after_ms);
        longest.saturating_mul(checks + runs).saturating_add(MORE_MS).min(HOUR_MS)
    }

    /// Whether files are not all of it.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.haproxy.is_some() || !self.command.is_empty()
    }

    /// Whether the hook sees this entry.
    #[must_use]
    pub fn sees(&self, entry: &Entry) -> bool {
        self.states.contains(&entry.state)
            && self.topology.as_ref().is_none_or(|topology| *topology == entry.topology)
    }

    /// A digest of everything that makes its outcome another one: a hook whose template was changed has
    /// to run although no group changed.
    #[must_use]
    pub fn digest(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self).expect("a recipe has text keys only");
        Sha256::digest(&text).to_vec()
    }
}
