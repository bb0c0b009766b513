//! A proxy that misbehaves on demand, of Unix sockets or of TCP. Owns the faults of a way; must not know what goes
//! over it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a way behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Everything passes.
    Open,
    /// Everything passes, in crumbs of a few bytes, with small pauses now and then.
    Crumbs,
    /// Connections stay, nothing passes.
    Silent,
    /// Connections are closed, and new ones at once.
    Cut,
}

/// What whoever carries the faults out follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    pub mood: Mood,
    /// Counts the cuts, so that none is too short to be carried out: connections of before end.
    pub cuts: u64,
}

/// The faults of one way.
#[derive(Debug)]
pub struct Faults {
    orders: watch::Sender<Orders>,
    task: Option<JoinHandle<()>>,
}

impl Faults {
    /// Faults that someone else carries out, following the receiver.
    #[must_use]
    pub fn carried_out_elsewhere() -> (Self, watch::Receiver<Orders>) {
        let (orders, follow) = watch::channel(Orders { mood: Mood::Open, cuts: 0 });
        (Self { orders, task: None }, follow)
    }

    /// A proxy from `from` to `to`, two paths of Unix sockets.
    ///
    /// # Panics
    /// When `from` cannot be listened on.
    #[must_use]
    pub fn unix_proxy(from: &Path, to: &Path) -> Self {
        let (mut faults, follow) = Self::carried_out_elsewhere();
        let listener = UnixListener::bind(from).unwrap();
        let to = to.to_path_buf();
        faults.task = Some(tokio::spawn(accept_unix(listener, to, follow)));
        faults
    }

    /// A proxy to `to`, a server of TCP, and where it listens.
    ///
    /// # Panics
    /// When nothing can be listened on.
    pub async fn tcp_proxy(to: &str) -> (Self, SocketAddr) {
        let (mut faults, follow) = Self::carried_out_elsewhere();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        faults.task = Some(tokio::spawn(accept_tcp(listener, to.to_owned(), follow)));
        (faults, address)
    }

    /// Changes how the way behaves from now on.
    pub fn set(&self, mood: Mood) {
        self.orders.send_modify(|orders| {
            orders.mood = mood;
            orders.cuts += u64::from(mood == Mood::Cut);
        });
    }

    /// Ends every connection; new ones pass.
    pub async fn blink(&self, dark: Duration) {
        self.set(Mood::Cut);
        tokio::time::sleep(dark).await;
        self.set(Mood::Crumbs);
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn accept_unix(listener: UnixListener, to: PathBuf, orders: watch::Receiver<Orders>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        if orders.borrow().mood == Mood::Cut {
            continue;
        }
        // A server that is down closes the connection, as a real way would.
        let Ok(far) = UnixStream::connect(&to).await else { continue };
        connections.spawn(carry(near.into_split(), far.into_split(), orders.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn accept_tcp(listener: TcpListener, to: String, orders: watch::Receiver<Orders>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        if orders.borrow().mood == Mood::Cut {
            continue;
        }
        let Ok(far) = TcpStream::connect(&to).await else { continue };
        connections.spawn(carry(near.into_split(), far.into_split(), orders.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one connection, until one side or a cut ends it.
async fn carry<R, W>(near: (R, W), far: (R, W), mut orders: watch::Receiver<Orders>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let start = *orders.borrow();
    tokio::select! {
        () = pump(near.0, far.1, orders.clone()) => {}
        () = pump(far.0, near.1, orders.clone()) => {}
        _ = orders.wait_for(|orders| orders.cuts != start.cuts) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut orders: watch::Receiver<Orders>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut state = 1u32;
    loop {
        let Ok(size @ 1..) = from.read(&mut buffer).await else { return };
        let mut rest = &buffer[..size];
        while !rest.is_empty() {
            let passing = orders.wait_for(|orders| orders.mood != Mood::Silent).await;
            let Ok(now) = passing.map(|orders| orders.mood) else { return };
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let size = if now == Mood::Crumbs {
                // Most crumbs are of a few bytes, some of many: large frames have to pass too.
                if state.is_multiple_of(8) { 4096 } else { (state >> 8) as usize % 9 + 1 }
            } else {
                rest.len()
            };
            let (piece, later) = rest.split_at(size.min(rest.len()));
            if to.write_all(piece).await.is_err() {
                return;
            }
            if now == Mood::Crumbs {
                if (state >> 16).is_multiple_of(64) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                } else {
                    tokio::task::yield_now().await;
                }
            }
            rest = later;
        }
    }
}
