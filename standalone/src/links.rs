//! The master's end of the links: who connects, what is said, what is heard.
//!
//! Owns the first words (the token) and the queues; what the words mean is the driver's matter.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::cluster::HostName;
use crate::driver::{Handle, Input};
use crate::link::{self, FrameReader, FromHost, Hello, LARGEST_FRAME, LinkError, ToHost, Word};
use crate::secret::Secrets;

/// Messages that may wait for one host.
const OUTBOX: usize = 8192;
/// The largest first word: a token, a name, a port.
const LARGEST_HELLO: usize = 16 * 1024;
/// The pause after a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// What links may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time, those that have not shown a token yet among them.
    pub(crate) connections: usize,
    /// Time for a host's first words.
    pub(crate) hello_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, hello_time: Duration::from_secs(10) }
    }
}

/// Takes in hosts until it is dropped.
pub(crate) async fn serve(listener: TcpListener, secrets: Secrets, driver: Handle, limits: Limits) {
    let mut session = 0;
    let room = Arc::new(Semaphore::new(limits.connections));
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    tracing::warn!(%peer, limit = limits.connections, "too many links");
                    continue;
                };
                session += 1;
                let (secrets, driver) = (secrets.clone(), driver.clone());
                tokio::spawn(async move {
                    let _place = place;
                    let hello_time = limits.hello_time;
                    let talk = converse(stream, hello_time, &secrets, (session, &driver));
                    if let Err(error) = talk.await {
                        tracing::warn!(%error, session, "a link ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a link was not taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    hello_time: Duration,
    secrets: &Secrets,
    (session, driver): (u64, &Handle),
) -> Result<(), LinkError> {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let mut reader = FrameReader::new(read).taking(LARGEST_HELLO);
    let hello = tokio::time::timeout(hello_time, reader.next::<FromHost>()).await;
    let Ok(Ok(Some(FromHost { word: Some(Word::Hello(hello)) }))) = hello else {
        return Ok(());
    };
    if secrets.who(hello.token.as_bytes()).is_none() {
        tracing::warn!(session, "a link showed the wrong token");
        return Ok(());
    }
    let mut reader = reader.taking(LARGEST_FRAME);
    let host = HostName(hello.name.clone());
    let (outbox, messages) = mpsc::channel(OUTBOX);
    tokio::spawn(speak(write, messages));
    connected(driver, hello, session, outbox).await;
    let outcome = listen(&mut reader, &host, session, driver).await;
    driver.send(Input::LinkLost { host, session }).await;
    outcome
}

async fn connected(driver: &Handle, hello: Hello, session: u64, outbox: mpsc::Sender<ToHost>) {
    let port = u16::try_from(hello.port).unwrap_or(0);
    let host = HostName(hello.name);
    driver.send(Input::HostConnected { host, port, session, outbox }).await;
}

async fn listen(
    reader: &mut FrameReader<tokio::net::tcp::OwnedReadHalf>,
    host: &HostName,
    session: u64,
    driver: &Handle,
) -> Result<(), LinkError> {
    while let Some(message) = reader.next::<FromHost>().await? {
        let report = match message.word {
            Some(Word::Report(report)) => Some(report),
            Some(Word::Alive(_)) => None,
            Some(Word::Hello(_)) | None => continue,
        };
        driver.send(Input::HostSaid { host: host.clone(), session, report }).await;
    }
    Ok(())
}

async fn speak(mut write: tokio::net::tcp::OwnedWriteHalf, mut messages: mpsc::Receiver<ToHost>) {
    while let Some(message) = messages.recv().await {
        if let Err(error) = link::write(&mut write, &message).await {
            tracing::debug!(%error, "a host is not spoken to any more");
            return;
        }
    }
}

#[cfg(test)]
mod tests;
