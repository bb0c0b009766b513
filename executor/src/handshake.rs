//! The hand-shake socket of a task: one line says that it is ready, further ones that it lives, one
//! line asks it to drain. Must not know what follows from any of them.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{ReadHalf, WriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::sandbox::{HANDSHAKE_SOCKET, SandboxError, give_to_user};
use crate::supervisor::event::Event;

/// The longest line that is read, bytes.
const LINE_BYTES_MAX: u64 = 4 * 1024;
/// Connections at a time; a program needs one.
const CONNECTIONS_MAX: usize = 4;
const DRAIN: &[u8] = b"{\"drain\":true}\n";

/// What a program says of itself; keys that a later SDK adds are passed over.
#[derive(Debug, Deserialize)]
pub(crate) struct Word {
    /// The version of the SDK.
    lathe: String,
    #[serde(default)]
    ready: bool,
    /// With `ready`: it will say that it lives as often as it was told to.
    #[serde(default)]
    beats: bool,
    #[serde(default)]
    beat: bool,
}

/// The socket, served until dropped.
#[derive(Debug)]
pub struct Handshake {
    drain: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Handshake {
    /// Binds the socket in the sandbox and serves it. The first good word becomes
    /// [`Event::ReadyHeard`], each beat after it [`Event::BeatHeard`]. Must be called within a
    /// runtime.
    ///
    /// # Errors
    /// The socket cannot be made, or cannot be given to the task's user.
    pub fn start(
        sandbox: &Path,
        user: Option<&str>,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, SandboxError> {
        let path = sandbox.join(HANDSHAKE_SOCKET);
        let listener =
            bind(sandbox).map_err(|source| SandboxError::Write { path: path.clone(), source })?;
        give_to_user(&path, user)?;
        let (drain, wishes) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, events, wishes));
        Ok(Self { drain, serving })
    }

    /// Asks the program to take nothing new and to end.
    pub fn ask_to_drain(&self) {
        self.drain.send_replace(true);
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// By way of a handle on the folder: a sandbox's path is often longer than a socket's may be.
fn bind(sandbox: &Path) -> io::Result<UnixListener> {
    let path = sandbox.join(HANDSHAKE_SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = File::open(sandbox)?;
    let short = format!("/proc/self/fd/{}/{HANDSHAKE_SOCKET}", folder.as_raw_fd());
    let listener = UnixListener::bind(short)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve(listener: UnixListener, events: mpsc::Sender<Event>, wishes: watch::Receiver<bool>) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file handles, most likely: give others the time to close theirs.
                tracing::warn!(%error, "cannot take a hand-shake");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        if open.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            tracing::warn!("too many hand-shakes at a time");
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (events, wishes, open) = (events.clone(), wishes.clone(), Arc::clone(&open));
        tokio::spawn(async move {
            if let Err(error) = shake(stream, &events, wishes).await {
                tracing::warn!(%error, "a hand-shake went wrong");
            }
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn shake(
    mut stream: UnixStream,
    events: &mpsc::Sender<Event>,
    wishes: watch::Receiver<bool>,
) -> io::Result<()> {
    let (reading, writing) = stream.split();
    tokio::select! {
        heard = listen(reading, events) => heard,
        written = pass_on(writing, wishes) => written,
    }
}

/// Reads lines until the program closes the connection.
async fn listen(reading: ReadHalf<'_>, events: &mpsc::Sender<Event>) -> io::Result<()> {
    let mut reading = BufReader::with_capacity(1024, reading);
    let mut waits_for_word = true;
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut reading).take(LINE_BYTES_MAX);
        if limited.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let event = match hear(&line)? {
            Word { ready: true, beats, .. } if waits_for_word => {
                waits_for_word = false;
                Event::ReadyHeard { beats }
            }
            Word { beat: true, .. } if !waits_for_word => Event::BeatHeard,
            _ => continue,
        };
        // Only the end of the driver closes this.
        let _ = events.send(event).await;
    }
}

/// Writes the drain word once it is wished for. Ends only when it cannot.
async fn pass_on(mut writing: WriteHalf<'_>, mut wishes: watch::Receiver<bool>) -> io::Result<()> {
    let wished = wishes.wait_for(|wish| *wish).await.is_ok();
    if wished {
        writing.write_all(DRAIN).await?;
    }
    std::future::pending().await
}

/// What the program says with this line.
pub(crate) fn hear(line: &[u8]) -> io::Result<Word> {
    if line.last() != Some(&b'\n') {
        return Err(io::Error::other("a line that does not end"));
    }
    let word: Word = serde_json::from_slice(line).map_err(io::Error::other)?;
    if !word.beat {
        tracing::info!(sdk = word.lathe, ready = word.ready, "the program speaks");
    }
    Ok(word)
}

#[cfg(test)]
mod tests;
