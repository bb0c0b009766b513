//! One connection: which protocol it speaks, its requests, its end.
//!
//! Owns the link by which the server ends a connection from outside, at no cost to its requests:
//! a word and a waker. It must not know what is answered.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::http1::UpgradeableConnection;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use crate::http::HTTPTask;
use crate::http::request::About;
use crate::server::Server;
use crate::server::answer::answer;

/// What every HTTP/2 connection starts with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const GOES_ON: u8 = 0;
const FINISH: u8 = 1;
const CUT: u8 = 2;

/// One connection as its requests see it.
#[derive(Debug)]
pub(crate) struct Connection<T> {
    pub(crate) server: Arc<Server<T>>,
    pub(crate) about: Arc<About>,
    pub(crate) link: Arc<Link>,
    pub(crate) is_http1: bool,
    /// Held until the last request of this connection, tunnels included, has ended.
    _permit: OwnedSemaphorePermit,
}

/// What the server sees of a connection, and how it ends one.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Counted up with every request, every write, and every piece of a request's body.
    pub(crate) moved: Arc<AtomicU64>,
    /// Requests at work, their streamed bodies included.
    pub(crate) active: AtomicU32,
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// What the sweeper last saw, and when that changed.
    seen: Mutex<Option<(u64, Instant)>>,
}

impl Link {
    fn end(&self, order: u8) {
        self.order.fetch_max(order, Ordering::AcqRel);
        if let Some(waker) = locked(&self.waker).as_ref() {
            waker.wake_by_ref();
        }
    }

    fn sweep(&self, now: Instant, idle: Duration, stall: Duration) {
        let moved = self.moved.load(Ordering::Relaxed);
        let mut seen = locked(&self.seen);
        let still = match *seen {
            Some((before, since)) if before == moved => now.saturating_duration_since(since),
            _ => {
                *seen = Some((moved, now));
                return;
            }
        };
        let is_active = self.active.load(Ordering::Relaxed) > 0;
        if !is_active && still >= idle {
            // First by the protocol; what cannot end by it, such as half a head, is cut at the
            // next look.
            let asked = self.order.load(Ordering::Relaxed) != GOES_ON;
            self.end(if asked { CUT } else { FINISH });
        } else if is_active && still >= stall {
            self.end(CUT);
        }
    }
}

/// All open connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Links {
    open: Mutex<(u64, BTreeMap<u64, Arc<Link>>)>,
}

impl Links {
    fn add(&self, link: &Arc<Link>) -> u64 {
        let mut open = locked(&self.open);
        open.0 += 1;
        let id = open.0;
        open.1.insert(id, Arc::clone(link));
        id
    }

    fn remove(&self, id: u64) {
        locked(&self.open).1.remove(&id);
    }

    pub(crate) fn len(&self) -> usize {
        locked(&self.open).1.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Requests at work on all of them.
    pub(crate) fn active(&self) -> u64 {
        let open = locked(&self.open);
        open.1.values().map(|link| u64::from(link.active.load(Ordering::Relaxed))).sum()
    }

    /// Every connection answers what it has begun and ends.
    pub(crate) fn finish_all(&self) {
        locked(&self.open).1.values().for_each(|link| link.end(FINISH));
    }

    /// Every connection ends at once.
    pub(crate) fn cut_all(&self) {
        locked(&self.open).1.values().for_each(|link| link.end(CUT));
    }

    pub(crate) fn sweep(&self, now: Instant, idle: Duration, stall: Duration) {
        locked(&self.open).1.values().for_each(|link| link.sweep(now, idle, stall));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the link whatever way the connection ends.
struct Listed<T> {
    server: Arc<Server<T>>,
    id: u64,
}

impl<T> Drop for Listed<T> {
    fn drop(&mut self) {
        self.server.links.remove(self.id);
    }
}

/// Serves one connection to its end.
pub(crate) async fn drive<T: HTTPTask>(
    server: Arc<Server<T>>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
) {
    let link = Arc::new(Link::default());
    let listed = Listed { id: server.links.add(&link), server: Arc::clone(&server) };
    server.metrics.connections.fetch_add(1, Ordering::Relaxed);
    // A connection that ends by an error concerns its client; there is nobody to tell.
    let is_http1 = tokio::select! {
        protocol = timeout(server.options.idle_timeout, sniff(&stream)) => match protocol {
            Ok(Ok(is_http1)) => is_http1,
            Ok(Err(_)) | Err(_) => return,
        },
        () = poll_fn(|cx| until_ended(&link, cx)) => return,
    };
    let io = TokioIo::new(Counted { stream, moved: Arc::clone(&link.moved) });
    let options = server.options;
    let connection = Arc::new(Connection {
        server: Arc::clone(&server),
        about: Arc::new(About {
            peer: Some(peer),
            handler_timeout: Some(options.handler_timeout),
            max_collected: options.max_collected,
            max_body: options.max_body,
            moved: Some(Arc::clone(&link.moved)),
        }),
        link: Arc::clone(&link),
        is_http1,
        _permit: permit,
    });
    let service = service_fn(move |request| answer(Arc::clone(&connection), request));
    if is_http1 {
        let mut builder = http1::Builder::new();
        // Nearly all answers are small: one buffer is cheaper than a list of two.
        builder.writev(false);
        builder.max_buf_size(options.max_head.max(8 << 10) * 2);
        builder.max_header_size(options.max_head.max(1 << 10));
        let connection = Box::pin(builder.serve_connection(io, service).with_upgrades());
        let finish = UpgradeableConnection::graceful_shutdown;
        tokio::spawn(UntilEnd {
            connection,
            finish,
            link,
            _listed: listed,
            is_known: false,
            is_told: false,
        });
    } else {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(20))
            .max_concurrent_streams(options.max_streams)
            .max_header_list_size(u32::try_from(options.max_head).unwrap_or(u32::MAX));
        let connection = Box::pin(builder.serve_connection(io, service));
        let finish = http2::Connection::graceful_shutdown;
        tokio::spawn(UntilEnd {
            connection,
            finish,
            link,
            _listed: listed,
            is_known: false,
            is_told: false,
        });
    }
}

fn until_ended(link: &Link, cx: &Context<'_>) -> Poll<()> {
    let mut waker = locked(&link.waker);
    if link.order.load(Ordering::Acquire) != GOES_ON {
        return Poll::Ready(());
    }
    *waker = Some(cx.waker().clone());
    Poll::Pending
}

/// Drives a connection until it ends by itself or is told to end. By hand, because it is polled with
/// every request.
struct UntilEnd<C, G> {
    connection: Pin<Box<C>>,
    finish: fn(Pin<&mut C>),
    link: Arc<Link>,
    /// Dropped at the end.
    _listed: G,
    is_known: bool,
    is_told: bool,
}

// The connection is boxed; the rest is never pinned.
impl<C, G> Unpin for UntilEnd<C, G> {}

impl<C: Future, G> Future for UntilEnd<C, G> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if !this.is_known {
            // A spawned future keeps its waker for life: to register it once is enough.
            *locked(&this.link.waker) = Some(cx.waker().clone());
            this.is_known = true;
        }
        if this.connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        match this.link.order.load(Ordering::Acquire) {
            GOES_ON => Poll::Pending,
            FINISH if this.is_told => Poll::Pending,
            FINISH => {
                this.is_told = true;
                (this.finish)(this.connection.as_mut());
                this.connection.as_mut().poll(cx).map(drop)
            }
            _ => Poll::Ready(()),
        }
    }
}

/// Whether this is HTTP/1, told by the first bytes, which stay where they are.
async fn sniff(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        let len = stream.peek(&mut start).await?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if start[..len] != PREFACE[..len] {
            return Ok(true);
        }
        if len == PREFACE.len() {
            return Ok(false);
        }
        // A preface in pieces: nearly never, and there is no waking for "more than before".
        sleep(Duration::from_millis(1)).await;
    }
}

/// A stream whose writes the sweeper can see. What it reads is seen as requests and their bodies:
/// a head that comes byte by byte is not progress.
#[derive(Debug)]
struct Counted {
    stream: TcpStream,
    moved: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if polled.is_ready() {
            self.moved.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if polled.is_ready() {
            self.moved.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
