//! A TCP proxy between a client and an engine, with a switch that a test can turn.
//!
//! Owns the listener and the switch; `proxy/link.rs` carries one connection. It must not know what
//! the bytes mean.
//!
//! It is bounded: at most 1,024 connections at a time, and for each of them and each way about 1 MiB
//! beside the kernel's own buffers. A sender that goes on while bytes are held or late is not read
//! any more.

mod link;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::Failure;
use crate::keeper::keeper;
use crate::ports::Port;
use crate::waiting::until;

const LINKS_MAX: usize = 1024;
/// After an accept that failed, for want of files most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Which of the two ways a connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What the client sends.
    ToServer,
    /// What the server sends.
    ToClient,
}

/// What went through, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were taken.
    pub connections: u64,
    /// Those of them that are open.
    pub open: u64,
    /// Those that the server refused.
    pub refused: u64,
    /// Bytes that were handed on to the server.
    pub to_server: u64,
    /// Bytes that were handed on to the client.
    pub to_client: u64,
}

/// The position of the switch.
#[derive(Clone, Copy, Debug, Default)]
struct Switch {
    /// Connections of an older cut are closed.
    cut: u64,
    refuses: bool,
    holds_to_server: bool,
    holds_to_client: bool,
    delay: Duration,
    /// How many bytes a write has at most; 0: as they come.
    piece: usize,
}

impl Switch {
    fn holds(&self, way: Way) -> bool {
        match way {
            Way::ToServer => self.holds_to_server,
            Way::ToClient => self.holds_to_client,
        }
    }
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    server: String,
    switch: watch::Receiver<Switch>,
    connections: AtomicU64,
    open: AtomicU64,
    refused: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
}

/// A proxy. It passes everything at first, and ends with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    switch: watch::Sender<Switch>,
    listens: watch::Receiver<bool>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    _port: Option<Port>,
}

impl Proxy {
    /// A proxy before this server, which need not be there yet.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn start(server: impl Into<String>) -> Result<Self, Failure> {
        let port = Port::any()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
        Self::listen(address, Some(port), server.into(), keeper()).await
    }

    /// The same at an address of the caller's, on a runtime of the caller's: it listens and connects from the
    /// network namespace of that runtime's thread.
    ///
    /// # Errors
    /// The address is not to be had.
    pub async fn start_at(
        address: SocketAddr,
        server: impl Into<String>,
        runtime: &Handle,
    ) -> Result<Self, Failure> {
        Self::listen(address, None, server.into(), runtime).await
    }

    async fn listen(
        address: SocketAddr,
        port: Option<Port>,
        server: String,
        runtime: &Handle,
    ) -> Result<Self, Failure> {
        let (switch, seen) = watch::channel(Switch::default());
        let shared = Arc::new(Shared {
            server,
            switch: seen,
            connections: AtomicU64::default(),
            open: AtomicU64::default(),
            refused: AtomicU64::default(),
            to_server: AtomicU64::default(),
            to_client: AtomicU64::default(),
        });
        let (listening, listens) = watch::channel(false);
        let task = runtime.spawn(serve(address, Arc::clone(&shared), listening));
        let proxy = Self { address, switch, listens, shared, task, _port: port };
        proxy.listening(true).await?;
        Ok(proxy)
    }

    /// Where it listens, such as `127.0.0.1:20301`. Kept over cuts.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Ends every fault: connections are taken, and bytes go through as they come, those first that
    /// were held. Returns when that is so.
    ///
    /// # Errors
    /// It does not get its port back in time.
    pub async fn pass(&self) -> Result<(), Failure> {
        let _ = self.switch.send_replace(Switch { cut: self.position().cut, ..Switch::default() });
        self.listening(true).await
    }

    /// Closes every connection, what it holds is lost, and refuses new ones until [`Proxy::pass`].
    /// Returns when that is so.
    ///
    /// # Errors
    /// Connections are not closed in time.
    pub async fn cut(&self) -> Result<(), Failure> {
        self.switch.send_modify(|switch| {
            switch.cut += 1;
            switch.refuses = true;
        });
        self.listening(false).await?;
        self.closed(self.counts().connections).await
    }

    /// Closes the connections that there are and takes new ones. Returns when they are closed.
    ///
    /// # Errors
    /// They are not closed in time.
    pub async fn drop_connections(&self) -> Result<(), Failure> {
        let before = self.shared.connections.load(Ordering::SeqCst);
        self.switch.send_modify(|switch| switch.cut += 1);
        self.closed(before).await
    }

    /// Holds the bytes of one way back, those of old and of new connections, as a network does that
    /// swallows packets: nothing is closed, and what was held goes on after [`Proxy::pass`].
    pub fn hold(&self, way: Way) {
        self.switch.send_modify(|switch| match way {
            Way::ToServer => switch.holds_to_server = true,
            Way::ToClient => switch.holds_to_client = true,
        });
    }

    /// Holds the bytes of both ways.
    pub fn black_hole(&self) {
        self.hold(Way::ToServer);
        self.hold(Way::ToClient);
    }

    /// Hands bytes on so much later, both ways. What is under way keeps its time.
    pub fn delay(&self, by: Duration) {
        self.switch.send_modify(|switch| switch.delay = by);
    }

    /// Hands bytes on in pieces of at most so many, so that a reader meets every boundary.
    pub fn split(&self, piece: usize) {
        self.switch.send_modify(|switch| switch.piece = piece);
    }

    /// What went through until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Counts {
            connections: read(&self.shared.connections),
            open: read(&self.shared.open),
            refused: read(&self.shared.refused),
            to_server: read(&self.shared.to_server),
            to_client: read(&self.shared.to_client),
        }
    }

    fn position(&self) -> Switch {
        *self.switch.borrow()
    }

    async fn listening(&self, wanted: bool) -> Result<(), Failure> {
        let what = if wanted { "the proxy to listen" } else { "the proxy to refuse" };
        until(what, || async { (*self.listens.borrow() == wanted).then_some(()) }).await
    }

    /// Waits until none of the first so many is open: no more than were taken after them.
    async fn closed(&self, first: u64) -> Result<(), Failure> {
        until("the proxy's connections to close", || async {
            let Counts { connections, open, .. } = self.counts();
            (open <= connections.saturating_sub(first)).then_some(())
        })
        .await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.switch.send_modify(|switch| switch.cut += 1);
    }
}

/// Listens while the switch lets it, and carries what it takes.
async fn serve(address: SocketAddr, shared: Arc<Shared>, listening: watch::Sender<bool>) {
    let room = Arc::new(Semaphore::new(LINKS_MAX));
    let mut switch = shared.switch.clone();
    while switch.wait_for(|switch| !switch.refuses).await.is_ok() {
        let Ok(listener) = TcpListener::bind(address).await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        listening.send_replace(true);
        tokio::select! {
            biased;
            _ = switch.wait_for(|switch| switch.refuses) => {}
            () = accept(&listener, &shared, &room) => {}
        }
        drop(listener);
        listening.send_replace(false);
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>, room: &Arc<Semaphore>) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((client, _)) => take(client, shared, permit),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn take(client: TcpStream, shared: &Arc<Shared>, permit: OwnedSemaphorePermit) {
    let shared = Arc::clone(shared);
    // Counted before the task runs, so that a cut cannot overlook it.
    shared.connections.fetch_add(1, Ordering::SeqCst);
    shared.open.fetch_add(1, Ordering::SeqCst);
    let cut = shared.switch.borrow().cut;
    tokio::spawn(async move {
        let mut switch = shared.switch.clone();
        tokio::select! {
            biased;
            _ = switch.wait_for(|switch| switch.cut != cut) => {}
            () = link::carry(client, &shared) => {}
        }
        // The sockets are closed by now.
        shared.open.fetch_sub(1, Ordering::SeqCst);
        drop(permit);
    });
}
