//! One who watches a group: a connection with a stream of events, read as cheaply as can be.
//!
//! Owns the bytes. It must not know what is measured.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
const EVENT: &[u8] = b"event: group\n";
const SYNCED: &[u8] = b"event: synced\n";

/// An open stream.
#[derive(Debug)]
pub(super) struct Watching {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Watching {
    /// Opens it, and reads the first state. Before the registry has heard the store it is asked again.
    pub(super) async fn open(address: &str, group: &str) -> Result<Self, Error> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let request = format!(
                "GET /v1/watch?group={group} HTTP/1.1\r\nhost: {address}\r\n\
                 accept: text/event-stream\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await?;
            let mut one = Self { stream, buffer: Vec::with_capacity(8 * 1024) };
            one.until(b"\r\n\r\n").await?;
            if one.buffer.starts_with(b"HTTP/1.1 200 ") {
                one.until(SYNCED).await?;
                one.buffer.clear();
                return Ok(one);
            }
            if Instant::now() > end {
                let head = String::from_utf8_lossy(&one.buffer).into_owned();
                return Err(Error::other(format!("the registry answers {head:?}")));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The next event of the group: when all of it was there.
    pub(super) async fn next(&mut self) -> Result<Instant, Error> {
        self.until(EVENT).await?;
        self.until(b"\n\n").await?;
        self.buffer.clear();
        Ok(Instant::now())
    }

    async fn until(&mut self, part: &[u8]) -> Result<(), Error> {
        let mut from = 0;
        loop {
            if find(&self.buffer[from..], part) {
                return Ok(());
            }
            from = self.buffer.len().saturating_sub(part.len());
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
            if read.map_err(|_| Error::from(ErrorKind::TimedOut))?? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the stream ended"));
            }
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
