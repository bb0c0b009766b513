//! What waits for answers: calls, and listings that come in parts. Owns their assembly; must not know
//! connections.

use bytes::BytesMut;

use super::{Answer, Body, Call};
use crate::limits::MAX_LISTING_BYTES;
use crate::wire::ToServer;
use crate::{Listing, StoreError};

/// A call that was sent, or is to be sent once there is a connection.
pub(super) struct Pending {
    pub(super) call: Call,
    pub(super) sent: bool,
    pub(super) listing: Assembly,
}

/// A listing that comes in parts.
#[derive(Default)]
pub(super) struct Assembly {
    listing: Listing,
    bytes: usize,
}

impl Pending {
    pub(super) fn send(&mut self, id: u64, out: &mut BytesMut) {
        self.sent = true;
        match &mut self.call.body {
            Body::Get(path) => ToServer::Get { id, path: path.clone() }.put(out),
            Body::List(prefix) => ToServer::List { id, prefix: prefix.clone() }.put(out),
            // Never sent twice, so that it need not be kept.
            Body::Multi(ops) => ToServer::Multi { id, ops: std::mem::take(ops) }.put(out),
        }
    }
}

impl Call {
    pub(super) fn finish(self, answer: Result<Answer, StoreError>) {
        drop(self.share);
        // A caller that gave up needs no answer.
        let _ = self.answer.send(answer);
    }
}

impl Assembly {
    /// Adds a part; the listing, once it is whole.
    pub(super) fn add(
        &mut self,
        part: Listing,
        first: bool,
        last: bool,
    ) -> Result<Option<Listing>, StoreError> {
        if first {
            *self = Self::default();
        }
        self.bytes += part.records.iter().map(|(path, r)| path.len() + r.data.len()).sum::<usize>();
        if self.bytes > MAX_LISTING_BYTES {
            let (size, limit) = (self.bytes as u64, MAX_LISTING_BYTES as u64);
            *self = Self::default();
            return Err(StoreError::TooLarge { what: "the listing", size, limit });
        }
        self.listing.commit = part.commit;
        self.listing.records.extend(part.records);
        Ok(last.then(|| std::mem::take(self).listing))
    }
}
