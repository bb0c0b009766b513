//! What a hook of registries is to be told of, and what it is to run, checked.
//!
//! Owns the shape, the filter and its digest; how it stands in a file is the configuration's matter.

use std::collections::BTreeSet;
use std::sync::Arc;

use lathe_catalog::{Entry, TaskRecord};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::event::{Event, Kind};
use crate::recipe::Recipe;
use crate::snapshot::hex;

/// One hook of registries.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it runs, and how: of an agent's hook the part that is about the program.
    pub recipe: Arc<Recipe>,
    /// What it is told of.
    pub filter: Filter,
    /// It runs when so much has happened, and not for each event.
    pub alarm: Option<Alarm>,
}

/// Which events a hook is told of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// Kinds.
    pub on: BTreeSet<Kind>,
    /// Of these tasks alone, by their paths; of all where none is named.
    pub tasks: BTreeSet<String>,
    /// Of what carries one of these tags alone.
    pub tags: BTreeSet<String>,
    /// Of this topology alone.
    pub topology: Option<String>,
    /// Deaths that somebody wanted are events, too.
    pub deliberate: bool,
}

/// When enough has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// So many events…
    pub count: u64,
    /// …within so long, in milliseconds.
    pub window_ms: u64,
}

impl Rule {
    /// A hook of this name on these kinds, with defaults for everything else.
    #[must_use]
    pub fn new(name: &str, on: &[Kind]) -> Self {
        let filter = Filter { on: on.iter().copied().collect(), ..Filter::default() };
        Self { recipe: Arc::new(Recipe::new(name, &[])), filter, alarm: None }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// A digest of what it is told of: with another one, what was seen before says nothing of what it
    /// did not look at.
    #[must_use]
    pub fn digest(&self) -> String {
        let text = serde_json::to_vec(&(&self.filter, &self.alarm)).expect("texts and numbers");
        let mut digits = hex(&Sha256::digest(&text));
        digits.truncate(16);
        digits
    }
}

impl Filter {
    /// Whether incarnations are looked at.
    #[must_use]
    pub fn sees_lives(&self) -> bool {
        self.on.iter().any(|kind| *kind != Kind::Changed)
    }

    /// Whether this entry is one of those that are looked at.
    #[must_use]
    pub fn sees(&self, entry: &Entry) -> bool {
        let named = |tag: &String| self.tags.contains(tag);
        self.sees_lives()
            && self.is_of(&entry.topology, &entry.task)
            && (self.tags.is_empty() || entry.tags.iter().any(named))
    }

    /// Whether this task is one of those that are looked at.
    #[must_use]
    pub fn sees_task(&self, record: &TaskRecord) -> bool {
        let named = |tag: &String| self.tags.contains(tag);
        self.on.contains(&Kind::Changed)
            && self.is_of(&record.topology, &record.task)
            && (self.tags.is_empty() || record.groups.iter().any(named))
    }

    /// Whether an incarnation of this task may have been one of those that are looked at.
    #[must_use]
    pub fn may_see(&self, record: &TaskRecord) -> bool {
        let named = |tag: &String| self.tags.contains(tag);
        self.sees_lives()
            && self.is_of(&record.topology, &record.task)
            && (self.tags.is_empty() || record.groups.iter().any(named))
    }

    fn is_of(&self, topology: &str, task: &str) -> bool {
        (self.tasks.is_empty() || self.tasks.contains(task))
            && self.topology.as_deref().is_none_or(|own| own == topology)
    }

    /// Whether the hook is told of this event, which is about something that it looks at.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        self.on.contains(&event.kind) && (self.deliberate || !event.deliberate)
    }
}
