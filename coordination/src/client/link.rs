//! One connection to the server and the hello on it. Owns reading and writing of frames; must not
//! know what they mean beyond the hello.

use std::path::Path;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout};

use crate::StoreError;
use crate::limits::HELLO_TIMEOUT;
use crate::socket;
use crate::wire::{FrameError, PROTOCOL, Refusal, SessionKey, ToClient, ToServer, split_frame};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Why there is no connection, or not any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the server closed the connection")]
    Closed,
    #[error("the server sent {0}")]
    Frame(#[from] FrameError),
    #[error("the server said nothing for too long")]
    Silent,
    #[error("the server refused: {0:?}")]
    Refused(Refusal),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    read_half: OwnedReadHalf,
    pub(super) write_half: OwnedWriteHalf,
    read: BytesMut,
}

/// A connection with a session.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) link: Link,
    pub(super) key: SessionKey,
    pub(super) timeout: Duration,
    pub(super) history: String,
}

impl Link {
    /// Reads what is there, and says whether there is more to come. Cancelling it loses nothing.
    pub(super) async fn read_more(half: &mut Reading<'_>) -> Result<(), LinkError> {
        half.buffer.reserve(16 * 1024);
        if half.half.read_buf(half.buffer).await? == 0 {
            return Err(LinkError::Closed);
        }
        Ok(())
    }

    /// The two directions, to be used at the same time.
    pub(super) fn split(&mut self) -> (Reading<'_>, &mut OwnedWriteHalf) {
        let reading = Reading { half: &mut self.read_half, buffer: &mut self.read };
        (reading, &mut self.write_half)
    }

    async fn next(&mut self) -> Result<ToClient, LinkError> {
        loop {
            if let Some(body) = split_frame(&mut self.read)? {
                return Ok(ToClient::decode(body)?);
            }
            Self::read_more(&mut self.split().0).await?;
        }
    }
}

/// The reading direction of a link.
pub(super) struct Reading<'a> {
    half: &'a mut OwnedReadHalf,
    buffer: &'a mut BytesMut,
}

impl Reading<'_> {
    /// The next frame of what has been read.
    pub(super) fn take(&mut self) -> Result<Option<ToClient>, LinkError> {
        match split_frame(self.buffer)? {
            Some(body) => Ok(Some(ToClient::decode(body)?)),
            None => Ok(None),
        }
    }
}

/// Connects and opens a session, or resumes one.
pub(super) async fn connect(
    path: &Path,
    session: Option<SessionKey>,
    wanted: Duration,
) -> Result<Connected, LinkError> {
    let stream = UnixStream::from_std(socket::connect(path)?)?;
    let (read_half, write_half) = stream.into_split();
    let mut link = Link { read_half, write_half, read: BytesMut::new() };
    let timeout_ms = u64::try_from(wanted.as_millis()).unwrap_or(u64::MAX);
    let mut hello = BytesMut::new();
    ToServer::Hello { protocol: PROTOCOL, session, timeout_ms }.put(&mut hello);
    link.write_half.write_all(&hello).await?;
    let answer = timeout(HELLO_TIMEOUT, link.next()).await.map_err(|_| LinkError::Silent)??;
    match answer {
        ToClient::Welcome { key, timeout_ms, history } => {
            Ok(Connected { link, key, timeout: Duration::from_millis(timeout_ms), history })
        }
        ToClient::Refused(refusal) => Err(LinkError::Refused(refusal)),
        _ => Err(LinkError::Frame(FrameError::Unknown { what: "welcome", value: 0 })),
    }
}

/// Opens a session, trying again until there is a server or the time is over.
pub(super) async fn connect_within(
    path: &Path,
    wanted: Duration,
    limit: Duration,
) -> Result<Connected, StoreError> {
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let reason = match timeout(left.max(FIRST_PAUSE), connect(path, None, wanted)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(LinkError::Refused(Refusal::Protocol))) => {
                return Err(StoreError::invalid("the store speaks another version"));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() + pause >= deadline {
            let reason = format!("{}: {reason}", path.display());
            return Err(StoreError::disconnected(reason));
        }
        sleep(pause).await;
        pause = next_pause(pause);
    }
}

/// The pause before the next attempt: on one machine there is no crowd to be spread by chance.
pub(super) fn next_pause(pause: Duration) -> Duration {
    if pause.is_zero() { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) }
}
