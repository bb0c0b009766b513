//! RecordIO, the framing of Mesos streams: the length of a record in decimal digits, a newline,
//! that many bytes. Pure: bytes in, records out. Knows nothing of HTTP: chunks and records are
//! unrelated, a record may come in pieces and several may come at once.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Digits that a header may have: those of the largest `u64`.
const MAX_DIGITS: usize = 20;

/// What is wrong with a stream. The stream is of no use afterwards.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// The header has a byte that is neither a digit nor the newline.
    #[error("a record's length has the byte 0x{byte:02x} in it, which is no digit")]
    NotADigit { byte: u8 },
    /// A newline came before any digit.
    #[error("a record's length is empty")]
    Empty,
    /// More digits than any length has.
    #[error("a record's length has more than {MAX_DIGITS} digits")]
    TooLong,
    /// The record is larger than this decoder was told to take.
    #[error("a record of {length} bytes is larger than the limit of {limit} bytes")]
    TooLarge { length: u64, limit: usize },
}

/// Takes a stream apart. Holds at most one unfinished record and the finished ones that were not
/// taken yet; after an error every `push` fails with the same error, while the records finished
/// before it can still be taken.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    digits: usize,
    length: u64,
    /// The wanted length once the header is read, and what has come of it.
    record: Option<(usize, BytesMut)>,
    ready: VecDeque<Bytes>,
    failed: Option<FrameError>,
}

impl Decoder {
    /// `limit` is the size in bytes of the largest record that is taken.
    pub fn new(limit: usize) -> Self {
        Self { limit, digits: 0, length: 0, record: None, ready: VecDeque::new(), failed: None }
    }

    /// Takes the next bytes of the stream, cut anywhere.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        while !bytes.is_empty() {
            let step = if self.record.is_some() {
                self.fill(&mut bytes);
                Ok(())
            } else {
                let byte = bytes.get_u8();
                self.header(byte)
            };
            if let Err(error) = step {
                self.failed = Some(error.clone());
                return Err(error);
            }
        }
        Ok(())
    }

    /// The next whole record.
    #[expect(clippy::should_implement_trait, reason = "a later push may follow a None")]
    pub fn next(&mut self) -> Option<Bytes> {
        self.ready.pop_front()
    }

    /// Whether the stream so far ends between two records.
    pub fn is_between_records(&self) -> bool {
        self.failed.is_none() && self.record.is_none() && self.digits == 0
    }

    fn header(&mut self, byte: u8) -> Result<(), FrameError> {
        match byte {
            b'\n' if self.digits == 0 => Err(FrameError::Empty),
            b'\n' => {
                let length = self.length;
                self.digits = 0;
                self.length = 0;
                let wanted = usize::try_from(length).ok().filter(|n| *n <= self.limit);
                let wanted = wanted.ok_or(FrameError::TooLarge { length, limit: self.limit })?;
                if wanted == 0 {
                    self.ready.push_back(Bytes::new());
                } else {
                    // Reserved as it comes: a header alone must not make us allocate.
                    self.record = Some((wanted, BytesMut::new()));
                }
                Ok(())
            }
            b'0'..=b'9' => {
                self.digits += 1;
                if self.digits > MAX_DIGITS {
                    return Err(FrameError::TooLong);
                }
                let digit = u64::from(byte - b'0');
                // Whatever does not fit into a u64 is above every limit, too.
                self.length = self.length.saturating_mul(10).saturating_add(digit);
                Ok(())
            }
            byte => Err(FrameError::NotADigit { byte }),
        }
    }

    fn fill(&mut self, bytes: &mut &[u8]) {
        let Some((wanted, have)) = &mut self.record else { return };
        let take = bytes.len().min(*wanted - have.len());
        have.extend_from_slice(&bytes[..take]);
        bytes.advance(take);
        if have.len() == *wanted {
            let done = have.split().freeze();
            self.record = None;
            self.ready.push_back(done);
        }
    }
}

/// A record as it goes over the wire: header and bytes.
pub fn frame(record: &[u8]) -> Bytes {
    let header = record.len().to_string();
    let mut out = BytesMut::with_capacity(header.len() + 1 + record.len());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(b"\n");
    out.extend_from_slice(record);
    out.freeze()
}

#[cfg(test)]
mod tests;
