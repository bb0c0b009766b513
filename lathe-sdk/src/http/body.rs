//! Bodies of requests and responses: whole, streamed from a connection, or made by an author.
//!
//! Owns their limits and errors. It must not know of tasks, groups or routing.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::mpsc;

/// Bytes that a whole body gives at a time: the server copies them behind the head, and that must
/// stay small whatever the body's length.
const PIECE: usize = 64 << 10;

type Streamed = dyn http_body::Body<Data = Bytes, Error = BodyError> + Send;

/// A body: nothing, bytes in memory, or a stream of them.
///
/// ```
/// use lathe::http::{Body, HTTPResponse};
///
/// # lathe::testing::run(async {
/// let (sender, body) = Body::channel();
/// tokio::spawn(async move {
///     for line in ["one\n", "two\n"] {
///         if sender.send(line).await.is_err() {
///             return; // the client went away
///         }
///     }
/// });
/// let response = HTTPResponse::new(200, body);
/// assert_eq!(response.into_body().collect(100).await.unwrap(), "one\ntwo\n");
/// # });
/// ```
pub struct Body(Kind);

enum Kind {
    Whole(Bytes),
    /// Whole, and known to be text.
    Text(Bytes),
    Incoming(Box<Limited>),
    /// The lock makes the stream shareable; reading needs no locking.
    Stream(Mutex<Pin<Box<Streamed>>>),
}

/// What still comes over a connection, bounded.
struct Limited {
    body: Incoming,
    left: u64,
    limit: u64,
    /// Counted up with every piece: what looks after the connection sees that it moves.
    moved: Option<Arc<AtomicU64>>,
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// More bytes than the limit allows.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The connection that it came over failed.
    #[error("the connection that the body comes over failed")]
    Connection(#[source] hyper::Error),
    /// What produced it failed, by an author's own error.
    #[error("what makes the body failed")]
    Source(#[source] Box<dyn Error + Send + Sync>),
}

/// The other end is gone: nobody reads this body any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads this body any more")]
pub struct Closed;

/// Feeds a body made by [`Body::channel`]. Dropping it ends the body.
#[derive(Clone, Debug)]
pub struct BodySender(mpsc::Sender<Result<Bytes, BodyError>>);

impl BodySender {
    /// Waits until there is room and sends a piece.
    ///
    /// # Errors
    /// [`Closed`] once the reader is gone.
    pub async fn send(&self, piece: impl Into<Bytes>) -> Result<(), Closed> {
        self.0.send(Ok(piece.into())).await.map_err(|_| Closed)
    }

    /// Ends the body by an error, so that the reader does not take it for whole.
    pub async fn abort(self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        // A reader that is gone needs no telling.
        let _ = self.0.send(Err(BodyError::Source(cause.into()))).await;
    }
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    /// A streamed body and what feeds it. Eight pieces wait at most; then `send` waits.
    #[must_use]
    pub fn channel() -> (BodySender, Self) {
        let (sender, receiver) = mpsc::channel(8);
        (BodySender(sender), Self::stream(Pieces(receiver)))
    }

    /// Any body of the `http_body` kind.
    #[must_use]
    pub fn wrap<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::stream(http_body_util::BodyExt::map_err(body, |e| BodyError::Source(e.into())))
    }

    pub(crate) fn stream<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + Send + 'static,
    {
        Self(Kind::Stream(Mutex::new(Box::pin(body))))
    }

    /// What comes over a connection, up to a limit of bytes.
    pub(crate) fn incoming(body: Incoming, limit: u64, moved: Option<&Arc<AtomicU64>>) -> Self {
        if body.is_end_stream() {
            // Most requests have none.
            return Self::empty();
        }
        let moved = moved.cloned();
        Self(Kind::Incoming(Box::new(Limited { body, left: limit, limit, moved })))
    }

    fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(bytes))
    }

    fn text(bytes: Bytes) -> Self {
        Self(Kind::Text(bytes))
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.0, Kind::Text(_))
    }

    /// Whether bytes may still come from somewhere else than memory.
    pub(crate) fn is_streamed(&self) -> bool {
        !matches!(self.0, Kind::Whole(_) | Kind::Text(_)) && !self.is_end_stream()
    }

    /// Keeps a value until this body has ended or is dropped.
    pub(crate) fn keep(&mut self, guard: impl Send + 'static) {
        *self = Self::stream(Kept { body: std::mem::take(self), _guard: guard });
    }

    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await?;
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => return Some(Ok(data)),
                Ok(Err(_trailers)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// All of it, when it is at most `limit` bytes.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond the limit; otherwise what the stream failed with.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let too_large = || BodyError::TooLarge { limit: limit as u64 };
        if self.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        if first.len() > limit {
            return Err(too_large());
        }
        if self.is_end_stream() {
            return Ok(first);
        }
        let mut all = BytesMut::from(&first[..]);
        while let Some(piece) = self.chunk().await.transpose()? {
            if all.len() + piece.len() > limit {
                return Err(too_large());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

/// A whole body, the common case, is answered in place; hyper inlines that.
impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Kind::Whole(bytes) | Kind::Text(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) | Kind::Text(bytes) if bytes.len() > PIECE => {
                Poll::Ready(Some(Ok(Frame::data(bytes.split_to(PIECE)))))
            }
            Kind::Whole(bytes) | Kind::Text(bytes) => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            streamed => streamed.poll_streamed(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) | Kind::Text(bytes) => bytes.is_empty(),
            streamed => streamed.is_stream_at_end(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) | Kind::Text(bytes) => SizeHint::with_exact(bytes.len() as u64),
            streamed => streamed.stream_size(),
        }
    }
}

impl Kind {
    #[inline(never)]
    fn poll_streamed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Whole(_) | Self::Text(_) => Poll::Ready(None),
            Self::Stream(body) => {
                let body = body.get_mut().unwrap_or_else(PoisonError::into_inner);
                body.as_mut().poll_frame(cx)
            }
            Self::Incoming(incoming) => {
                let frame = std::task::ready!(Pin::new(&mut incoming.body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| incoming.count(frame)))
            }
        }
    }

    #[inline(never)]
    fn is_stream_at_end(&self) -> bool {
        match self {
            Self::Whole(_) | Self::Text(_) => true,
            Self::Incoming(incoming) => incoming.body.is_end_stream(),
            Self::Stream(body) => body.lock().is_ok_and(|body| body.is_end_stream()),
        }
    }

    #[inline(never)]
    fn stream_size(&self) -> SizeHint {
        match self {
            Self::Whole(_) | Self::Text(_) => SizeHint::with_exact(0),
            Self::Incoming(incoming) => incoming.body.size_hint(),
            Self::Stream(body) => body.lock().map(|body| body.size_hint()).unwrap_or_default(),
        }
    }
}

impl Limited {
    fn count(
        &mut self,
        frame: Result<Frame<Bytes>, hyper::Error>,
    ) -> Result<Frame<Bytes>, BodyError> {
        let frame = frame.map_err(BodyError::Connection)?;
        if let Some(moved) = &self.moved {
            moved.fetch_add(1, Ordering::Relaxed);
        }
        let len = frame.data_ref().map_or(0, |data| data.len() as u64);
        let limit = self.limit;
        self.left = self.left.checked_sub(len).ok_or(BodyError::TooLarge { limit })?;
        Ok(frame)
    }
}

/// What comes through a channel, as a body.
struct Pieces(mpsc::Receiver<Result<Bytes, BodyError>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// A body and what is kept with it.
struct Kept<G> {
    body: Body,
    _guard: G,
}

// The guard is only ever dropped.
impl<G> Unpin for Kept<G> {}

impl<G> http_body::Body for Kept<G> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(bytes) | Kind::Text(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Kind::Incoming(_) | Kind::Stream(_) => f.write_str("Body(streamed)"),
        }
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::text(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::text(text.into())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::whole(bytes.into())
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self::whole(Bytes::from_static(bytes))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::whole(bytes)
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

#[cfg(test)]
mod tests;
