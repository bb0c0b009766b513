//! One who watches a group of a registry: a stream of events.
//!
//! Owns what is asked and what an event looks like. It must not know what is measured.

use std::io::Error;

use tokio::time::{Instant, sleep};

use super::crowd::Hears;
use super::wire::{PATIENCE, Wire};

const EVENT: &[u8] = b"event: group\n";
const SYNCED: &[u8] = b"event: synced\n";

/// An open stream.
#[derive(Debug)]
pub(super) struct Watching {
    wire: Wire,
}

impl Watching {
    /// Opens it, and reads the first state. Before the registry has heard the store it is asked again.
    pub(super) async fn open(address: &str, group: &str) -> Result<Self, Error> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut wire = Wire::open(address).await?;
            let request = format!(
                "GET /v1/watch?group={group} HTTP/1.1\r\nhost: {address}\r\n\
                 accept: text/event-stream\r\n\r\n"
            );
            wire.send(&request).await?;
            wire.until(b"\r\n\r\n").await?;
            if wire.bytes.starts_with(b"HTTP/1.1 200 ") {
                wire.until(SYNCED).await?;
                wire.bytes.clear();
                return Ok(Self { wire });
            }
            if Instant::now() > end {
                let head = String::from_utf8_lossy(&wire.bytes).into_owned();
                return Err(Error::other(format!("the registry answers {head:?}")));
            }
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

impl Hears for Watching {
    /// The next event of the group: when all of it was there.
    async fn next(&mut self) -> Result<(Instant, usize), Error> {
        self.wire.until(EVENT).await?;
        self.wire.until(b"\n\n").await?;
        let size = self.wire.bytes.len();
        self.wire.bytes.clear();
        Ok((Instant::now(), size))
    }
}
