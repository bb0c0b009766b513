//! An upgraded connection, passed through: bytes both ways until one side ends.
//!
//! Owns the copying. It must not know what is spoken.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::forward::pool::Lease;

/// Joins the two sides once both have changed their protocol. Ends with either side; the lease
/// counts until then.
pub(crate) fn join(client: OnUpgrade, upstream: OnUpgrade, lease: Lease) {
    tokio::spawn(async move {
        if let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) {
            // How it ended is the affair of the two sides.
            let _ =
                copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)).await;
        }
        drop(lease);
    });
}
