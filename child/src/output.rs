//! Where a process's output goes, and the reading end of a pipe. Must not know what is read.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;

/// Where a process's standard output or standard error goes.
#[derive(Debug, Default)]
pub enum Output {
    /// To nowhere.
    #[default]
    Null,
    /// To a pipe whose reading end the [`crate::Child`] gives out once.
    Pipe,
    /// To this open file.
    File(File),
    /// To where this process's own goes.
    Inherit,
}

/// The reading end of a process's output. It ends when every process that holds the other end is gone.
#[derive(Debug)]
pub struct OutputReader {
    pipe: pipe::Receiver,
}

impl OutputReader {
    pub(crate) fn new(pipe: OwnedFd) -> io::Result<Self> {
        Ok(Self { pipe: pipe::Receiver::from_owned_fd(pipe)? })
    }
}

impl AsyncRead for OutputReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}
