//! What is said to the groups that a task is in.
//!
//! A message is sent by `lathe send GROUP JSON`, or by a registry's REST, to everybody who is in the
//! group then. Each instance takes the messages of a group in order, and says of each that it has it;
//! whoever sent it sees that. One that was taken and not acknowledged when the process ends is over:
//! the instance that comes in its place is another one.
//!
//! ```no_run
//! use lathe::messages::inbox;
//! use lathe::task::{Run, Task, TaskError};
//!
//! struct Sorter;
//!
//! impl Task for Sorter {
//!     async fn run(&self, run: Run) -> Result<(), TaskError> {
//!         let inbox = inbox();
//!         loop {
//!             let message = tokio::select! {
//!                 () = run.ending() => return Ok(()),
//!                 message = inbox.next() => message,
//!             };
//!             let level: u8 = message.read()?;
//!             println!("{} says {level}", message.group());
//!             message.acknowledge();
//!         }
//!     }
//! }
//! ```
//!
//! What a group keeps for whoever comes is read by
//! [`registry().metadata`](crate::config::Registry::metadata).
//!
//! The module owns the queue of one process and what is acknowledged of it. It must not know how mail
//! comes and how acknowledgements go; `live` does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lathe_catalog::{Mail, MailView};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use crate::context::{Context, current};

/// Messages that wait for the task. What comes beyond is asked for again once there is room.
const QUEUE_MAX: usize = 256;

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
#[error("message {number} to {group} is not as expected")]
pub struct MessageError {
    group: String,
    number: u64,
    #[source]
    source: serde_json::Error,
}

/// The messages to this instance. All that are made share one queue: each message comes to one of them.
#[must_use]
pub fn inbox() -> Inbox {
    Inbox { context: current() }
}

#[cfg(test)]
pub(crate) fn inbox_of(context: &Arc<Context>) -> Inbox {
    Inbox { context: Arc::clone(context) }
}

/// See [`inbox`].
#[derive(Clone, Debug)]
pub struct Inbox {
    context: Arc<Context>,
}

impl Inbox {
    /// The next message. Waits for ever where there is no registry. May be dropped while it waits.
    pub async fn next(&self) -> Message {
        loop {
            let arrived = self.context.mail.arrived.notified();
            if let Some(mail) = self.context.mail.take() {
                return Message { mail, context: Arc::clone(&self.context) };
            }
            arrived.await;
        }
    }
}

/// A message that was taken. Dropping it acknowledges nothing.
#[derive(Debug)]
pub struct Message {
    mail: Mail,
    context: Arc<Context>,
}

impl Message {
    /// The group that it was sent to: a task path or a tag.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.mail.group
    }

    /// Its place in the group's order; 1 is the first message that was ever sent there.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.mail.number
    }

    /// When a registry took it: milliseconds since the Unix epoch.
    #[must_use]
    pub fn sent_ms(&self) -> u64 {
        self.mail.sent_ms
    }

    /// What it says, as it was written.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.mail.body
    }

    /// What it says, as the type that is asked for.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, MessageError> {
        T::deserialize(&self.mail.body).map_err(|source| MessageError {
            group: self.mail.group.clone(),
            number: self.mail.number,
            source,
        })
    }

    /// Says that this instance has it. Told to the registry once everything before it in its group is
    /// acknowledged as well.
    pub fn acknowledge(self) {
        self.context.mail.acknowledge(&self.mail);
    }
}

/// Values of groups, by group and key.
pub(crate) type Metadata = BTreeMap<String, BTreeMap<String, Value>>;

/// The mail of one process.
#[derive(Debug, Default)]
pub(crate) struct Mailroom {
    state: Mutex<State>,
    arrived: Notify,
    /// There is room again for what was left out.
    pub(crate) has_room: Notify,
    /// Numbers up to which everything is acknowledged, by group.
    pub(crate) acknowledged: watch::Sender<BTreeMap<String, u64>>,
    pub(crate) metadata: watch::Sender<Arc<Metadata>>,
}

#[derive(Debug, Default)]
struct State {
    history: String,
    queue: VecDeque<Mail>,
    groups: BTreeMap<String, Group>,
    is_cut: bool,
}

/// What came of one group.
#[derive(Debug, Default)]
struct Group {
    /// The last number that came.
    last: u64,
    /// What came and is not acknowledged.
    open: BTreeSet<u64>,
}

impl Mailroom {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a registry says. What came before does not come again.
    pub(crate) fn deliver(&self, view: MailView) {
        let mut state = self.state();
        if state.history != view.history {
            // Another life of the store: its numbers begin anew.
            *state = State { history: view.history, ..State::default() };
            self.acknowledged.send_replace(BTreeMap::new());
        }
        for mail in view.messages {
            if state.queue.len() >= QUEUE_MAX {
                state.is_cut = true;
                break;
            }
            let group = state.groups.entry(mail.group.clone()).or_default();
            if mail.number > group.last {
                group.last = mail.number;
                group.open.insert(mail.number);
                state.queue.push_back(mail);
                self.arrived.notify_one();
            }
        }
        drop(state);
        if **self.metadata.borrow() != view.metadata {
            self.metadata.send_replace(Arc::new(view.metadata));
        }
    }

    fn take(&self) -> Option<Mail> {
        let mut state = self.state();
        let mail = state.queue.pop_front();
        if !state.queue.is_empty() {
            // Whoever else waits is not to wait for the next arrival.
            self.arrived.notify_one();
        }
        if state.queue.len() <= QUEUE_MAX / 2 && std::mem::take(&mut state.is_cut) {
            self.has_room.notify_one();
        }
        mail
    }

    fn acknowledge(&self, mail: &Mail) {
        let mut state = self.state();
        let Some(group) = state.groups.get_mut(&mail.group) else { return };
        // One that belongs to another life of the store means nothing in this one.
        if !group.open.remove(&mail.number) {
            return;
        }
        let up_to = group.open.first().map_or(group.last, |open| open - 1);
        drop(state);
        self.acknowledged.send_if_modified(|all| {
            let known = all.entry(mail.group.clone()).or_default();
            let is_new = up_to > *known;
            *known = up_to.max(*known);
            is_new
        });
    }
}

#[cfg(test)]
mod tests;
