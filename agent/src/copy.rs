//! The copy: groups and tasks' own keys, each at the version that was told.
//!
//! Owns what is believed. Within one history a version only rises: what is older is an alarm and no data, and
//! so is another content of the same version. Another history is taken whole or not at all. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lathe_catalog::{ConfigView, Entry, GroupView};
use serde::{Deserialize, Serialize};

/// What is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Task paths and tags.
    pub groups: BTreeSet<String>,
    /// Tasks whose own keys are wanted.
    pub configs: BTreeSet<String>,
}

/// One thing of a selection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// A group.
    Group(String),
    /// A task's own keys.
    Config(String),
}

/// What a registry said of one wish.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A group.
    Group(GroupView),
    /// A task's own keys.
    Config(ConfigView),
}

impl News {
    /// Id of the store's life.
    #[must_use]
    pub fn history(&self) -> &str {
        match self {
            Self::Group(view) => &view.history,
            Self::Config(view) => &view.history,
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        match self {
            Self::Group(view) => view.version,
            Self::Config(view) => view.version,
        }
    }

    /// What it is of.
    #[must_use]
    pub fn wish(&self) -> Wish {
        match self {
            Self::Group(view) => Wish::Group(view.group.clone()),
            Self::Config(view) => Wish::Config(view.task.clone()),
        }
    }
}

/// What came of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The copy is another one now.
    New,
    /// It was known.
    Known,
    /// It is not of what is followed, or of another history.
    Foreign,
    /// Older than what is known: nothing was taken.
    Older(Alarm),
    /// Of a version that is known with another content: nothing was taken.
    Contradiction(Alarm),
}

/// A registry that says what cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The group, or the task.
    pub name: String,
    /// The version that is known.
    pub known: u64,
    /// The version that was told.
    pub told: u64,
}

/// All that is known, in one history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copy {
    history: String,
    groups: BTreeMap<String, Arc<GroupView>>,
    configs: BTreeMap<String, Arc<ConfigView>>,
}

impl Copy {
    /// An empty copy in a history.
    #[must_use]
    pub fn of(history: &str) -> Self {
        Self { history: history.to_owned(), ..Self::default() }
    }

    /// Id of the store's life; empty where nothing is known.
    #[must_use]
    pub fn history(&self) -> &str {
        &self.history
    }

    /// Groups by name.
    #[must_use]
    pub fn groups(&self) -> &BTreeMap<String, Arc<GroupView>> {
        &self.groups
    }

    /// Own keys by task.
    #[must_use]
    pub fn configs(&self) -> &BTreeMap<String, Arc<ConfigView>> {
        &self.configs
    }

    /// The newest version of all that is known.
    #[must_use]
    pub fn version(&self) -> u64 {
        let groups = self.groups.values().map(|view| view.version);
        groups.chain(self.configs.values().map(|view| view.version)).max().unwrap_or(0)
    }

    /// The version of one thing, if it is known.
    #[must_use]
    pub fn version_of(&self, wish: &Wish) -> Option<u64> {
        match wish {
            Wish::Group(name) => self.groups.get(name).map(|view| view.version),
            Wish::Config(name) => self.configs.get(name).map(|view| view.version),
        }
    }

    /// Entries of all groups, each once, by incarnation. Where two groups tell of one, the newer group counts.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<&str, &Entry> {
        let mut all: BTreeMap<&str, (u64, &Entry)> = BTreeMap::new();
        for view in self.groups.values() {
            for entry in &view.entries {
                let slot = all.entry(&entry.incarnation).or_insert((view.version, entry));
                if slot.0 < view.version {
                    *slot = (view.version, entry);
                }
            }
        }
        all.into_iter().map(|(incarnation, (_, entry))| (incarnation, entry)).collect()
    }

    /// Whether everything of a selection is known.
    #[must_use]
    pub fn has_all(&self, selection: &Selection) -> bool {
        selection.groups.iter().all(|name| self.groups.contains_key(name))
            && selection.configs.iter().all(|name| self.configs.contains_key(name))
    }

    /// Forgets what is not of a selection.
    pub fn keep(&mut self, selection: &Selection) {
        self.groups.retain(|name, _| selection.groups.contains(name));
        self.configs.retain(|name, _| selection.configs.contains(name));
    }

    /// Takes news of its own history.
    pub fn take(&mut self, news: News, selection: &Selection) -> Taken {
        if news.history() != self.history {
            return Taken::Foreign;
        }
        let (wish, told) = (news.wish(), news.version());
        let (wanted, name) = match &wish {
            Wish::Group(name) => (selection.groups.contains(name), name.clone()),
            Wish::Config(name) => (selection.configs.contains(name), name.clone()),
        };
        if !wanted {
            return Taken::Foreign;
        }
        let known = self.version_of(&wish);
        if let Some(known) = known {
            let alarm = Alarm { name, known, told };
            if told < known {
                return Taken::Older(alarm);
            }
            if told == known {
                let same = match &news {
                    News::Group(view) => {
                        self.groups.get(&view.group).is_some_and(|own| **own == *view)
                    }
                    News::Config(view) => {
                        self.configs.get(&view.task).is_some_and(|own| **own == *view)
                    }
                };
                return if same { Taken::Known } else { Taken::Contradiction(alarm) };
            }
        }
        match news {
            News::Group(view) => drop(self.groups.insert(view.group.clone(), Arc::new(view))),
            News::Config(view) => drop(self.configs.insert(view.task.clone(), Arc::new(view))),
        }
        Taken::New
    }
}

#[cfg(test)]
mod tests;
