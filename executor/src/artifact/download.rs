//! One download from one address into one file, bounded in size and time, checked against size and
//! digest. Must not know the cache, or that there are other addresses.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::digest::{Digest, Hasher};
use crate::plain_http::{Address, Connection, RequestError, bearer};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// A stream that gives nothing for this long is dead.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// Pieces on their way from the socket to the disk; each at most the connection's buffer.
const PIECES_MAX: usize = 8;

/// Why one address did not give the artifact.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// No answer.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Another answer than 200.
    #[error("answered {status}")]
    Status {
        /// The status.
        status: StatusCode,
    },
    /// The stream ended early or late.
    #[error("gave {got} bytes instead of {wanted}")]
    Size {
        /// Bytes read.
        got: u64,
        /// Bytes expected.
        wanted: u64,
    },
    /// The bytes are others.
    #[error("gave something with the digest {got}")]
    OtherDigest {
        /// The digest of what came.
        got: Digest,
    },
    /// It cannot be written down.
    #[error("it cannot be written down")]
    Write(#[source] io::Error),
}

impl DownloadError {
    /// May the same address do better later?
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Request(RequestError::Address { .. }) | Self::OtherDigest { .. } => false,
            Self::Request(_) | Self::Size { .. } | Self::Write(_) => true,
            Self::Status { status } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
        }
    }
}

/// What must come.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Downloads into the file, which is synced before this returns.
///
/// # Errors
/// See [`DownloadError`].
pub async fn download(
    url: &str,
    secret: &str,
    expected: &Expected,
    file: File,
) -> Result<(), DownloadError> {
    let address = Address::parse(url)?;
    let mut connection = Connection::open(&address, CONNECT_LIMIT).await?;
    let request = Request::get("/").header(header::AUTHORIZATION, bearer(secret));
    let answer = connection.send(&address, request, Bytes::new(), ANSWER_LIMIT).await?;
    if answer.status() != StatusCode::OK {
        return Err(DownloadError::Status { status: answer.status() });
    }
    // Disk and digest have a thread of their own: a slow disk must not keep KILL waiting.
    let (pieces, incoming) = mpsc::channel(PIECES_MAX);
    let writer = tokio::task::spawn_blocking(move || write_down(incoming, file));
    let got = pump(answer.into_body(), expected.size, pieces).await;
    let written = writer.await.map_err(|error| DownloadError::Write(io::Error::other(error)))?;
    // A full disk closes the channel; what it says is the cause of what the pump says.
    let digest = written.map_err(DownloadError::Write)?;
    let got = got?;
    if got != expected.size {
        return Err(DownloadError::Size { got, wanted: expected.size });
    }
    if digest != expected.digest {
        return Err(DownloadError::OtherDigest { got: digest });
    }
    Ok(())
}

/// From the stream to the channel; stops at the first byte too many. Gives the bytes seen.
async fn pump(
    mut body: Incoming,
    size: u64,
    pieces: mpsc::Sender<Bytes>,
) -> Result<u64, DownloadError> {
    let mut got: u64 = 0;
    loop {
        let frame = timeout(STALL_LIMIT, body.frame())
            .await
            .map_err(|_| RequestError::TimedOut { doing: "reading the artifact" })?;
        let Some(frame) = frame else { return Ok(got) };
        let piece = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            // A stream cut short is told by its length, which says more than the broken pipe.
            Err(_) => return Ok(got),
        };
        got = got.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if got > size || pieces.send(piece).await.is_err() {
            return Ok(got);
        }
    }
}

fn write_down(mut incoming: mpsc::Receiver<Bytes>, mut file: File) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    while let Some(piece) = incoming.blocking_recv() {
        hasher.update(&piece);
        file.write_all(&piece)?;
    }
    file.sync_all()?;
    Ok(hasher.finish())
}
