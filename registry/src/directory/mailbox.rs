//! What one member of groups was told on its stream, and what it is still to be told.
//!
//! Owns that a message goes once over one stream, in order, and never more than a batch's worth at
//! a time. On a new stream everything that was not acknowledged comes again.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Board, Catalog, Entry, Mail, MailView};
use serde_json::Value;

/// Messages that go at one time.
const MESSAGES_MAX: usize = 16;

type Metadata = BTreeMap<String, BTreeMap<String, Value>>;

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    /// There may be something to tell.
    pub(super) due: bool,
    /// The number up to which each group's messages went out.
    sent: BTreeMap<String, u64>,
    metadata: Metadata,
}

impl Mailbox {
    /// On a stream where nothing was told yet.
    pub(super) fn new() -> Self {
        Self { due: true, ..Self::default() }
    }

    /// What is to be told now, if anything; `due` stays if there is more.
    pub(super) fn take(&mut self, catalog: &Catalog, incarnation: &str) -> Option<MailView> {
        self.due = false;
        let entry = catalog.entry(incarnation)?;
        let boards: Vec<&Board> =
            names(entry).into_iter().filter_map(|name| catalog.board(name)).collect();
        let kept = boards.iter().filter(|board| !board.metadata.is_empty());
        let metadata: Metadata =
            kept.map(|board| (board.group.clone(), board.metadata.clone())).collect();
        let messages = self.messages(catalog, incarnation, &boards);
        if messages.is_empty() && metadata == self.metadata {
            return None;
        }
        self.metadata.clone_from(&metadata);
        let history = catalog.history().to_owned();
        Some(MailView { incarnation: incarnation.to_owned(), history, messages, metadata })
    }

    fn messages(&mut self, catalog: &Catalog, incarnation: &str, boards: &[&Board]) -> Vec<Mail> {
        let acks = catalog.acks(incarnation);
        let mut messages = Vec::new();
        for board in boards {
            let has = acks.and_then(|acks| acks.groups.get(&board.group)).copied().unwrap_or(0);
            let sent = self.sent.entry(board.group.clone()).or_default();
            for message in board.for_member(incarnation, has.max(*sent)) {
                if messages.len() == MESSAGES_MAX {
                    self.due = true;
                    return messages;
                }
                *sent = message.number;
                messages.push(Mail {
                    group: board.group.clone(),
                    number: message.number,
                    sent_ms: message.sent_ms,
                    body: message.body.clone(),
                });
            }
        }
        messages
    }
}

/// The groups that an entry belongs to, each once.
fn names(entry: &Entry) -> BTreeSet<&str> {
    std::iter::once(entry.task.as_str()).chain(entry.tags.iter().map(String::as_str)).collect()
}
