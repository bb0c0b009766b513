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

/// Checks a multi against the limits and every path in it.
///
/// # Errors
/// `TooLarge` or `Invalid`.
pub fn check_multi(ops: &[Op]) -> Result<(), StoreError> {
    let too_large = |what, size: usize, limit: usize| {
        Err(StoreError::TooLarge { what, size: size as u64, limit: limit as u64 })
    };
    if ops.len() > MAX_MULTI_OPS {
        return Err(StoreError::invalid(format!(
            "{} operations in one multi, the limit is {MAX_MULTI_OPS}",
            ops.len()
        )));
    }
    let mut total = 0usize;
    for op in ops {
        crate::path::check_path(op.path())?;
        if op.data().len() > MAX_RECORD_BYTES {
            return too_large("the record", op.data().len(), MAX_RECORD_BYTES);
        }
        total = total.saturating_add(op.path().len()).saturating_add(op.data().len());
    }
    if total > MAX_MULTI_BYTES {
        return too_large("the multi", total, MAX_MULTI_BYTES);
    }
    Ok(())
}
