//! The private protocol between the master process and its host processes.
//!
//! Owns the form on the wire: frames (a length of four bytes, big end first, then a protobuf
//! message) over TCP on loopback. A host speaks first and shows the token. It must not know what
//! the messages do.

use std::io;

use bytes::{Buf, BytesMut};
use lathe_mesos::v1;
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::cluster::ExecutorKey;

/// The largest frame: larger than the largest body that the executor API takes.
pub(crate) const LARGEST_FRAME: usize = 16 * 1024 * 1024;

/// Which executor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Key {
    #[prost(string, tag = "1")]
    pub(crate) framework_id: String,
    #[prost(string, tag = "2")]
    pub(crate) executor_id: String,
}

impl From<ExecutorKey> for Key {
    fn from(key: ExecutorKey) -> Self {
        Self { framework_id: key.framework_id, executor_id: key.executor_id }
    }
}

impl From<Key> for ExecutorKey {
    fn from(key: Key) -> Self {
        Self { framework_id: key.framework_id, executor_id: key.executor_id }
    }
}

/// The order to start an executor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Start {
    #[prost(message, required, tag = "1")]
    pub(crate) executor: Key,
    #[prost(string, tag = "2")]
    pub(crate) container_id: String,
    #[prost(message, required, tag = "3")]
    pub(crate) info: v1::ExecutorInfo,
    #[prost(bool, tag = "4")]
    pub(crate) checkpoint: bool,
}

/// An event for an executor's stream.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Deliver {
    #[prost(message, required, tag = "1")]
    pub(crate) executor: Key,
    #[prost(message, required, tag = "2")]
    pub(crate) event: v1::executor::Event,
}

/// What the master says.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ToHost {
    #[prost(oneof = "Order", tags = "1, 2, 3, 4")]
    pub(crate) order: Option<Order>,
}

/// See [`crate::cluster::HostCommand`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Order {
    #[prost(string, tag = "1")]
    Welcome(String),
    #[prost(message, tag = "2")]
    Start(Box<Start>),
    #[prost(message, tag = "3")]
    Deliver(Box<Deliver>),
    #[prost(message, tag = "4")]
    Kill(Key),
}

/// A host's first words.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Hello {
    #[prost(string, tag = "1")]
    pub(crate) token: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(uint32, tag = "3")]
    pub(crate) port: u32,
}

/// Something with an executor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Report {
    #[prost(message, required, tag = "1")]
    pub(crate) executor: Key,
    #[prost(oneof = "News", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub(crate) news: Option<News>,
}

/// See the executor events of [`crate::cluster::Event`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum News {
    #[prost(message, tag = "2")]
    Subscribed(v1::executor::call::Subscribe),
    #[prost(bool, tag = "3")]
    Disconnected(bool),
    #[prost(message, tag = "4")]
    Updated(Box<v1::TaskStatus>),
    #[prost(bytes = "vec", tag = "5")]
    Messaged(Vec<u8>),
    #[prost(uint32, tag = "6")]
    Started(u32),
    #[prost(string, tag = "7")]
    Refused(String),
    #[prost(int32, tag = "8")]
    Exited(i32),
}

/// What a host says.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FromHost {
    #[prost(oneof = "Word", tags = "1, 2, 3")]
    pub(crate) word: Option<Word>,
}

/// One word of a host.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Word {
    #[prost(message, tag = "1")]
    Hello(Hello),
    #[prost(message, tag = "2")]
    Report(Box<Report>),
    /// It lives.
    #[prost(bool, tag = "3")]
    Alive(bool),
}

/// Why a link is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("the link broke")]
    Io(#[from] io::Error),
    #[error("a frame of {0} bytes is too large")]
    TooLarge(usize),
    #[error("a frame is no message")]
    Malformed(#[from] prost::DecodeError),
}

/// Reads frames. Nothing is lost when a read is dropped before it is done.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    source: R,
    buffer: BytesMut,
    largest: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: BytesMut::new(), largest: LARGEST_FRAME }
    }

    /// The same, but frames beyond so many bytes are refused.
    pub(crate) fn taking(self, largest: usize) -> Self {
        Self { largest, ..self }
    }

    /// The next message, or `None` at the end.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub(crate) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, LinkError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            if self.source.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn take<M: Message + Default>(&mut self) -> Result<Option<M>, LinkError> {
        let Some(head) = self.buffer.first_chunk::<4>() else {
            return Ok(None);
        };
        let size = u32::from_be_bytes(*head) as usize;
        if size > self.largest {
            return Err(LinkError::TooLarge(size));
        }
        if self.buffer.len() < 4 + size {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(M::decode(self.buffer.split_to(size).freeze())?))
    }
}

/// Writes one message.
///
/// # Errors
/// See [`LinkError`].
pub(crate) async fn write<W, M>(to: &mut W, message: &M) -> Result<(), LinkError>
where
    W: AsyncWrite + Unpin,
    M: Message,
{
    let size = message.encoded_len();
    if size > LARGEST_FRAME {
        return Err(LinkError::TooLarge(size));
    }
    let mut frame = BytesMut::with_capacity(4 + size);
    frame.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(&message.encode_to_vec());
    to.write_all(&frame).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
