//! By which connection each incarnation was heard last, so that its end is known.
//!
//! Owns that note alone; what follows from a closed connection is the machine's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lathe_api::door::Session;
use tokio::sync::mpsc;

use crate::directory::Event;
use crate::driver::Input;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, u64>>>);

impl Sessions {
    /// An incarnation was heard by this connection: when that ends, and it was not heard by another one since,
    /// the machine is told. Where the loop is too busy for that, its silence will tell.
    pub(super) fn heard(&self, session: &Session, incarnation: &str, inputs: &mpsc::Sender<Input>) {
        let before = self.all().insert(incarnation.to_owned(), session.id());
        if before == Some(session.id()) {
            return;
        }
        let (this, inputs, id) = (self.clone(), inputs.clone(), session.id());
        let (mine, incarnation) = (incarnation.to_owned(), incarnation.to_owned());
        let is_watched = session.at_end(move || {
            if this.forget(&mine, id) {
                let _ = inputs.try_send(Input::Event(Event::Closed { incarnation: mine }));
            }
        });
        if !is_watched {
            self.forget(&incarnation, id);
        }
    }

    /// Whether that was the last connection by which it was heard.
    fn forget(&self, incarnation: &str, id: u64) -> bool {
        let mut all = self.all();
        let is_last = all.get(incarnation) == Some(&id);
        if is_last {
            all.remove(incarnation);
        }
        is_last
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
