//! The word between a task and its executor, over a socket in the sandbox.
//!
//! Owns its lines: one that says that the task is ready, and those that the executor may write
//! later. It must not know what being ready takes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use crate::context::Context;
use crate::task::Ports;

/// How long the executor's socket may take to be there.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a line that the executor writes.
const MAX_LINE: u64 = 64 << 10;

/// An open hand-shake.
#[derive(Debug)]
pub(super) struct Handshake {
    stream: UnixStream,
}

/// Why the executor could not be told.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell the executor at {path} that the task is ready")]
pub(super) struct HandshakeError {
    path: String,
    #[source]
    source: io::Error,
}

/// What the executor may write.
#[derive(Debug, Deserialize)]
struct Word {
    #[serde(default)]
    drain: bool,
}

impl Handshake {
    /// Connects and says that the task is ready.
    pub(super) async fn make(path: &Path, ports: &Ports) -> Result<Self, HandshakeError> {
        let failed = |source| HandshakeError { path: path.display().to_string(), source };
        let attempt = async {
            loop {
                match UnixStream::connect(path).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) if is_early(&error) => sleep(Duration::from_millis(20)).await,
                    Err(error) => return Err(error),
                }
            }
        };
        let attempt = timeout(PATIENCE, attempt).await;
        let stream = attempt.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let mut stream = stream.map_err(failed)?;
        let line = serde_json::json!({ "lathe": super::SDK, "ready": true, "ports": ports });
        stream.write_all(format!("{line}\n").as_bytes()).await.map_err(failed)?;
        Ok(Self { stream })
    }

    /// Keeps the connection open and follows what is written on it.
    pub(super) fn spawn_listening(self, context: Arc<Context>) {
        tokio::spawn(async move {
            let mut reader = BufReader::new(self.stream);
            loop {
                let mut line = String::new();
                match (&mut reader).take(MAX_LINE).read_line(&mut line).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
                if asks_to_drain(&line) {
                    context.drain();
                }
            }
        });
    }
}

/// Is this line the word to take nothing new and to end?
pub(crate) fn asks_to_drain(line: &str) -> bool {
    serde_json::from_str::<Word>(line).is_ok_and(|word| word.drain)
}

fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
