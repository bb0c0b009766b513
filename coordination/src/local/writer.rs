//! The one thread that writes: takes everything that waits, tries it in order, makes it durable in
//! one transaction, then makes it visible and answers. Owns the order persist, publish, answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::disk::{Disk, StoredSession, Transaction};
use super::hub::Hub;
use super::outbox::Outbox;
use super::stats::Stats;
use super::tree::Batch;
use crate::limits::MAX_SESSIONS;
use crate::wire::{Refusal, SessionKey, ToClient};
use crate::{Op, StoreError};

/// Jobs that wait; whoever brings more waits too.
pub(crate) const MAX_JOBS: usize = 16_384;
/// Jobs of one transaction.
const MAX_BATCH: usize = 4096;

/// One thing to be written.
pub(crate) enum Job {
    Multi {
        session: u64,
        ops: Vec<Op>,
        id: u64,
        outbox: Arc<Outbox>,
        /// Its share of the memory for what waits, given back with it.
        share: OwnedSemaphorePermit,
    },
    /// A new session; `None` when there are too many.
    Open { timeout_ms: u64, answer: oneshot::Sender<Option<SessionKey>> },
    /// Nothing more is to be done: the server is dropped.
    Stop,
    /// The end of a session; the answer comes when it is durable.
    End { session: u64, answer: Option<oneshot::Sender<()>> },
}

/// What the writer keeps.
pub(crate) struct Writer {
    disk: Disk,
    hub: Arc<Hub>,
    live: BTreeSet<u64>,
    last_session: u64,
    stats: Stats,
}

/// What is to be said once a transaction is durable.
#[derive(Default)]
struct Outcome {
    replies: Vec<(Arc<Outbox>, ToClient)>,
    opened: Vec<(u64, StoredSession, oneshot::Sender<Option<SessionKey>>)>,
    /// Sessions that ended with this transaction.
    ended: Vec<u64>,
    /// Who closed a session and waits to hear that it is done.
    closed: Vec<(u64, oneshot::Sender<()>)>,
}

impl Writer {
    pub(crate) fn new(disk: Disk, hub: Arc<Hub>, live: BTreeSet<u64>, last_session: u64) -> Self {
        Self { disk, hub, live, last_session, stats: Stats::default() }
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Works until nobody can bring jobs any more, or until `stop` is set and a job wakes it.
    ///
    /// # Errors
    /// The disk failed: what was not answered may or may not be there after the next start.
    pub(crate) fn run(
        mut self,
        mut jobs: mpsc::Receiver<Job>,
        stop: &AtomicBool,
    ) -> Result<(), redb::Error> {
        let mut waiting = Vec::with_capacity(MAX_BATCH);
        while jobs.blocking_recv_many(&mut waiting, MAX_BATCH) > 0 {
            if stop.load(Ordering::Acquire) {
                break;
            }
            self.write(&mut waiting)?;
        }
        Ok(())
    }

    fn write(&mut self, jobs: &mut Vec<Job>) -> Result<(), redb::Error> {
        let hub = self.hub.clone();
        let mut outcome = Outcome::default();
        let before = hub.with_tree(super::tree::Tree::commit);
        // The tree is only changed by this thread, so that trying under its lock could wait for
        // nobody; readers wait for the trying, not for the disk.
        let (changes, commit) = hub.with_tree(|tree| {
            let mut batch = Batch::new(tree);
            for job in jobs.iter_mut() {
                self.attempt(&mut batch, job, &mut outcome);
            }
            batch.finish()
        });
        let changed = commit != before || !outcome.opened.is_empty() || !outcome.ended.is_empty();
        if changed {
            let start = Instant::now();
            self.disk.write(&Transaction {
                changes: &changes,
                commit,
                opened: outcome.opened.iter().map(|(id, session, _)| (*id, *session)).collect(),
                ended: outcome.ended.clone(),
            })?;
            self.stats.written(jobs.len(), start.elapsed());
            hub.publish(&changes, commit);
        }
        self.answer(jobs, outcome);
        Ok(())
    }

    fn attempt(&mut self, batch: &mut Batch<'_>, job: &mut Job, outcome: &mut Outcome) {
        match job {
            Job::Multi { session, ops, id, outbox, .. } => {
                let result = if self.live.contains(session) {
                    batch.apply(*session, ops)
                } else {
                    Err(StoreError::Expired)
                };
                let reply = match result {
                    Ok(commit) => ToClient::Committed { id: *id, commit },
                    Err(error) => ToClient::Failed { id: *id, error },
                };
                outcome.replies.push((outbox.clone(), reply));
            }
            Job::Stop => {}
            Job::Open { timeout_ms, answer } => {
                let answer = std::mem::replace(answer, oneshot::channel().0);
                if self.live.len() >= MAX_SESSIONS {
                    // Nobody waits any more: nothing to be told.
                    let _ = answer.send(None);
                    return;
                }
                self.last_session += 1;
                self.live.insert(self.last_session);
                let session = StoredSession { timeout_ms: *timeout_ms, secret: new_secret() };
                outcome.opened.push((self.last_session, session, answer));
            }
            Job::End { session, answer } => {
                if self.live.remove(session) {
                    batch.end_session(*session);
                    outcome.ended.push(*session);
                }
                outcome.closed.extend(answer.take().map(|answer| (*session, answer)));
            }
        }
    }

    fn answer(&self, jobs: &mut Vec<Job>, outcome: Outcome) {
        for (outbox, reply) in outcome.replies {
            outbox.settle(&reply);
        }
        let now = Instant::now();
        for (id, session, answer) in outcome.opened {
            self.hub.sessions().add(id, &session, now);
            // A connection that is gone leaves the session to its timeout.
            let _ = answer.send(Some(SessionKey { id, secret: session.secret }));
        }
        for (id, answer) in outcome.closed {
            // It gives its client a better last word than the one below.
            self.hub.sessions().remove(id);
            let _ = answer.send(());
        }
        for id in outcome.ended {
            if let Some(outbox) = self.hub.sessions().remove(id) {
                outbox.close_with(&ToClient::Refused(Refusal::Expired));
            }
        }
        for job in jobs.drain(..) {
            if let Job::Multi { share, .. } = job {
                drop(share);
            }
        }
    }
}

fn new_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    let (first, second) = secret.split_at_mut(16);
    first.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    second.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    secret
}
