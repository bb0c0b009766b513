//! An answer that is read piece by piece, by a thread of its own.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;

use crate::http::{Connection, Failed, Request, runtime};

/// What comes on the way.
#[derive(Debug)]
enum Piece {
    Head(u16),
    Data(Bytes),
    End,
    Broken(String),
}

/// The answer; dropping it closes the connection.
#[derive(Debug)]
pub struct Stream {
    received: Receiver<Piece>,
    _close: tokio::sync::oneshot::Sender<()>,
}

impl Stream {
    /// Asks, and waits for nothing.
    #[must_use]
    pub fn open(request: Request) -> Self {
        let (sender, received) = channel();
        let (close, closed) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let read = async {
                let mut connection = Connection::open(request.url()).await?;
                let response = connection.start(&request).await?;
                // A receiver that is gone has closed as well.
                let _ = sender.send(Piece::Head(response.status().as_u16()));
                let mut body = response.into_body();
                while let Some(frame) = body.frame().await {
                    let bytes = frame?.into_data().unwrap_or_default();
                    let _ = sender.send(Piece::Data(bytes));
                }
                Ok::<(), Failed>(())
            };
            let ended = runtime().block_on(async {
                tokio::select! {
                    ended = read => ended,
                    _ = closed => Ok(()),
                }
            });
            let last = ended.map_or_else(|error| Piece::Broken(error.to_string()), |()| Piece::End);
            let _ = sender.send(last);
        });
        Self { received, _close: close }
    }

    /// The next bytes; None when the answer is complete.
    ///
    /// # Panics
    /// When nothing comes in time, when it broke off, and when the answer is no 200.
    #[must_use]
    pub fn next(&self, limit: Duration) -> Option<Bytes> {
        self.try_next(limit).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, for whom a broken stream is no surprise.
    ///
    /// # Errors
    /// When nothing comes in time, when it broke off, and when the answer is no 200.
    pub fn try_next(&self, limit: Duration) -> Result<Option<Bytes>, String> {
        loop {
            match self.received.recv_timeout(limit) {
                Ok(Piece::Head(200)) => {}
                Ok(Piece::Head(status)) => return Err(format!("the answer is a {status}")),
                Ok(Piece::Data(bytes)) => return Ok(Some(bytes)),
                Ok(Piece::End) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Ok(Piece::Broken(error)) => return Err(format!("the answer broke off: {error}")),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("nothing came within {} s", limit.as_secs()));
                }
            }
        }
    }
}
