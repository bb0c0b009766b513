//! The connection that a request came by, for handlers that want to know when the other side ends it.
//!
//! Owns what is done then. An end that this side brings about, at its own end, counts for nothing.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What may be wanted of one connection.
const WANTED_MAX: usize = 64;

type Wanted = Box<dyn FnOnce() + Send>;

/// A connection; handlers find it as an extension of each of its requests. Clones are of the same.
#[derive(Clone)]
pub struct Session {
    id: u64,
    /// Nothing any more once it has ended.
    wanted: Arc<Mutex<Option<Vec<Wanted>>>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.id)
    }
}

impl Session {
    pub(super) fn begin() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, wanted: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    /// Tells it from every other connection of this process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Has this done when the other side has ended the connection; at once if it already has. False where so
    /// much is wanted of it that this is not done.
    pub fn at_end(&self, wanted: impl FnOnce() + Send + 'static) -> bool {
        let mut all = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        match all.as_mut() {
            Some(all) if all.len() >= WANTED_MAX => return false,
            Some(all) => all.push(Box::new(wanted)),
            None => {
                drop(all);
                wanted();
            }
        }
        true
    }

    /// The other side has ended it.
    pub(super) fn end(&self) {
        let all = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
        all.into_iter().flatten().for_each(|wanted| wanted());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_done_once_at_the_end_and_at_once_after_it() {
        let done = Arc::new(AtomicU64::new(0));
        let count = || {
            let done = Arc::clone(&done);
            move || _ = done.fetch_add(1, Ordering::Relaxed)
        };
        let session = Session::begin();
        assert!(session.at_end(count()));
        assert_eq!(done.load(Ordering::Relaxed), 0);
        session.end();
        session.end();
        assert_eq!(done.load(Ordering::Relaxed), 1);
        assert!(session.at_end(count()));
        assert_eq!(done.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_may_be_wanted_is_bounded() {
        let session = Session::begin();
        assert!((0..WANTED_MAX).all(|_| session.at_end(|| {})));
        assert!(!session.at_end(|| {}));
    }
}
