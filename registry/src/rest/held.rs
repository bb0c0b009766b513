//! Answers that are not given at once: a look-up that waits for a change, one that waits for the store.
//!
//! Owns how long each may wait, and what follows when it has waited in vain. When a change has come is
//! the machine's matter.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, HeaderName};
use lathe_api::door::{Caller, Problem};
use tokio::sync::oneshot;

use super::Desk;
use super::answers::{Answer, listed, version_that_it_has};
use super::input::{Blocking, Mode, prefer_wait};
use crate::directory::{Directory, Resume, Wish};
use crate::driver::Input;

/// What one waits for a change who does not say how long.
const WAIT: Duration = Duration::from_secs(300);
/// Those who began to wait together are not to come again together: so much of the wait, at most, is
/// added.
const JITTER: u32 = 16;
/// How long the store may take to say its newest commit, and the registry to come to know it.
const STORE_TIME: Duration = Duration::from_secs(5);
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The longest time that an answer is held back for a change and for the store.
pub(super) fn longest(wait_max: Duration) -> Duration {
    wait_max + wait_max / JITTER + STORE_TIME
}

impl Desk {
    /// Sees to it that what is known is as new as the reader wants it.
    pub(super) async fn heard_for(&self, mode: Mode) -> Result<(), Problem> {
        let age_ms = {
            let directory = self.kept.read();
            listed(&directory)?;
            directory.age_ms(self.kept.clock.now().ms)
        };
        match mode {
            Mode::Stale => Ok(()),
            Mode::Default if age_ms <= self.bounds.age_max_ms => Ok(()),
            Mode::Default => Err(Problem::too_old(format!(
                "the store was not heard for {age_ms} ms; mode=stale takes answers of any age"
            ))),
            Mode::Linearizable if age_ms > 0 => {
                Err(Problem::too_old(format!("the store was not heard for {age_ms} ms")))
            }
            Mode::Linearizable => self.reach_newest().await,
        }
    }

    /// Answers a look-up that may wait: as new as it has to be, when something else is there or the time
    /// is over.
    pub(super) async fn look(
        &self,
        caller: &Caller,
        wish: Wish,
        asked: &Blocking,
        headers: &HeaderMap,
        show: impl FnOnce(&Directory) -> Result<(u64, Body), Problem>,
    ) -> Answer {
        self.heard_for(asked.mode).await?;
        self.hold(caller, wish, asked, headers).await?;
        self.view(headers, show)
    }

    /// Waits until everything is known that was durable when it was called.
    async fn reach_newest(&self) -> Result<(), Problem> {
        let reached = async {
            let (ask, newest) = oneshot::channel();
            self.asks.send(ask).await.ok()?;
            let (history, commit) = newest.await.ok()?;
            // One of another history is over at once; the listing of that history was the newest.
            let seen = Resume { history, commit };
            self.wait(Wish::Commit, seen).await.ok()?.await.ok()
        };
        match tokio::time::timeout(STORE_TIME, reached).await {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(Problem::too_old("the store does not say its newest commit")),
            Err(_) => Err(Problem::too_old("the store's newest commit did not come in time")),
        }
    }

    /// Waits for a change of what the reader has seen, if it says what that is and that it waits. Comes
    /// back when the time is over, too: the answer is then what it was.
    async fn hold(
        &self,
        caller: &Caller,
        wish: Wish,
        asked: &Blocking,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let preferred = headers.get(PREFER).and_then(|value| prefer_wait(value.to_str().ok()?));
        let named = asked.wait.map(Duration::from).or(preferred);
        let Some(wait) = named.or(asked.index.map(|_| WAIT)) else { return Ok(()) };
        let Some(seen) = self.seen(&wish, asked, headers) else { return Ok(()) };
        let wait = wait.min(self.bounds.wait_max);
        let jitter = rand::random_range(Duration::ZERO..=wait / JITTER);
        let _place = self.places.take(caller)?;
        if self.kept.read().is_full() {
            return Err(Problem::busy("there are as many watchers as there may be"));
        }
        self.metrics.waits.inc();
        let released = self.wait(wish, seen).await?;
        match tokio::time::timeout(wait + jitter, released).await {
            Ok(Err(_)) => Err(Problem::busy("the registry is ending, or has no place")),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    /// What the reader has. A number alone does not say of which history it is: one that is not
    /// reached yet is taken for another one's, and answered.
    fn seen(&self, wish: &Wish, asked: &Blocking, headers: &HeaderMap) -> Option<Resume> {
        let Some(index) = asked.index else { return version_that_it_has(headers) };
        let directory = self.kept.read();
        let history = directory.catalog().history().to_owned();
        (index.0 <= version(&directory, wish)).then_some(Resume { history, commit: index.0 })
    }

    async fn wait(&self, wish: Wish, seen: Resume) -> Result<oneshot::Receiver<()>, Problem> {
        let (released, is_released) = oneshot::channel();
        let watcher = self.next_watcher();
        let wait = Input::Await { watcher, wish, seen, released };
        let sent = self.inputs.send(wait).await;
        sent.map_err(|_| Problem::busy("the registry is ending")).map(|()| is_released)
    }
}

fn version(directory: &Directory, wish: &Wish) -> u64 {
    let catalog = directory.catalog();
    match wish {
        Wish::Group(group) => catalog.version(group),
        Wish::Config(task) => catalog.config_version(task),
        Wish::Board(group) => catalog.said_version(group),
        Wish::Commit => catalog.commit(),
    }
}
