//! Connections to one endpoint, kept open between requests.
//!
//! Owns their number, their age and whether they can be used again. It must not know which
//! endpoint is chosen, nor what may be tried again.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::forward::group::Endpoint;
use crate::http::{Body, BodyError};
use crate::server::Metrics;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an unused connection is kept: shorter than the server's own patience (75 s).
const KEEP: Duration = Duration::from_secs(45);
/// Unused connections kept for one endpoint.
const MOST_IDLE: usize = 64;
/// Bytes of a response's head.
const MAX_HEAD: usize = 64 << 10;

/// Unused connections to one endpoint, the newest last.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    sender: SendRequest<Body>,
    since: Instant,
}

impl Pool {
    fn pop(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(newest) = idle.pop() {
            if newest.since.elapsed() >= KEEP {
                // All others are older still.
                idle.clear();
                return None;
            }
            if !newest.sender.is_closed() {
                return Some(newest.sender);
            }
        }
        None
    }

    /// Drops what is kept: one of them was found dead, and the others are as old or older.
    pub(crate) fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn push(&self, sender: SendRequest<Body>) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= MOST_IDLE {
            idle.remove(0);
        }
        idle.push(Idle { sender, since: Instant::now() });
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Pool").field("idle", &idle).finish()
    }
}

/// Why an exchange with an endpoint failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("cannot connect to {address}")]
    Connect {
        address: std::net::SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("{address} does not speak http")]
    Handshake {
        address: std::net::SocketAddr,
        #[source]
        source: hyper::Error,
    },
    #[error("{address} broke off")]
    Broken {
        address: std::net::SocketAddr,
        #[source]
        source: hyper::Error,
    },
}

/// A failed exchange, with the request where nothing of it went out.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ExchangeError,
    pub(crate) unsent: Option<Box<Request<Body>>>,
    /// It came over a connection that had been idle: the endpoint may just have closed it.
    pub(crate) was_idle: bool,
}

/// A request under way to an endpoint: counted there until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    endpoint: Arc<Endpoint>,
    sender: Option<SendRequest<Body>>,
}

impl Lease {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { endpoint, sender: None }
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Sends a request over a connection that is there, or over a new one, and waits for the head
    /// of the response.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Body>,
        metrics: &Metrics,
    ) -> Result<Response<Incoming>, Failure> {
        let (mut sender, was_idle) = match self.idle().await {
            Some(sender) => (sender, true),
            None => match connect(&self.endpoint, metrics).await {
                Ok(sender) => (sender, false),
                Err(error) => {
                    let unsent = Some(Box::new(request));
                    return Err(Failure { error, unsent, was_idle: false });
                }
            },
        };
        let address = self.endpoint.address;
        match sender.try_send_request(request).await {
            Ok(response) => {
                self.sender = Some(sender);
                Ok(response)
            }
            Err(mut refused) => {
                let unsent = refused.take_message().map(Box::new);
                let error = ExchangeError::Broken { address, source: refused.into_error() };
                Err(Failure { error, unsent, was_idle })
            }
        }
    }

    /// An idle connection that can take a request now.
    async fn idle(&self) -> Option<SendRequest<Body>> {
        while let Some(mut sender) = self.endpoint.pool.pop() {
            // Its last response has been read; the connection itself may need a moment to see it.
            if let Ok(Ok(())) = timeout(CONNECT, sender.ready()).await {
                return Some(sender);
            }
        }
        None
    }

    /// The body of the response, which holds the lease until its end.
    pub(crate) fn body(mut self, incoming: Incoming) -> Body {
        if incoming.is_end_stream() {
            self.give_back();
            return Body::empty();
        }
        Body::stream(Upstream { incoming, lease: Some(self) })
    }

    fn give_back(&mut self) {
        if let Some(sender) = self.sender.take() {
            self.endpoint.pool.push(sender);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connect(
    endpoint: &Endpoint,
    metrics: &Metrics,
) -> Result<SendRequest<Body>, ExchangeError> {
    let address = endpoint.address;
    metrics.connects.fetch_add(1, Ordering::Relaxed);
    let made = timeout(CONNECT, TcpStream::connect(address)).await;
    let made = made.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let stream = made.map_err(|source| {
        metrics.connect_failures.fetch_add(1, Ordering::Relaxed);
        ExchangeError::Connect { address, source }
    })?;
    // Requests are small and awaited: waiting for more to send would only delay them.
    let _ = TcpStream::set_nodelay(&stream, true);
    let mut builder = http1::Builder::new();
    // Most requests are small: one buffer is cheaper than a list.
    builder.writev(false).max_buf_size(MAX_HEAD * 2).max_header_size(MAX_HEAD);
    let (sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|source| ExchangeError::Handshake { address, source })?;
    // Its errors reach whoever waits for the response.
    tokio::spawn(async move {
        let _ = connection.with_upgrades().await;
    });
    Ok(sender)
}

/// A response's body on its way through; at its end the connection can be used again.
#[derive(Debug)]
struct Upstream {
    incoming: Incoming,
    lease: Option<Lease>,
}

impl http_body::Body for Upstream {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        let is_done = match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => self.incoming.is_end_stream(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        if is_done && let Some(mut lease) = self.lease.take() {
            lease.give_back();
        }
        polled.map_err(BodyError::Connection)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
