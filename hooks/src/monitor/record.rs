//! What is durable of a hook of registries: what is claimed by whom, what has counted, how runs ended.
//!
//! Owns the shape, the window of an alarm and every bound on both. Whoever writes anything of a hook writes
//! its record, too, and expects the version that it has seen; so of two registries one is always second.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::rule::Alarm;
use crate::engine::End;

/// Events of one run, and of one window.
pub const EVENTS_MAX: usize = 256;
/// Runs that are remembered.
const PAST_MAX: usize = 8;
/// Bytes of output that are kept of each.
const OUTPUT_BYTES_MAX: usize = 1024;

/// Everything of one hook but its picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which one.
    pub hook: String,
    /// Id of the store's life.
    pub history: String,
    /// Digest of what it is told of.
    pub digest: String,
    /// The picture was written whole since; what it does not have is new.
    #[serde(default)]
    pub whole: bool,
    /// Runs that were ever claimed.
    #[serde(default)]
    pub runs: u64,
    /// The run that was claimed and has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// What has happened within an alarm's time, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub window: Vec<Event>,
    /// What else has happened within that time, and is not kept.
    #[serde(default)]
    pub left_out: u64,
    /// The alarm was raised, and the number has not fallen below its count since.
    #[serde(default)]
    pub raised: bool,
    /// How the last runs ended, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Past>,
}

/// A run that one registry alone is to see to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its number: 1 is the hook's first.
    pub run: u64,
    /// The life of the registry that has it.
    pub by: String,
    /// The URL of that registry.
    pub url: String,
    /// When it was claimed first, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// How many registries had it before and are gone.
    #[serde(default)]
    pub taken_over: u64,
    /// What it is about.
    pub events: Vec<Event>,
    /// Events that happened within the same window and are not among those.
    #[serde(default)]
    pub left_out: u64,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its number.
    pub run: u64,
    /// The URL of the registry that has ended it.
    pub registry: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Events that it was about.
    pub events: u64,
    /// How often it was tried there.
    pub tries: u64,
    /// It did what it was to do; else it was given up.
    pub ok: bool,
    /// In words: `exit status 1`, `no end within 30000 ms`.
    pub how: String,
    /// The end of what it wrote.
    pub output: String,
    /// How long it ran, in milliseconds.
    pub took_ms: u64,
}

impl Record {
    /// The record of a hook that nothing was done of yet.
    #[must_use]
    pub fn new(hook: &str, history: &str, digest: &str) -> Self {
        let (hook, history, digest) = (hook.to_owned(), history.to_owned(), digest.to_owned());
        Self { hook, history, digest, ..Self::default() }
    }

    /// Claims the next run.
    pub(super) fn claim(
        &mut self,
        (by, url): (&str, &str),
        since_ms: u64,
        (events, left_out): (Vec<Event>, u64),
    ) {
        self.runs += 1;
        let (by, url) = (by.to_owned(), url.to_owned());
        let run = self.runs;
        self.claim = Some(Claim { run, by, url, since_ms, taken_over: 0, events, left_out });
    }

    /// The run that is claimed has ended like this.
    pub(super) fn close(&mut self, at_ms: u64, tries: u64, end: &End) {
        let Some(claim) = self.claim.take() else { return };
        let output = &end.output;
        let from = output.len().saturating_sub(OUTPUT_BYTES_MAX);
        let from = (from..=output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(0);
        self.past.push(Past {
            run: claim.run,
            registry: claim.url,
            at_ms,
            events: claim.events.len() as u64,
            tries,
            ok: end.ok,
            how: end.how.clone(),
            output: output[from..].to_owned(),
            took_ms: end.took_ms,
        });
        let over = self.past.len().saturating_sub(PAST_MAX);
        self.past.drain(..over);
    }

    /// Counts events, and lets go of those whose time is over.
    pub(super) fn count(&mut self, alarm: Alarm, now_ms: u64, events: &[Event]) {
        self.expire(alarm, now_ms);
        let counts = |event: &&Event| event.at_ms.saturating_add(alarm.window_ms) > now_ms;
        self.window.extend(events.iter().filter(counts).cloned());
        let over = self.window.len().saturating_sub(EVENTS_MAX);
        self.window.drain(..over);
        self.left_out += over as u64;
    }

    /// Whether the alarm's number was reached since it was last below. It is told once.
    pub(super) fn crosses(&mut self, alarm: Alarm, now_ms: u64) -> bool {
        self.expire(alarm, now_ms);
        let reached = self.window.len() as u64 >= alarm.count;
        reached && !std::mem::replace(&mut self.raised, true)
    }

    fn expire(&mut self, alarm: Alarm, now_ms: u64) {
        self.window.retain(|event| event.at_ms.saturating_add(alarm.window_ms) > now_ms);
        if self.window.len() < EVENTS_MAX {
            self.left_out = 0;
        }
        if (self.window.len() as u64) < alarm.count {
            self.raised = false;
        }
    }
}

/// A registry that runs hooks, as it says in the store for as long as it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// Its life: another one each time that it starts.
    pub by: String,
    /// Its URL.
    pub url: String,
    /// The hooks that it has.
    pub hooks: Vec<String>,
}

/// Where all of it stands in the store. Within one commit, changes come in the order of paths: a picture
/// before the record that was written with it.
pub mod paths {
    /// Everything of hooks stands below this path.
    pub const HOOKS: &str = "/lathe/hooks";
    const RUNNERS: &str = "/lathe/hooks/runners";
    const PICTURES: &str = "/lathe/hooks/seen";
    const RECORDS: &str = "/lathe/hooks/state";

    /// Path of a [`super::Runner`].
    #[must_use]
    pub fn runner(id: &str) -> String {
        format!("{RUNNERS}/{id}")
    }

    /// Path of a [`super::Record`].
    #[must_use]
    pub fn record(hook: &str) -> String {
        format!("{RECORDS}/{hook}")
    }

    /// Path of a page of a hook's picture.
    #[must_use]
    pub fn page(hook: &str, (task, page): &(String, u32)) -> String {
        format!("{PICTURES}/{hook}.{task}.{page}")
    }

    /// The id of the runner at this path, if it is such a path.
    #[must_use]
    pub fn runner_of(path: &str) -> Option<&str> {
        below(path, RUNNERS)
    }

    /// The hook whose record stands at this path, if it is such a path.
    #[must_use]
    pub fn record_of(path: &str) -> Option<&str> {
        below(path, RECORDS)
    }

    /// The hook and the page that stands at this path, if it is such a path. No hook has a dot in its name.
    #[must_use]
    pub fn page_of(path: &str) -> Option<(&str, (String, u32))> {
        let (hook, rest) = below(path, PICTURES)?.split_once('.')?;
        let (task, page) = rest.rsplit_once('.')?;
        Some((hook, (task.to_owned(), page.parse().ok()?)))
    }

    fn below<'a>(path: &'a str, parent: &str) -> Option<&'a str> {
        let name = path.strip_prefix(parent)?.strip_prefix('/')?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}
