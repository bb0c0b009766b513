//! The wire of the local store: frames of a length (u32, little-endian) and a body; in the body a
//! kind (u8) and fields. Owns the form of both directions; must not know sockets or what a frame
//! brings about. Decoding never panics, whatever the bytes; what it refuses closes the connection.

mod to_client;
mod to_server;

use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(crate) use to_client::{Event, Refusal, ToClient, put_event};
pub(crate) use to_server::ToServer;

use crate::Record;
use crate::limits::MAX_FRAME_BYTES;

/// The version of this form; another one is refused.
pub(crate) const PROTOCOL: u16 = 1;

/// Who a session is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionKey {
    pub(crate) id: u64,
    pub(crate) secret: [u8; 32],
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Bytes that are no frame of this form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {size} bytes, the limit is {MAX_FRAME_BYTES}")]
    TooLarge { size: usize },
    #[error("a frame that ends within a field")]
    Short,
    #[error("a frame with {0} bytes too many")]
    Long(usize),
    #[error("text that is not UTF-8")]
    Text,
    #[error("an unknown {what} ({value})")]
    Unknown { what: &'static str, value: u8 },
}

/// Takes the next whole frame's body out of what has been read; `None` when there is none yet.
pub(crate) fn split_frame(read: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
    let Some(head) = read.first_chunk::<4>() else { return Ok(None) };
    let size = u32::from_le_bytes(*head) as usize;
    if size > MAX_FRAME_BYTES {
        return Err(FrameError::TooLarge { size });
    }
    if read.len() < 4 + size {
        return Ok(None);
    }
    read.advance(4);
    Ok(Some(read.split_to(size).freeze()))
}

/// Writes a frame whose body is what `fill` writes.
fn put_frame(out: &mut BytesMut, fill: impl FnOnce(&mut BytesMut)) {
    let at = out.len();
    out.put_u32_le(0);
    fill(out);
    let size = u32::try_from(out.len() - at - 4).expect("a frame is far below 4 GiB");
    out[at..at + 4].copy_from_slice(&size.to_le_bytes());
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32_le(u32::try_from(bytes.len()).expect("a field is far below 4 GiB"));
    out.put_slice(bytes);
}

fn put_record(out: &mut BytesMut, record: &Record) {
    out.put_u64_le(record.version);
    out.put_u64_le(record.commit);
    out.put_u8(u8::from(record.ephemeral));
    put_bytes(out, &record.data);
}

fn put_key(out: &mut BytesMut, key: &SessionKey) {
    out.put_u64_le(key.id);
    out.put_slice(&key.secret);
}

/// Reads the fields of one body.
struct Fields(Bytes);

impl Fields {
    fn take(&mut self, size: usize) -> Result<Bytes, FrameError> {
        if self.0.len() < size {
            return Err(FrameError::Short);
        }
        Ok(self.0.split_to(size))
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        self.0.try_get_u8().map_err(|_| FrameError::Short)
    }

    fn u16(&mut self) -> Result<u16, FrameError> {
        self.0.try_get_u16_le().map_err(|_| FrameError::Short)
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        self.0.try_get_u32_le().map_err(|_| FrameError::Short)
    }

    fn u64(&mut self) -> Result<u64, FrameError> {
        self.0.try_get_u64_le().map_err(|_| FrameError::Short)
    }

    fn flag(&mut self) -> Result<bool, FrameError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(FrameError::Unknown { what: "flag", value }),
        }
    }

    fn bytes(&mut self) -> Result<Bytes, FrameError> {
        let size = self.u32()? as usize;
        self.take(size)
    }

    fn text(&mut self) -> Result<String, FrameError> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| FrameError::Text)
    }

    fn key(&mut self) -> Result<SessionKey, FrameError> {
        let id = self.u64()?;
        let mut secret = [0; 32];
        secret.copy_from_slice(&self.take(32)?);
        Ok(SessionKey { id, secret })
    }

    fn record(&mut self) -> Result<Record, FrameError> {
        Ok(Record {
            version: self.u64()?,
            commit: self.u64()?,
            ephemeral: self.flag()?,
            data: self.bytes()?,
        })
    }

    /// A count of things that take at least `least` bytes each: never more than can be there, so that
    /// it may size an allocation.
    fn count(&mut self, least: usize) -> Result<usize, FrameError> {
        let count = self.u32()? as usize;
        if count.saturating_mul(least) > self.0.len() {
            return Err(FrameError::Short);
        }
        Ok(count)
    }

    fn end(self) -> Result<(), FrameError> {
        if self.0.is_empty() { Ok(()) } else { Err(FrameError::Long(self.0.len())) }
    }
}

#[cfg(test)]
mod tests;
