//! The limits of the store, for clients and servers alike.

use std::time::Duration;

use crate::{Op, StoreError};

/// One record's data.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// All paths and data of one multi together.
pub const MAX_MULTI_BYTES: usize = 4 * 1024 * 1024;
/// Operations of one multi.
pub const MAX_MULTI_OPS: usize = 16_384;
/// One path.
pub const MAX_PATH_BYTES: usize = 1024;
/// One listing or snapshot as a client takes it in.
pub const MAX_LISTING_BYTES: usize = 512 * 1024 * 1024;
/// Requests that one client has under way; more wait in the caller.
pub const MAX_IN_FLIGHT: usize = 4096;
/// Connections that a server takes.
pub const MAX_CONNECTIONS: usize = 1024;
/// Sessions that a server keeps, connected or not.
pub const MAX_SESSIONS: usize = 8192;
/// Watches of one connection.
pub const MAX_WATCHES: usize = 256;
/// Events that wait for a slow watcher; beyond, they are dropped for a fresh snapshot.
pub const MAX_QUEUED_EVENTS: usize = 8192;
/// Bytes of events that wait for a slow watcher.
pub const MAX_QUEUED_EVENT_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of answers that wait for a client that does not read; beyond, the server stops reading it.
pub const MAX_QUEUED_REPLY_BYTES: usize = 16 * 1024 * 1024;
/// The shortest session timeout; shorter ones are raised to it.
pub const MIN_SESSION_TIMEOUT: Duration = Duration::from_millis(200);
/// The longest session timeout; longer ones are lowered to it.
pub const MAX_SESSION_TIMEOUT: Duration = Duration::from_secs(600);
/// How long a new connection may take to say who it is.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// One frame: a full multi with what stands around its fields.
pub(crate) const MAX_FRAME_BYTES: usize = MAX_MULTI_BYTES + MAX_MULTI_OPS * 32 + 4096;

/// Operations of one piece of a long list of them.
const PIECE_OPS: usize = 1_000;

/// What one multi may be at a store: [`crate::Store::limits`] gives those of a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One record's data.
    pub record_bytes: usize,
    /// What all operations of one multi may cost together, by [`Limits::cost`].
    pub multi_bytes: usize,
    /// Operations of one multi.
    pub multi_ops: usize,
    /// What writes that are put together should cost at most: more at once is not faster there.
    pub group_bytes: usize,
    /// What an operation costs beside its path and data.
    op_bytes: usize,
    /// What each segment of a path costs beside itself.
    segment_bytes: usize,
}

impl Limits {
    /// Those of the local store.
    pub const LOCAL: Self = Self {
        record_bytes: MAX_RECORD_BYTES,
        multi_bytes: MAX_MULTI_BYTES,
        multi_ops: MAX_MULTI_OPS,
        group_bytes: 3 * 1024 * 1024,
        op_bytes: 0,
        segment_bytes: 0,
    };

    /// Those of ZooKeeper with its usual `jute.maxbuffer` of 1 MiB less one byte, which ends the
    /// connection of whoever sends more. Every operation names the folder of the store. Its servers
    /// keep the last 500 writes in memory, twice, so a stream of the largest would need a gigabyte.
    pub(crate) fn zookeeper(folder_bytes: usize) -> Self {
        Self {
            record_bytes: 960 * 1024,
            multi_bytes: 1_040_000,
            multi_ops: MAX_MULTI_OPS,
            group_bytes: 64 * 1024,
            op_bytes: 64 + folder_bytes,
            segment_bytes: 1,
        }
    }

    /// What an operation adds to its multi.
    #[must_use]
    pub fn cost(&self, op: &Op) -> usize {
        let segments = op.path().bytes().filter(|byte| *byte == b'/').count();
        let once = self.op_bytes + op.path().len() + segments * self.segment_bytes;
        match op {
            // May be two requests.
            Op::CheckAbsent { .. } if self.op_bytes > 0 => once * 2,
            _ => once + op.data().len(),
        }
    }

    /// The operations, in their order, in multis that the store takes easily: none is larger than what
    /// should be put together, unless one operation is so by itself.
    #[must_use]
    pub fn pieces(&self, ops: Vec<Op>) -> Vec<Vec<Op>> {
        let most = self.group_bytes.min(self.multi_bytes / 2);
        let mut pieces: Vec<Vec<Op>> = Vec::new();
        let mut bytes = 0;
        for op in ops {
            let cost = self.cost(&op);
            match pieces.last_mut() {
                Some(piece) if piece.len() < PIECE_OPS && bytes + cost <= most => {
                    bytes += cost;
                    piece.push(op);
                }
                _ => {
                    bytes = cost;
                    pieces.push(vec![op]);
                }
            }
        }
        pieces
    }

    /// Checks a multi against the limits and every path in it.
    ///
    /// # Errors
    /// `TooLarge` or `Invalid`.
    pub fn check(&self, ops: &[Op]) -> Result<(), StoreError> {
        let too_large = |what, size: usize, limit: usize| {
            Err(StoreError::TooLarge { what, size: size as u64, limit: limit as u64 })
        };
        if ops.len() > self.multi_ops {
            return Err(StoreError::invalid(format!(
                "{} operations in one multi, the limit is {}",
                ops.len(),
                self.multi_ops
            )));
        }
        let mut total = 0usize;
        for op in ops {
            crate::path::check_path(op.path())?;
            if op.data().len() > self.record_bytes {
                return too_large("the record", op.data().len(), self.record_bytes);
            }
            total = total.saturating_add(self.cost(op));
        }
        if total > self.multi_bytes {
            return too_large("the multi", total, self.multi_bytes);
        }
        Ok(())
    }
}

/// Checks a multi against the limits of the local store and every path in it.
///
/// # Errors
/// `TooLarge` or `Invalid`.
pub fn check_multi(ops: &[Op]) -> Result<(), StoreError> {
    Limits::LOCAL.check(ops)
}
