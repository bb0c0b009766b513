//! Who is connected, and who was heard last when. Owns the deadlines; gets the time as an argument.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::disk::StoredSession;
use super::outbox::Outbox;
use crate::wire::{Refusal, SessionKey, ToClient};

/// All sessions that have not ended.
#[derive(Default)]
pub(crate) struct Sessions {
    sessions: BTreeMap<u64, Session>,
}

struct Session {
    secret: [u8; 32],
    timeout: Duration,
    heard: Instant,
    /// The connection that speaks for it now.
    outbox: Option<Arc<Outbox>>,
    /// Its end is being written: it cannot be taken up again.
    ending: bool,
}

impl Sessions {
    /// All sessions of an earlier life of the server, each with its whole timeout ahead.
    pub(crate) fn resumed(stored: &BTreeMap<u64, StoredSession>, now: Instant) -> Self {
        let mut sessions = Self::default();
        for (id, session) in stored {
            sessions.add(*id, session, now);
        }
        sessions
    }

    pub(crate) fn add(&mut self, id: u64, stored: &StoredSession, now: Instant) {
        let session = Session {
            secret: stored.secret,
            timeout: Duration::from_millis(stored.timeout_ms),
            heard: now,
            outbox: None,
            ending: false,
        };
        self.sessions.insert(id, session);
    }

    /// Gives a session to a connection and returns its timeout. A connection that had it is closed.
    pub(crate) fn attach(
        &mut self,
        key: &SessionKey,
        outbox: &Arc<Outbox>,
        now: Instant,
    ) -> Option<Duration> {
        let session = self.sessions.get_mut(&key.id)?;
        if session.ending || !equal(&session.secret, &key.secret) {
            return None;
        }
        session.heard = now;
        if let Some(old) = session.outbox.replace(outbox.clone()) {
            old.close_with(&ToClient::Refused(Refusal::Replaced));
        }
        Some(session.timeout)
    }

    /// A connection of the session has ended; the session lives on until its timeout.
    pub(crate) fn detach(&mut self, id: u64, outbox: &Arc<Outbox>) {
        if let Some(session) = self.sessions.get_mut(&id)
            && session.outbox.as_ref().is_some_and(|own| Arc::ptr_eq(own, outbox))
        {
            session.outbox = None;
        }
    }

    /// Something came from the session's connection.
    pub(crate) fn heard(&mut self, id: u64, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.heard = now;
        }
    }

    /// Marks the sessions whose time is over and returns them; they are to be ended.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<u64> {
        let mut expired = Vec::new();
        for (id, session) in &mut self.sessions {
            if !session.ending && now.saturating_duration_since(session.heard) > session.timeout {
                session.ending = true;
                expired.push(*id);
            }
        }
        expired
    }

    /// Marks one session as ending.
    pub(crate) fn end(&mut self, id: u64) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ending = true;
        }
    }

    /// Forgets a session whose end is durable; returns the connection that has it, if there is one.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Arc<Outbox>> {
        self.sessions.remove(&id).and_then(|session| session.outbox)
    }

    /// Moves all deadlines: the server itself stood still for that long and heard nobody.
    pub(crate) fn excuse(&mut self, stall: Duration, now: Instant) {
        for session in self.sessions.values_mut() {
            session.heard = (session.heard + stall).min(now);
        }
    }
}

/// Compares in a time that does not tell how much is equal.
fn equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}
