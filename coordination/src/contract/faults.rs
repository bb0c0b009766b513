//! A Unix-socket proxy that misbehaves on demand. Owns the faults of a way; must not know what goes
//! over it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
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
        faults.task = Some(tokio::spawn(accept(listener, to.to_path_buf(), follow)));
        faults
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

async fn accept(listener: UnixListener, to: PathBuf, orders: watch::Receiver<Orders>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let start = *orders.borrow();
        if start.mood == Mood::Cut {
            continue;
        }
        // A server that is down closes the connection, as a real way would.
        let Ok(far) = UnixStream::connect(&to).await else { continue };
        let mut orders = orders.clone();
        connections.spawn(async move {
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            tokio::select! {
                () = pump(near_read, far_write, orders.clone()) => {}
                () = pump(far_read, near_write, orders.clone()) => {}
                _ = orders.wait_for(|orders| orders.cuts != start.cuts) => {}
            }
        });
        while connections.try_join_next().is_some() {}
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
