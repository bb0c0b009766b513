//! The executors' journals, read again and again, since agents remove what has ended for long.
//!
//! Owns all lives of a run. It must not know why they ended.

use std::collections::BTreeMap;

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use crate::journal::{Journal, Lived};
use crate::several::Several;

/// All that were ever read.
#[derive(Debug, Default)]
pub(super) struct Lives {
    known: BTreeMap<String, Lived>,
    /// Ends that no executor could write, for it was killed.
    cut: BTreeMap<String, String>,
}

impl Lives {
    pub(super) fn read(&mut self, several: &Several) {
        let lives = several.journal().lives.into_iter();
        self.known.extend(lives.map(|life| (life.incarnation.clone(), life)));
    }

    pub(super) fn has(&self, incarnation: &str) -> bool {
        self.known.contains_key(incarnation)
    }

    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// This life ends now, with its executor.
    pub(super) fn cut(&mut self, incarnation: &str) {
        let mut now = String::new();
        // As executors write it, since times are compared as texts.
        SystemTime.format_time(&mut Writer::new(&mut now)).expect("a text takes all");
        self.cut.insert(incarnation.to_owned(), now);
    }

    /// Pairs of lives of one instance that were there at the same time.
    pub(super) fn twice(&self) -> Vec<(Lived, Lived)> {
        let ended = |life: &Lived| {
            let to = life.to.clone().or_else(|| self.cut.get(&life.incarnation).cloned());
            Lived { to, ..life.clone() }
        };
        Journal { lives: self.known.values().map(ended).collect() }.twice()
    }
}

#[cfg(test)]
mod tests;
