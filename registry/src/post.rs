//! The way onto boards: what is said to groups, and what their members acknowledge.
//!
//! Owns the order in which this registry writes it: one write at a time, in which everything goes
//! that came meanwhile. What a write holds is `draft`'s matter. Other registries write as well: whoever
//! finds a node changed since looks again.

mod draft;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lathe_api::door::Problem;
use lathe_catalog::BoardError;
use lathe_coordination::{Op, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::directory::{Resume, WatcherId, Wish};
use crate::driver::{Input, Kept};
use draft::draft;
pub(crate) use draft::{Asked, Seen};

/// What may wait to be written.
const LETTERS_MAX: usize = 1024;
/// What goes in one write.
const LETTERS_AT_ONCE: usize = 128;
/// How often one write is tried that others come before.
const TRIES: u32 = 8;
/// How long the store may take for one write, and this registry to hear of it.
const STORE_TIME: Duration = Duration::from_secs(5);
/// Between two tries, at the most, times the number of the try.
const PAUSE: Duration = Duration::from_millis(10);

/// Something to be written, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) asked: Asked,
    /// The number of the message that was sent; of all else nothing.
    pub(crate) done: oneshot::Sender<Outcome>,
}

/// What became of a letter.
type Outcome = Result<Option<u64>, Refusal>;

/// Operations for the store, all or none.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) ops: Vec<Op>,
    pub(crate) done: oneshot::Sender<Result<u64, StoreError>>,
}

/// Why something is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody ever belonged to this group.
    UnknownGroup,
    /// The catalog has no such incarnation.
    UnknownIncarnation,
    /// The board does not take it.
    Board(BoardError),
    /// Something else stands there than its writer has seen.
    Changed,
    /// It acknowledges what was never sent.
    NeverSent(String),
    /// The store could not be asked, or others were always first: nothing was written.
    Busy(&'static str),
    /// The store has not answered: nobody knows whether it was written.
    Unknown,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownGroup => Problem::not_found("nobody ever belonged to this group"),
            Refusal::UnknownIncarnation => {
                Problem::not_found("the catalog has no such incarnation")
            }
            Refusal::Board(error @ (BoardError::ValueTooLarge(_) | BoardError::Full(_))) => {
                Problem::too_large(error.to_string())
            }
            Refusal::Board(error @ (BoardError::NobodyThere | BoardError::TooManyKeys)) => {
                Problem::not_now(error.to_string())
            }
            Refusal::Board(error @ BoardError::BadKey) => Problem::bad_request(error.to_string()),
            Refusal::Changed => Problem::changed(
                "something else was said to the group than what the client has seen",
            ),
            Refusal::NeverSent(group) => {
                Problem::bad_request(format!("no message of that number was sent to {group}"))
            }
            Refusal::Busy(why) => Problem::busy(why),
            Refusal::Unknown => Problem::busy(
                "the store has not answered, so it may have been written: with the same \
                 Idempotency-Key a message is sent once",
            ),
        }
    }
}

/// A channel for letters.
pub(crate) fn letters() -> (mpsc::Sender<Letter>, mpsc::Receiver<Letter>) {
    mpsc::channel(LETTERS_MAX)
}

/// Hands something in and waits for what becomes of it.
pub(crate) async fn hand_in(
    letters: &mpsc::Sender<Letter>,
    asked: Asked,
) -> Result<Option<u64>, Problem> {
    let (done, is_done) = oneshot::channel();
    let ending = || Problem::busy("the registry is ending");
    letters
        .try_send(Letter { asked, done })
        .map_err(|_| Problem::busy("too much waits to be written"))?;
    Ok(is_done.await.map_err(|_| ending())??)
}

/// Writes letters until nobody hands any in.
#[derive(Debug)]
pub(crate) struct Post {
    kept: Arc<Kept>,
    inputs: mpsc::Sender<Input>,
    edits: mpsc::Sender<Edit>,
    /// Names for its waits, which are beside those of watchers.
    watchers: Arc<AtomicU64>,
}

impl Post {
    /// Writes what is handed in, by `edits`, until it is aborted.
    pub(crate) fn start(
        kept: &Arc<Kept>,
        inputs: &mpsc::Sender<Input>,
        edits: mpsc::Sender<Edit>,
        watchers: &Arc<AtomicU64>,
    ) -> (mpsc::Sender<Letter>, JoinHandle<()>) {
        let (letters, handed_in) = letters();
        let (kept, inputs, watchers) = (Arc::clone(kept), inputs.clone(), Arc::clone(watchers));
        let post = Self { kept, inputs, edits, watchers };
        (letters, tokio::spawn(post.run(handed_in)))
    }

    async fn run(self, mut letters: mpsc::Receiver<Letter>) {
        let mut batch = Vec::with_capacity(LETTERS_AT_ONCE);
        while letters.recv_many(&mut batch, LETTERS_AT_ONCE).await > 0 {
            // Whoever has gone away is not written for.
            batch.retain(|letter| !letter.done.is_closed());
            let (asked, done): (Vec<Asked>, Vec<_>) =
                batch.drain(..).map(|letter| (letter.asked, letter.done)).unzip();
            let (mut asked, mut done) = (asked.as_slice(), done.into_iter());
            while !asked.is_empty() {
                let outcomes = self.deliver(asked).await;
                asked = &asked[outcomes.len()..];
                for (outcome, done) in outcomes.into_iter().zip(done.by_ref()) {
                    let _ = done.send(outcome);
                }
            }
        }
    }

    /// Writes the first ones, as many as go together; gives what became of those.
    async fn deliver(&self, asked: &[Asked]) -> Vec<Outcome> {
        let all = |refusal: Refusal| asked.iter().map(|_| Err(refusal.clone())).collect();
        for attempt in 1..=TRIES {
            let drafted = {
                let directory = self.kept.read();
                let now = self.kept.clock.now();
                if !directory.is_listed() || directory.age_ms(now.ms) > 0 {
                    return all(Refusal::Busy("the store is not heard"));
                }
                draft(&directory, asked, now.unix_ms)
            };
            if drafted.ops.is_empty() {
                return drafted.outcomes;
            }
            match self.write(drafted.ops).await {
                Ok(commit) => {
                    self.reached(commit).await;
                    return drafted.outcomes;
                }
                Err(Ended::Behind) => {
                    let pause = rand::random_range(Duration::ZERO..=PAUSE * attempt);
                    tokio::time::sleep(pause).await;
                }
                Err(Ended::Refused) => return all(Refusal::Busy("the store refuses the write")),
                Err(Ended::Unknown) => return all(Refusal::Unknown),
            }
        }
        all(Refusal::Busy("others were always first"))
    }

    async fn write(&self, ops: Vec<Op>) -> Result<u64, Ended> {
        let (done, is_done) = oneshot::channel();
        self.edits.try_send(Edit { ops, done }).map_err(|_| Ended::Refused)?;
        match tokio::time::timeout(STORE_TIME, is_done).await {
            Ok(Ok(Ok(commit))) => Ok(commit),
            Ok(Ok(Err(error))) => Err(Ended::of(&error)),
            Ok(Err(_)) | Err(_) => Err(Ended::Unknown),
        }
    }

    /// Waits until this registry shows what was written, so that the next write builds on it. One that
    /// does not hear it in time finds out by the versions.
    async fn reached(&self, commit: u64) {
        let history = self.kept.read().catalog().history().to_owned();
        let (released, is_released) = oneshot::channel();
        let watcher = WatcherId(self.watchers.fetch_add(1, Ordering::Relaxed));
        let seen = Resume { history, commit };
        let wait = Input::Await { watcher, wish: Wish::Commit, seen, released };
        if self.inputs.send(wait).await.is_ok() {
            let _ = tokio::time::timeout(STORE_TIME, is_released).await;
        }
    }
}

/// How a write ended that was not taken.
enum Ended {
    /// Somebody else was first.
    Behind,
    /// It was refused for another reason.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Ended {
    fn of(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict { .. }
            | StoreError::Exists { .. }
            | StoreError::NotFound { .. } => Self::Behind,
            error => {
                tracing::warn!(%error, "what was said to a group was not written");
                Self::Unknown
            }
        }
    }
}
