//! What a server says.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Fields, FrameError, SessionKey, put_bytes, put_frame, put_key, put_record};
use crate::{Record, StoreError};

/// One thing that a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToClient {
    /// The answer to `Hello`.
    Welcome {
        key: SessionKey,
        timeout_ms: u64,
        history: String,
    },
    /// Instead of a welcome, or at any time later; the connection ends with it.
    Refused(Refusal),
    Pong,
    Found {
        id: u64,
        record: Option<Record>,
    },
    Committed {
        id: u64,
        commit: u64,
    },
    Failed {
        id: u64,
        error: StoreError,
    },
    Closed {
        id: u64,
    },
    /// A piece of a listing, or of a watch's snapshot; the first one has `first`, the last one `last`.
    Part {
        id: u64,
        commit: u64,
        first: bool,
        last: bool,
        records: Vec<(String, Record)>,
    },
    Event {
        id: u64,
        event: Event,
    },
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such session, or it has ended.
    Expired,
    /// Another version of this form.
    Protocol,
    /// Too many connections or sessions.
    TooMany,
    /// Another connection took the session over.
    Replaced,
}

/// One change as a watch sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Changed { path: String, record: Record },
    Deleted { path: String, commit: u64 },
}

/// What the errors that carry static text are about.
const WHAT: [&str; 8] = [
    "the path",
    "the record",
    "the multi",
    "the listing",
    "watches",
    "connections",
    "sessions",
    "the request",
];

impl Event {
    /// The part after the watch's id, the same for every watch that sees this event.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::Changed { path, record } => {
                out.put_u8(0);
                put_bytes(&mut out, path.as_bytes());
                put_record(&mut out, record);
            }
            Self::Deleted { path, commit } => {
                out.put_u8(1);
                put_bytes(&mut out, path.as_bytes());
                out.put_u64_le(*commit);
            }
        }
        out.freeze()
    }
}

/// Writes an event that was encoded before.
pub(crate) fn put_event(out: &mut BytesMut, id: u64, event: &[u8]) {
    put_frame(out, |out| {
        out.put_u8(8);
        out.put_u64_le(id);
        out.put_slice(event);
    });
}

impl ToClient {
    pub(crate) fn put(&self, out: &mut BytesMut) {
        if let Self::Event { id, event } = self {
            return put_event(out, *id, &event.encode());
        }
        put_frame(out, |out| match self {
            Self::Welcome { key, timeout_ms, history } => {
                out.put_u8(0);
                put_key(out, key);
                out.put_u64_le(*timeout_ms);
                put_bytes(out, history.as_bytes());
            }
            Self::Refused(refusal) => {
                out.put_u8(1);
                out.put_u8(*refusal as u8);
            }
            Self::Pong => out.put_u8(2),
            Self::Found { id, record } => {
                out.put_u8(3);
                out.put_u64_le(*id);
                out.put_u8(u8::from(record.is_some()));
                if let Some(record) = record {
                    put_record(out, record);
                }
            }
            Self::Committed { id, commit } => {
                out.put_u8(4);
                out.put_u64_le(*id);
                out.put_u64_le(*commit);
            }
            Self::Failed { id, error } => {
                out.put_u8(5);
                out.put_u64_le(*id);
                put_error(out, error);
            }
            Self::Closed { id } => {
                out.put_u8(6);
                out.put_u64_le(*id);
            }
            Self::Part { id, commit, first, last, records } => {
                out.put_u8(7);
                out.put_u64_le(*id);
                out.put_u64_le(*commit);
                out.put_u8(u8::from(*first));
                out.put_u8(u8::from(*last));
                out.put_u32_le(u32::try_from(records.len()).expect("a part has few records"));
                for (path, record) in records {
                    put_bytes(out, path.as_bytes());
                    put_record(out, record);
                }
            }
            Self::Event { .. } => {}
        });
    }

    pub(crate) fn decode(body: Bytes) -> Result<Self, FrameError> {
        let mut fields = Fields(body);
        let said = match fields.u8()? {
            0 => {
                let (key, timeout_ms) = (fields.key()?, fields.u64()?);
                Self::Welcome { key, timeout_ms, history: fields.text()? }
            }
            1 => Self::Refused(read_refusal(&mut fields)?),
            2 => Self::Pong,
            3 => {
                let id = fields.u64()?;
                let record = if fields.flag()? { Some(fields.record()?) } else { None };
                Self::Found { id, record }
            }
            4 => Self::Committed { id: fields.u64()?, commit: fields.u64()? },
            5 => Self::Failed { id: fields.u64()?, error: read_error(&mut fields)? },
            6 => Self::Closed { id: fields.u64()? },
            7 => {
                let (id, commit) = (fields.u64()?, fields.u64()?);
                let (first, last) = (fields.flag()?, fields.flag()?);
                let count = fields.count(25)?;
                let mut records = Vec::with_capacity(count);
                for _ in 0..count {
                    records.push((fields.text()?, fields.record()?));
                }
                Self::Part { id, commit, first, last, records }
            }
            8 => Self::Event { id: fields.u64()?, event: read_event(&mut fields)? },
            value => return Err(FrameError::Unknown { what: "answer", value }),
        };
        fields.end()?;
        Ok(said)
    }
}

fn read_refusal(fields: &mut Fields) -> Result<Refusal, FrameError> {
    Ok(match fields.u8()? {
        0 => Refusal::Expired,
        1 => Refusal::Protocol,
        2 => Refusal::TooMany,
        3 => Refusal::Replaced,
        value => return Err(FrameError::Unknown { what: "refusal", value }),
    })
}

fn read_event(fields: &mut Fields) -> Result<Event, FrameError> {
    Ok(match fields.u8()? {
        0 => Event::Changed { path: fields.text()?, record: fields.record()? },
        1 => Event::Deleted { path: fields.text()?, commit: fields.u64()? },
        value => return Err(FrameError::Unknown { what: "event", value }),
    })
}

fn put_error(out: &mut BytesMut, error: &StoreError) {
    let what = |what: &str| {
        let index = WHAT.iter().position(|known| *known == what).unwrap_or(WHAT.len() - 1);
        u8::try_from(index).expect("the table is short")
    };
    match error {
        StoreError::NotFound { path } => {
            out.put_u8(0);
            put_bytes(out, path.as_bytes());
        }
        StoreError::Exists { path } => {
            out.put_u8(1);
            put_bytes(out, path.as_bytes());
        }
        StoreError::Conflict { path, index } => {
            out.put_u8(2);
            put_bytes(out, path.as_bytes());
            out.put_u64_le(*index as u64);
        }
        StoreError::Disconnected { reason } => {
            out.put_u8(3);
            put_bytes(out, reason.as_bytes());
        }
        StoreError::Expired => out.put_u8(4),
        StoreError::TooLarge { what: about, size, limit } => {
            out.put_u8(5);
            out.put_u8(what(about));
            out.put_u64_le(*size);
            out.put_u64_le(*limit);
        }
        StoreError::Invalid { reason } => {
            out.put_u8(6);
            put_bytes(out, reason.as_bytes());
        }
        StoreError::TooMany { what: about } => {
            out.put_u8(7);
            out.put_u8(what(about));
        }
    }
}

fn read_error(fields: &mut Fields) -> Result<StoreError, FrameError> {
    let what = |value: u8| {
        let known = WHAT.get(usize::from(value)).copied();
        known.ok_or(FrameError::Unknown { what: "subject", value })
    };
    Ok(match fields.u8()? {
        0 => StoreError::NotFound { path: fields.text()? },
        1 => StoreError::Exists { path: fields.text()? },
        2 => StoreError::Conflict {
            path: fields.text()?,
            index: usize::try_from(fields.u64()?).unwrap_or(usize::MAX),
        },
        3 => StoreError::Disconnected { reason: fields.text()? },
        4 => StoreError::Expired,
        5 => StoreError::TooLarge {
            what: what(fields.u8()?)?,
            size: fields.u64()?,
            limit: fields.u64()?,
        },
        6 => StoreError::Invalid { reason: fields.text()? },
        7 => StoreError::TooMany { what: what(fields.u8()?)? },
        value => return Err(FrameError::Unknown { what: "error", value }),
    })
}
