//! The scheduler's events as they come, and what it says of its instances and hosts.
//!
//! Owns the connection: HTTP/1.0, so that an answer is its bytes until the end. It must not know
//! what is waited for.

use std::time::Instant;

use lathe_api::rest::{Endpoints, EventView, InstanceView};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::up::SOON;

/// An event and when it was heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) event: EventView,
}

/// What comes after the connection was made.
#[derive(Debug)]
pub(crate) struct Events {
    heard: mpsc::UnboundedReceiver<Heard>,
    reading: tokio::task::JoinHandle<()>,
}

impl Events {
    /// Follows from now on: what was before is passed over.
    pub(crate) async fn follow(endpoints: &Endpoints) -> Result<Self, Failure> {
        let from_now_on = format!("last-event-id: {}\r\n", u64::MAX >> 1);
        let stream = ask(endpoints, "/v1/events", &from_now_on).await?;
        let (sender, heard) = mpsc::unbounded_channel();
        let reading = tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let event = line.strip_prefix("data:").map(serde_json::from_str);
                if let Some(Ok(event)) = event
                    && sender.send(Heard { at: Instant::now(), event }).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { heard, reading })
    }

    pub(crate) async fn next(&mut self) -> Result<Heard, Failure> {
        let late = |_| Failure::Late { what: "an event".to_owned(), limit: SOON };
        let heard = tokio::time::timeout(SOON, self.heard.recv()).await.map_err(late)?;
        heard.ok_or_else(|| Failure::Unexpected("the events broke off".to_owned()))
    }

    /// Forgets what has come meanwhile.
    pub(crate) fn skip(&mut self) {
        while self.heard.try_recv().is_ok() {}
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

pub(crate) async fn instances(endpoints: &Endpoints) -> Result<Vec<InstanceView>, Failure> {
    read(endpoints, "/v1/instances").await
}

/// Reads a whole answer as JSON.
pub(crate) async fn read<T: DeserializeOwned>(
    endpoints: &Endpoints,
    path: &str,
) -> Result<T, Failure> {
    serde_json::from_slice(&body(endpoints, path).await?)
        .map_err(|error| Failure::Unexpected(format!("the answer of {path}: {error}")))
}

/// Reads a whole answer, without its head.
pub(crate) async fn body(endpoints: &Endpoints, path: &str) -> Result<Vec<u8>, Failure> {
    let mut stream = ask(endpoints, path, "").await?;
    let mut bytes = Vec::new();
    let whole = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await;
    whole
        .map_err(|_| Failure::Late { what: path.to_owned(), limit: SOON })?
        .map_err(|error| Failure::io(format!("reading {path}"), error))?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    Ok(bytes.split_off(end))
}

async fn ask(endpoints: &Endpoints, path: &str, more: &str) -> Result<TcpStream, Failure> {
    let token = std::fs::read_to_string(&endpoints.token_file);
    let token = token.map_err(|error| Failure::io("reading the token", error))?;
    let (_, host) = endpoints.scheduler.split_once("://").unwrap_or_default();
    let head = format!(
        "GET {path} HTTP/1.0\r\nhost: {host}\r\nauthorization: Bearer {}\r\n{more}\r\n",
        token.trim()
    );
    let asked = async {
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(head.as_bytes()).await?;
        Ok(stream)
    };
    asked.await.map_err(|error| Failure::io(format!("asking for {path}"), error))
}
