//! Rumours: that there is something new of a subject, told to every member along with the news of members.
//!
//! Owns what is remembered of them. A rumour has no data; it says who has some.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foca::{BroadcastHandler, Invalidates};
use serde::{Deserialize, Serialize};

use crate::member::Member;
use crate::statement::SubjectKey;

/// Subjects of which rumours are remembered, followed here or not.
const SUBJECTS_MAX: usize = 4096;

/// That somebody has this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rumour {
    pub(crate) key: SubjectKey,
    /// Stands for the history.
    pub(crate) history: u64,
    pub(crate) version: u64,
    pub(crate) heard_ms: u64,
    pub(crate) large: bool,
    /// Who has it.
    pub(crate) source: SocketAddr,
}

impl Rumour {
    pub(crate) fn write(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("memory takes a rumour")
    }

    /// Another history counts where it was heard later.
    fn is_newer_than(&self, other: &Self) -> bool {
        if self.history == other.history {
            self.version > other.version
        } else {
            self.heard_ms > other.heard_ms
        }
    }
}

/// A rumour of the same subject takes the place of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of(SubjectKey);

impl Invalidates for Of {
    fn invalidates(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

#[derive(Debug, Default)]
struct Book {
    newest: BTreeMap<SubjectKey, Rumour>,
    /// What came since it was asked last.
    fresh: Vec<Rumour>,
    /// So many wait to be told that no more are taken up.
    full: bool,
}

/// The rumours that were heard; clones share them, since the membership owns one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rumours(Arc<Mutex<Book>>);

impl Rumours {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came since the last time.
    pub(crate) fn take(&self) -> Vec<Rumour> {
        std::mem::take(&mut self.book().fresh)
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.book().full = full;
    }
}

impl BroadcastHandler<Member> for Rumours {
    type Key = Of;
    type Error = Infallible;

    fn receive_item(&mut self, data: &[u8], _: Option<&Member>) -> Result<Option<Of>, Infallible> {
        let Ok((rumour, [])) = postcard::take_from_bytes::<Rumour>(data) else { return Ok(None) };
        let mut book = self.book();
        if book.newest.get(&rumour.key).is_some_and(|known| !rumour.is_newer_than(known)) {
            return Ok(None);
        }
        if book.newest.len() >= SUBJECTS_MAX && !book.newest.contains_key(&rumour.key) {
            book.newest.pop_first();
        }
        book.newest.insert(rumour.key, rumour);
        book.fresh.push(rumour);
        Ok((!book.full).then_some(Of(rumour.key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(rumours: &mut Rumours, key: u64, history: u64, version: u64, heard_ms: u64) -> bool {
        let source = ([10, 0, 0, 1], 1).into();
        let rumour = Rumour { key, history, version, heard_ms, large: false, source };
        rumours.receive_item(&rumour.write(), None).unwrap().is_some()
    }

    #[test]
    fn a_rumour_is_told_on_when_it_is_new_and_what_is_none_is_not() {
        let mut rumours = Rumours::default();
        assert!(heard(&mut rumours, 1, 1, 5, 10));
        assert!(!heard(&mut rumours, 1, 1, 5, 10) && !heard(&mut rumours, 1, 1, 4, 99));
        assert!(heard(&mut rumours, 1, 1, 6, 5) && !heard(&mut rumours, 1, 2, 9, 5));
        assert!(heard(&mut rumours, 1, 2, 1, 11));
        assert_eq!(rumours.take().len(), 3);
        assert!(rumours.receive_item(&[1, 2], None).unwrap().is_none());
        rumours.set_full(true);
        assert!(!heard(&mut rumours, 2, 1, 1, 1));
        for key in 0..SUBJECTS_MAX as u64 + 10 {
            heard(&mut rumours, key, 1, 1, 1);
        }
        assert_eq!(rumours.book().newest.len(), SUBJECTS_MAX);
    }
}
