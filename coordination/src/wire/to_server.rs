//! What a client says.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Fields, FrameError, SessionKey, put_bytes, put_frame, put_key};
use crate::{Mode, Op};

/// One thing that a client says. Ids are the client's choice and come back in the answer; a watch is
/// named by the id of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToServer {
    /// First on every connection: a new session, or the resumption of one.
    Hello {
        protocol: u16,
        session: Option<SessionKey>,
        timeout_ms: u64,
    },
    Ping,
    Get {
        id: u64,
        path: String,
    },
    List {
        id: u64,
        prefix: String,
    },
    Multi {
        id: u64,
        ops: Vec<Op>,
    },
    Watch {
        id: u64,
        prefix: String,
    },
    Unwatch {
        id: u64,
    },
    /// Ends the session.
    Close {
        id: u64,
    },
}

impl ToServer {
    pub(crate) fn put(&self, out: &mut BytesMut) {
        put_frame(out, |out| match self {
            Self::Hello { protocol, session, timeout_ms } => {
                out.put_u8(0);
                out.put_u16_le(*protocol);
                out.put_u64_le(*timeout_ms);
                out.put_u8(u8::from(session.is_some()));
                if let Some(key) = session {
                    put_key(out, key);
                }
            }
            Self::Ping => out.put_u8(1),
            Self::Get { id, path } => put_named(out, 2, *id, path),
            Self::List { id, prefix } => put_named(out, 3, *id, prefix),
            Self::Multi { id, ops } => {
                out.put_u8(4);
                out.put_u64_le(*id);
                out.put_u32_le(
                    u32::try_from(ops.len()).expect("a checked multi has few operations"),
                );
                ops.iter().for_each(|op| put_op(out, op));
            }
            Self::Watch { id, prefix } => put_named(out, 5, *id, prefix),
            Self::Unwatch { id } => {
                out.put_u8(6);
                out.put_u64_le(*id);
            }
            Self::Close { id } => {
                out.put_u8(7);
                out.put_u64_le(*id);
            }
        });
    }

    pub(crate) fn decode(body: Bytes) -> Result<Self, FrameError> {
        let mut fields = Fields(body);
        let said = match fields.u8()? {
            0 => {
                let (protocol, timeout_ms) = (fields.u16()?, fields.u64()?);
                let session = if fields.flag()? { Some(fields.key()?) } else { None };
                Self::Hello { protocol, session, timeout_ms }
            }
            1 => Self::Ping,
            2 => Self::Get { id: fields.u64()?, path: fields.text()? },
            3 => Self::List { id: fields.u64()?, prefix: fields.text()? },
            4 => {
                let id = fields.u64()?;
                let count = fields.count(5)?;
                let mut ops = Vec::with_capacity(count);
                for _ in 0..count {
                    ops.push(read_op(&mut fields)?);
                }
                Self::Multi { id, ops }
            }
            5 => Self::Watch { id: fields.u64()?, prefix: fields.text()? },
            6 => Self::Unwatch { id: fields.u64()? },
            7 => Self::Close { id: fields.u64()? },
            value => return Err(FrameError::Unknown { what: "request", value }),
        };
        fields.end()?;
        Ok(said)
    }
}

fn put_named(out: &mut BytesMut, kind: u8, id: u64, name: &str) {
    out.put_u8(kind);
    out.put_u64_le(id);
    put_bytes(out, name.as_bytes());
}

fn put_op(out: &mut BytesMut, op: &Op) {
    let kind = match op {
        Op::Check { .. } => 0,
        Op::CheckAbsent { .. } => 1,
        Op::Create { mode: Mode::Persistent, .. } => 2,
        Op::Create { mode: Mode::Ephemeral, .. } => 3,
        Op::Set { expect: None, .. } => 4,
        Op::Set { expect: Some(_), .. } => 5,
        Op::Put { .. } => 6,
        Op::Delete { expect: None, .. } => 7,
        Op::Delete { expect: Some(_), .. } => 8,
    };
    out.put_u8(kind);
    put_bytes(out, op.path().as_bytes());
    match op {
        Op::Check { version, .. } => out.put_u64_le(*version),
        Op::Set { data, expect, .. } => {
            if let Some(version) = expect {
                out.put_u64_le(*version);
            }
            put_bytes(out, data);
        }
        Op::Create { data, .. } | Op::Put { data, .. } => put_bytes(out, data),
        Op::Delete { expect: Some(version), .. } => out.put_u64_le(*version),
        Op::CheckAbsent { .. } | Op::Delete { expect: None, .. } => {}
    }
}

fn read_op(fields: &mut Fields) -> Result<Op, FrameError> {
    let kind = fields.u8()?;
    let path = fields.text()?;
    Ok(match kind {
        0 => Op::Check { path, version: fields.u64()? },
        1 => Op::CheckAbsent { path },
        2 => Op::Create { path, data: fields.bytes()?, mode: Mode::Persistent },
        3 => Op::Create { path, data: fields.bytes()?, mode: Mode::Ephemeral },
        4 => Op::Set { path, data: fields.bytes()?, expect: None },
        5 => {
            let expect = Some(fields.u64()?);
            Op::Set { path, data: fields.bytes()?, expect }
        }
        6 => Op::Put { path, data: fields.bytes()? },
        7 => Op::Delete { path, expect: None },
        8 => Op::Delete { path, expect: Some(fields.u64()?) },
        value => return Err(FrameError::Unknown { what: "operation", value }),
    })
}
