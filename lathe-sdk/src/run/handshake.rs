//! The word between a task and its executor, over a socket in the sandbox.
//!
//! Owns its lines: one that says that the task is ready, those that say that the process lives, and
//! those that the executor may write. It must not know what being ready takes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

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
    beat: Option<Duration>,
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
    /// Connects and says that the task is ready, and whether it will beat.
    pub(super) async fn make(
        path: &Path,
        ports: &Ports,
        beat: Option<Duration>,
    ) -> Result<Self, HandshakeError> {
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
        let beats = beat.is_some();
        let line = serde_json::json!({
            "lathe": super::SDK, "ready": true, "ports": ports, "beats": beats
        });
        stream.write_all(format!("{line}\n").as_bytes()).await.map_err(failed)?;
        Ok(Self { stream, beat })
    }

    /// Keeps the connection open, follows what is written on it, and says as often as the executor
    /// wants it that the process lives. Said from this runtime, it stays away when the process is
    /// stopped or when all its threads are blocked.
    pub(super) fn spawn(self, context: Arc<Context>) {
        let (reading, writing) = self.stream.into_split();
        if let Some(beat) = self.beat {
            tokio::spawn(tell_life(writing, beat));
        } else {
            // Only closing it would tell the executor something.
            writing.forget();
        }
        tokio::spawn(async move {
            let mut reader = BufReader::new(reading);
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

/// Ends when the executor does.
async fn tell_life(mut writing: OwnedWriteHalf, beat: Duration) {
    let line = format!("{}\n", serde_json::json!({ "lathe": super::SDK, "beat": true }));
    let mut beats = interval(beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        if writing.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
