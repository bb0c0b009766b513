//! Keeps one subscription: finds a master with back-off, then hands its events to the loop.

use lathe_mesos::backoff::Backoff;
use lathe_mesos::scheduler::{Caller, Client, Endpoint, SubscribeError};
use lathe_mesos::{Limits, v1};
use tokio::sync::mpsc;

use super::Message;
use crate::framework::event::Event;
use crate::mesos_calls::event_of;

const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 15_000;

/// What a subscription tells the loop.
#[derive(Debug)]
pub enum StreamItem {
    Opened(Caller),
    Event(Event),
    /// It could not be had so far; it is tried again.
    NotYet {
        reason: String,
    },
    Closed {
        reason: String,
    },
}

pub(super) struct Subscriber {
    pub(super) generation: u64,
    pub(super) masters: Endpoint,
    /// Where masters are looked for, beside those of the endpoint.
    pub(super) group: Option<String>,
    pub(super) info: v1::FrameworkInfo,
    pub(super) role: String,
    pub(super) messages: mpsc::UnboundedSender<Message>,
    pub(super) first: bool,
}

impl Subscriber {
    pub(super) async fn run(self) {
        let client = match Client::new(self.masters.clone(), Limits::default()) {
            Ok(client) => client,
            Err(error) => {
                self.send(StreamItem::Event(refused(error.to_string())));
                return;
            }
        };
        let mut backoff = Backoff::new(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, rand::random());
        // Masters that have just failed over hear from everybody at once: wait a random while.
        // The first subscription of a process is nobody's stampede.
        let mut pause_first = !self.first;
        let mut subscription = loop {
            if pause_first {
                tokio::time::sleep(std::time::Duration::from_millis(backoff.next_ms())).await;
            }
            pause_first = true;
            match client.subscribe(self.info.clone(), Vec::new()).await {
                Ok(subscription) => break subscription,
                Err(error @ SubscribeError::NoLeader { .. }) => {
                    tracing::warn!(%error, "no subscription yet");
                    let reason = match &self.group {
                        Some(group) => format!("{error}; masters are looked for in {group}"),
                        None => error.to_string(),
                    };
                    self.send(StreamItem::NotYet { reason });
                }
                Err(error) => {
                    self.send(StreamItem::Event(refused(error.to_string())));
                    return;
                }
            }
        };
        let master = subscription.master.authority();
        self.send(StreamItem::Opened(subscription.caller()));
        loop {
            match subscription.next().await {
                Ok(event) => {
                    if let Some(event) = event_of(event, &self.role, &master) {
                        self.send(StreamItem::Event(event));
                    }
                }
                Err(error) => {
                    self.send(StreamItem::Closed { reason: error.to_string() });
                    return;
                }
            }
        }
    }

    fn send(&self, item: StreamItem) {
        // The loop is gone when the process ends; nobody is left to be told.
        let _ = self.messages.send(Message::Stream { generation: self.generation, item });
    }
}

fn refused(message: String) -> Event {
    Event::Refused { message, removed: false }
}
