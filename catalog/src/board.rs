//! What is said to a group: messages to those who are in it, values that are kept for whoever comes.
//!
//! Owns the two records and every rule of them: numbers, limits, what is let go of first, who still
//! has something to take. It must not know the store, time, or how anybody is told.
//!
//! A message has the members that the group has when it is sent; who comes later is not among
//! them. Each member takes the messages of a group in the order of their numbers, and acknowledges by
//! number: one that acknowledges 7 has 1 to 7. Nobody waits for anybody else.

mod audience;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use audience::Audience;

/// Messages that a group keeps. Beyond, the oldest that everybody has goes first, then the oldest.
pub const MESSAGES_MAX: usize = 64;
/// Of those that everybody has so many are kept, so that their sender can still ask for them.
pub const DONE_MAX: usize = 16;
/// Bytes of one message or one kept value, as JSON.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Values that a group keeps.
pub const KEYS_MAX: usize = 64;
/// Characters of the key of a kept value, and of the key by which a message is sent once.
pub const KEY_CHARS_MAX: usize = 128;
/// Bytes of everything of a group together, half of what stores take.
pub const BOARD_BYTES_MAX: usize = 512 * 1024;

/// Everything that is said to one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// Task path or tag.
    pub group: String,
    /// The number of the last message that was ever sent; 0 before the first.
    #[serde(default)]
    pub last: u64,
    /// The messages that are kept, by their numbers.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// The values that are kept, by their keys.
    #[serde(default)]
    pub metadata: BTreeMap<String, Value>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its place in the group's order: 1 is the first that was ever sent.
    pub number: u64,
    /// What its sender calls it: the same key again is the same message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it was taken: milliseconds since the Unix epoch, by the registry's clock.
    pub sent_ms: u64,
    /// What it says.
    pub body: Value,
    /// Who was in the group.
    pub to: Audience,
}

/// What one incarnation has taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acks {
    /// Which one.
    pub incarnation: String,
    /// Of each group the number up to which it has all that was meant for it.
    #[serde(default)]
    pub groups: BTreeMap<String, u64>,
}

impl Acks {
    /// Takes newer numbers; whether one of them was new.
    pub fn raise(&mut self, newer: &BTreeMap<String, u64>) -> bool {
        let mut raised = false;
        for (group, number) in newer {
            let known = self.groups.entry(group.clone()).or_default();
            raised |= *number > *known;
            *known = (*known).max(*number);
        }
        raised
    }
}

/// Why something is not taken onto a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoardError {
    /// The message or value has so many bytes.
    ValueTooLarge(usize),
    /// The key is empty, too long or not printable.
    BadKey,
    /// The group keeps as many values as it may.
    TooManyKeys,
    /// Everything that has to be kept would have so many bytes.
    Full(usize),
    /// Nobody is there who could take it.
    NobodyThere,
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ValueTooLarge(bytes) => {
                write!(f, "it has {bytes} bytes; a group takes {VALUE_BYTES_MAX} at a time")
            }
            Self::BadKey => {
                write!(f, "a key has 1 to {KEY_CHARS_MAX} printable characters")
            }
            Self::TooManyKeys => write!(f, "the group keeps {KEYS_MAX} values, which is the most"),
            Self::Full(bytes) => write!(
                f,
                "what the group keeps would have {bytes} bytes, and may have {BOARD_BYTES_MAX}"
            ),
            Self::NobodyThere => f.write_str("nobody is in this group who could take it"),
        }
    }
}

impl std::error::Error for BoardError {}

impl Board {
    /// The board of a group to which nothing was said yet.
    #[must_use]
    pub fn new(group: &str) -> Self {
        Self { group: group.to_owned(), ..Self::default() }
    }

    /// Takes a message and gives its number; one whose key is known already keeps its number, and the
    /// board stays as it is. `is_done` says whether a message is still waited for by nobody.
    ///
    /// # Errors
    /// When the message, its key or its audience cannot be taken; nothing changes then.
    pub fn send(
        &mut self,
        (body, key, to): (Value, Option<String>, Audience),
        sent_ms: u64,
        is_done: impl Fn(&Message) -> bool,
    ) -> Result<u64, BoardError> {
        if let Some(key) = &key {
            check_key(key)?;
            let known = self.messages.iter().find(|message| message.key.as_ref() == Some(key));
            if let Some(known) = known {
                return Ok(known.number);
            }
        }
        check_value(&body)?;
        if to.is_empty() {
            return Err(BoardError::NobodyThere);
        }
        let mut next = self.clone();
        next.last += 1;
        next.messages.push(Message { number: next.last, key, sent_ms, body, to });
        next.let_go(is_done)?;
        *self = next;
        Ok(self.last)
    }

    /// Keeps a value under a key, or lets go of it; whether that changed anything.
    ///
    /// # Errors
    /// When the value or its key cannot be taken; nothing changes then.
    pub fn keep(&mut self, key: &str, value: Option<Value>) -> Result<bool, BoardError> {
        check_key(key)?;
        let Some(value) = value else { return Ok(self.metadata.remove(key).is_some()) };
        check_value(&value)?;
        if self.metadata.get(key) == Some(&value) {
            return Ok(false);
        }
        if self.metadata.len() >= KEYS_MAX && !self.metadata.contains_key(key) {
            return Err(BoardError::TooManyKeys);
        }
        let mut next = self.clone();
        next.metadata.insert(key.to_owned(), value);
        let bytes = next.bytes();
        if bytes > BOARD_BYTES_MAX {
            return Err(BoardError::Full(bytes));
        }
        *self = next;
        Ok(true)
    }

    /// The message of this number, while it is kept.
    #[must_use]
    pub fn message(&self, number: u64) -> Option<&Message> {
        let at = self.messages.binary_search_by_key(&number, |message| message.number).ok()?;
        self.messages.get(at)
    }

    /// What this incarnation was sent after the number, in order.
    pub fn for_member(&self, incarnation: &str, after: u64) -> impl Iterator<Item = &Message> {
        let first = self.messages.partition_point(|message| message.number <= after);
        self.messages[first..].iter().filter(move |message| message.to.contains(incarnation))
    }

    /// Lets go of what is too much, the newest message excepted.
    fn let_go(&mut self, is_done: impl Fn(&Message) -> bool) -> Result<(), BoardError> {
        let mut done: Vec<bool> = self.messages.iter().map(is_done).collect();
        loop {
            let finished = done.iter().filter(|done| **done).count();
            let bytes = self.bytes();
            let is_full = self.messages.len() > MESSAGES_MAX || bytes > BOARD_BYTES_MAX;
            if !is_full && finished <= DONE_MAX {
                return Ok(());
            }
            let oldest = done.iter().position(|done| *done).unwrap_or(0);
            if oldest + 1 >= self.messages.len() {
                return Err(BoardError::Full(bytes));
            }
            self.messages.remove(oldest);
            done.remove(oldest);
        }
    }

    fn bytes(&self) -> usize {
        bytes(self)
    }
}

fn check_key(key: &str) -> Result<(), BoardError> {
    let long = key.chars().nth(KEY_CHARS_MAX).is_some();
    if key.is_empty() || long || key.chars().any(char::is_control) {
        return Err(BoardError::BadKey);
    }
    Ok(())
}

fn check_value(value: &Value) -> Result<(), BoardError> {
    let bytes = bytes(value);
    if bytes > VALUE_BYTES_MAX {
        return Err(BoardError::ValueTooLarge(bytes));
    }
    Ok(())
}

/// The length of something as JSON.
fn bytes<T: Serialize>(value: &T) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).expect("a board has text keys only");
    counter.0
}

#[cfg(test)]
mod tests;
