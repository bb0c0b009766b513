//! What a topology file says, as values.
//!
//! Owns the shapes that every other crate reads. It must not know TOML: `file` makes these values
//! from text and `print` turns them into text again.

mod health;
mod unreachable;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::{Tag, TaskPath};

pub use health::{BEAT_INTERVAL_MS, BEAT_TIMEOUT_MS, Health, Probe};
pub(crate) use health::{PROBE_FAILURES, PROBE_GRACE_MS, PROBE_INTERVAL_MS, PROBE_TIMEOUT_MS};
pub(crate) use unreachable::LONGEST_REPLACE_AFTER_MS;
pub use unreachable::ReplaceAfter;
pub use update::{Pace, Share, Update};

/// The weight of a soft bias that names none.
pub const DEFAULT_WEIGHT: u8 = 50;
/// Milliseconds between the polite end of an instance and the hard one, unless the task says so.
pub const DEFAULT_GRACE_MS: u64 = 5_000;

/// A checked topology file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// `[topology] name`, or the file's stem.
    pub name: String,
    /// `[crates] paths`: where crates are looked for, relative to the file. Default `tasks/*`.
    pub crates_paths: Vec<String>,
    /// Every task, sorted by path; no path stands twice.
    pub tasks: Vec<TaskSpec>,
}

impl Topology {
    /// The task of that path.
    #[must_use]
    pub fn task(&self, path: &TaskPath) -> Option<&TaskSpec> {
        let at = self.tasks.binary_search_by(|task| task.path.cmp(path)).ok()?;
        self.tasks.get(at)
    }

    /// The same without places in a file, for comparing what two files say.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        for task in &mut self.tasks {
            task.span = 0..0;
            for bias in &mut task.biases {
                bias.span = 0..0;
            }
        }
        self
    }
}

/// One `[task.…]` table with the defaults put in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Where it stands below `task`.
    pub path: TaskPath,
    /// The crate that has the task.
    pub crate_name: String,
    /// The exact version of the crate.
    pub version: String,
    /// The task's name within the crate: `my::FrontPage`.
    pub task: String,
    /// How many instances are wanted.
    pub count: u32,
    /// The explicit tags, in the file's order.
    pub tags: Vec<Tag>,
    /// The biases, in the file's order, no target twice in one domain.
    pub biases: Vec<Bias>,
    /// What each instance needs.
    pub resources: Resources,
    /// Where the crate comes from, when not found by its name.
    pub source: CrateSource,
    /// Environment variables of each instance.
    pub env: BTreeMap<String, String>,
    /// Arguments of each instance.
    pub args: Vec<String>,
    /// The user that the instances run as.
    pub user: Option<String>,
    /// Milliseconds from the polite end to the hard one.
    pub grace_ms: u64,
    /// When an instance that ended is replaced.
    pub restart: Restart,
    /// How a hung instance is found; `None` is the SDK's beat where there is an SDK.
    pub health: Option<Health>,
    /// How other contents take its place; `None` is one at a time, the next when the others are
    /// ready.
    pub update: Option<Update>,
    /// How long it is waited for when its host does not answer; `None` is what the scheduler is
    /// configured for.
    pub unreachable: Option<ReplaceAfter>,
    /// The author's own keys, typed as written (dates as text).
    pub own: Map<String, Value>,
    /// The table's header in the file, in bytes.
    pub span: Range<usize>,
}

impl TaskSpec {
    /// Every tag that an instance carries: the explicit ones, its path and each prefix of it.
    #[must_use]
    pub fn carried_tags(&self) -> BTreeSet<Tag> {
        let implicit = self.path.prefixes().filter_map(|prefix| prefix.parse().ok());
        self.tags.iter().cloned().chain(implicit).collect()
    }
}

/// How strongly a task wants (or does not want) a tag near it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Hard: no other carrier in the domain.
    Never,
    /// Soft: costs the weight for each other carrier.
    Avoid,
    /// Says nothing.
    Neutral,
    /// Soft: gains the weight once another carrier is there.
    Prefer,
    /// Hard: at least one other carrier in the domain.
    Always,
}

impl Word {
    /// All five, from `never` to `always`.
    pub const ALL: [Self; 5] =
        [Self::Never, Self::Avoid, Self::Neutral, Self::Prefer, Self::Always];

    /// The word as it stands in a file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Avoid => "avoid",
            Self::Neutral => "neutral",
            Self::Prefer => "prefer",
            Self::Always => "always",
        }
    }

    /// `never` and `always` hold in every plan and take no weight.
    #[must_use]
    pub fn is_hard(self) -> bool {
        matches!(self, Self::Never | Self::Always)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a bias is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Other instances that carry the tag.
    Tag(Tag),
    /// Hosts that have the attribute (with that value, if one is named): `@disk=ssd`.
    Attribute {
        /// The attribute.
        name: String,
        /// Its value; `None` means any.
        value: Option<String>,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Attribute { name, value: None } => write!(f, "@{name}"),
            Self::Attribute { name, value: Some(value) } => write!(f, "@{name}={value}"),
        }
    }
}

/// One line of `biases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bias {
    /// Towards what.
    pub target: Target,
    /// How.
    pub word: Word,
    /// 1 to 100; means nothing for `never`, `neutral` and `always`.
    pub weight: u8,
    /// The attribute whose equal values make hosts one place; `None` is the host itself.
    pub domain: Option<String>,
    /// The bias's list in the file, in bytes.
    pub span: Range<usize>,
}

/// What one instance needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a processor.
    pub cpus_milli: u64,
    /// Bytes of memory.
    pub mem_bytes: u64,
    /// Bytes of disk.
    pub disk_bytes: u64,
    /// Named ports.
    pub ports: Vec<Port>,
}

impl Default for Resources {
    /// What a task gets that says nothing: 0.1 cpus, 64 MiB, 16 MiB of disk and the port `http`.
    fn default() -> Self {
        Self {
            cpus_milli: 100,
            mem_bytes: 64 << 20,
            disk_bytes: 16 << 20,
            ports: vec![Port { name: "http".to_owned(), fixed: None }],
        }
    }
}

/// A port that an instance gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// Its name, `http` for instance.
    pub name: String,
    /// This number and no other; so at most one user of it on a host.
    pub fixed: Option<u16>,
}

/// Where a crate comes from when its name and version alone do not say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateSource {
    /// A folder, relative to the topology file.
    pub path: Option<String>,
    /// A git repository.
    pub git: Option<String>,
    /// A revision of it.
    pub rev: Option<String>,
    /// A cargo registry by the name that cargo's configuration has for it.
    pub registry: Option<String>,
    /// Features to build with.
    pub features: Vec<String>,
}

/// When an instance that ended is replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Whatever its end was.
    #[default]
    Always,
    /// Only when it failed.
    OnFailure,
    /// Not at all.
    Never,
}

impl Restart {
    /// The words that a file may say.
    pub const WORDS: [&'static str; 3] = ["always", "on-failure", "never"];

    /// The word as it stands in a file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnFailure => "on-failure",
            Self::Never => "never",
        }
    }
}

#[cfg(test)]
mod tests;
