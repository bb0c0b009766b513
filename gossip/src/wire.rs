//! What packets say, and how much of it there may be.
//!
//! Owns the messages and their form (postcard). Everything that is read is bounded by the packet that it came in.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::seal::OVERHEAD;
use crate::statement::{
    CONTENT_BYTES_MAX, NAME_BYTES_MAX, Statement, Subject, SubjectKey, digest_of,
};
use crate::{Refused, Signature};

/// Bytes of a datagram: below what any path carries whole.
pub const DATAGRAM_BYTES_MAX: usize = 1400;
/// Bytes of a frame of a connection: the largest statement.
pub const FRAME_BYTES_MAX: usize = CONTENT_BYTES_MAX + 4096;
/// Bytes of a frame by which somebody asks.
pub const ASK_BYTES_MAX: usize = 16 << 10;
/// Bytes that a message may have for a datagram to carry it, with the address before it.
pub(crate) const MESSAGE_BYTES_MAX: usize = DATAGRAM_BYTES_MAX - OVERHEAD;
/// Things that one message names.
pub(crate) const ITEMS_MAX: usize = 1024;

/// A message, with the address at which its sender listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) from: SocketAddr,
    pub(crate) message: Message,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// Of members, in the membership's own form.
    Members(Vec<u8>),
    /// What the sender has.
    Digest(Digest),
    /// What the sender asks for.
    Want(Vec<Wanted>),
    /// What registries have said.
    Told(Vec<Told>),
}

/// What somebody has, of one history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Digest {
    /// Empty where nothing is known.
    pub(crate) history: String,
    /// The newest of all that is known in it.
    pub(crate) heard_ms: u64,
    /// It answers another one.
    pub(crate) answer: bool,
    pub(crate) items: Vec<Item>,
}

/// One thing that somebody follows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) key: SubjectKey,
    /// None where it is followed and not known.
    pub(crate) has: Option<Has>,
}

/// What is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Has {
    pub(crate) version: u64,
    pub(crate) heard_ms: u64,
    /// No datagram carries it.
    pub(crate) large: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) key: SubjectKey,
    /// The version that is known: of that the signature is enough.
    pub(crate) known: Option<(u64, u64)>,
}

/// A statement on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) subject: Subject,
    pub(crate) history: String,
    pub(crate) version: u64,
    pub(crate) heard_ms: u64,
    /// None where the receiver has it.
    pub(crate) content: Option<String>,
    pub(crate) signature: Signature,
}

impl Told {
    pub(crate) fn of(statement: &Statement, with_content: bool) -> Self {
        let Statement { subject, history, version, heard_ms, content, signature, .. } = statement;
        Self {
            subject: subject.clone(),
            history: history.clone(),
            version: *version,
            heard_ms: *heard_ms,
            content: with_content.then(|| content.to_string()),
            signature: *signature,
        }
    }

    /// The statement, with the content that is known where it has none of its own.
    pub(crate) fn into_statement(self, known: Option<(Arc<str>, [u8; 32])>) -> Option<Statement> {
        let Self { subject, history, version, heard_ms, content, signature } = self;
        let (content, digest) = match content {
            Some(content) => {
                let digest = digest_of(&content);
                (content.into(), digest)
            }
            None => known?,
        };
        Some(Statement { subject, history, version, heard_ms, content, digest, signature })
    }

    /// About as many bytes of a message.
    pub(crate) fn size(&self) -> usize {
        let content = self.content.as_ref().map_or(0, String::len);
        content + self.subject.name.len() + self.history.len() + 64 + 32
    }
}

/// Whether no datagram carries this statement.
pub(crate) fn is_large(statement: &Statement) -> bool {
    Told::of(statement, false).size() + statement.content.len() + 64 > MESSAGE_BYTES_MAX
}

pub(crate) fn write(envelope: &Envelope) -> Vec<u8> {
    postcard::to_allocvec(envelope).expect("memory takes any message")
}

/// Reads a message.
pub(crate) fn read(text: &[u8]) -> Result<Envelope, Refused> {
    let (envelope, rest) =
        postcard::take_from_bytes::<Envelope>(text).map_err(|_| Refused::Message)?;
    let is_short = |text: &str| !text.is_empty() && text.len() <= NAME_BYTES_MAX;
    let is_well = match &envelope.message {
        Message::Members(data) => data.len() <= DATAGRAM_BYTES_MAX,
        Message::Digest(digest) => {
            digest.items.len() <= ITEMS_MAX && digest.history.len() <= NAME_BYTES_MAX
        }
        Message::Want(wanted) => wanted.len() <= ITEMS_MAX,
        Message::Told(told) => told.iter().all(|told| {
            let content = told.content.as_ref().map_or(0, String::len);
            is_short(&told.subject.name) && is_short(&told.history) && content <= CONTENT_BYTES_MAX
        }),
    };
    if rest.is_empty() && is_well { Ok(envelope) } else { Err(Refused::Message) }
}
