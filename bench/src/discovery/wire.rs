//! A connection to a server, of which bytes are read until some are there, as cheaply as can be.
//!
//! Owns the bytes and their time. It must not know what they say. Watchers of all servers have the same.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// An open connection, and what has come by it and was not dropped.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    pub(super) bytes: Vec<u8>,
}

impl Wire {
    pub(super) async fn open(address: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, bytes: Vec::with_capacity(8 * 1024) })
    }

    pub(super) async fn send(&mut self, request: &str) -> Result<(), Error> {
        self.stream.write_all(request.as_bytes()).await
    }

    /// Reads until these are among the bytes.
    pub(super) async fn until(&mut self, part: &[u8]) -> Result<(), Error> {
        let mut from = 0;
        loop {
            if find(&self.bytes[from..], part).is_some() {
                return Ok(());
            }
            from = self.bytes.len().saturating_sub(part.len());
            self.read().await?;
        }
    }

    /// Reads until there are so many.
    pub(super) async fn until_count(&mut self, count: usize) -> Result<(), Error> {
        while self.bytes.len() < count {
            self.read().await?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Error> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.bytes)).await;
        if read.map_err(|_| Error::from(ErrorKind::TimedOut))?? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the stream ended"));
        }
        Ok(())
    }
}

/// Where they begin.
pub(super) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, part)
}
