//! The loop that serves a router: HTTP/1 and HTTP/2 on one port, plain or by TLS.
//!
//! Owns connections: how many there are, how long a head may take, how they end. It must not know
//! what is served.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use lathe_tls::ServerTls;

use super::Session;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How long the loop rests when the system has no more file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What a connection may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time; more are answered 503 and closed.
    pub connections_max: usize,
    /// Bytes of a request's head.
    pub header_bytes_max: usize,
    /// Header fields of a request (HTTP/1).
    pub headers_max: usize,
    /// From the first wait for a head to its end; so long an idle HTTP/1 connection is kept too.
    pub header_time_max: Duration,
    /// Requests at one time on one HTTP/2 connection.
    pub streams_max: u32,
    /// How often an HTTP/2 peer is asked whether it is there, and how long it has to answer.
    pub ping_interval: Duration,
    /// How long requests under way may take once the end was asked for.
    pub drain_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            header_bytes_max: 64 * 1024,
            headers_max: 100,
            header_time_max: Duration::from_secs(30),
            streams_max: 256,
            ping_interval: Duration::from_secs(20),
            drain_time_max: Duration::from_secs(5),
        }
    }
}

/// What is listened on.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<ServerTls>,
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

impl Listener {
    /// With TLS, where it is given: then nothing else is understood.
    #[must_use]
    pub fn new(tcp: TcpListener, tls: Option<ServerTls>) -> Self {
        Self { tcp, tls }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The scheme of its URLs.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// Serves until `shutdown` is done; then takes no more connections, lets requests under way end
/// (at most [`Limits::drain_time_max`]) and returns. Handlers find the peer as
/// `axum::extract::ConnectInfo<SocketAddr>`, and the connection as [`Session`].
pub async fn serve(
    listener: impl Into<Listener>,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let Listener { tcp, tls } = listener.into();
    let mut shutdown = pin!(shutdown);
    let mut renewing = pin!(renewed(tls.clone()));
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let builder = Arc::new(builder(&limits));
    let (end, ending) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = &mut renewing => {}
            accepted = tcp.accept() => match accepted {
                Ok((stream, peer)) => match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => {
                        let connection = Connection {
                            peer, place, builder: Arc::clone(&builder), ending: ending.clone(),
                            first_head_max: limits.header_time_max,
                        };
                        connections.spawn(connection.begin(stream, tls.clone(), router.clone()));
                    }
                    Err(_) => turn_away(&stream, peer, tls.is_some()),
                },
                Err(error) => rest_after(&error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(tcp);
    drop(ending);
    end.send_replace(());
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_time_max, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "closing connections that did not end");
        connections.shutdown().await;
    }
}

/// Never ends.
async fn renewed(tls: Option<ServerTls>) {
    match tls {
        Some(tls) => tls.follow().await,
        None => std::future::pending().await,
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time_max)
        .max_headers(limits.headers_max)
        // The library asks for room for at least one full read.
        .max_buf_size(limits.header_bytes_max.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(limits.ping_interval);
    builder
}

/// One connection and its place among all.
struct Connection {
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    builder: Arc<Builder<TokioExecutor>>,
    ending: watch::Receiver<()>,
    first_head_max: Duration,
}

impl Connection {
    async fn begin(self, stream: TcpStream, tls: Option<ServerTls>, router: Router) {
        let peer = self.peer;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "connection lost before its first request");
            return;
        }
        let Some(tls) = tls else { return self.run(stream, router).await };
        let mut ending = self.ending.clone();
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(self.first_head_max, tls.accept(stream)) => shaken,
            _ = ending.changed() => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.run(stream, router).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
            Err(_) => tracing::debug!(%peer, "no TLS in time"),
        }
    }

    async fn run<S>(self, stream: S, router: Router)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { peer, place, builder, mut ending, first_head_max } = self;
        let _place = place;
        let asked = Arc::new(AtomicBool::new(false));
        let session = Session::begin();
        let service = TowerToHyperService::new(router);
        let service = service_fn({
            let (asked, session) = (Arc::clone(&asked), session.clone());
            move |mut request: hyper::Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                request.extensions_mut().insert(ConnectInfo(peer));
                request.extensions_mut().insert(session.clone());
                let answer = service.call(request);
                async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
            }
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        // Telling HTTP/1 from HTTP/2 has no time limit of its own in the library.
        let mut first_head = pin!(tokio::time::sleep(first_head_max));
        let mut waits_for_head = true;
        let mut ends = false;
        loop {
            tokio::select! {
                outcome = connection.as_mut() => {
                    if let Err(error) = outcome {
                        tracing::debug!(%peer, error = %error, "connection ended");
                    }
                    if !ends {
                        session.end();
                    }
                    return;
                }
                () = first_head.as_mut(), if waits_for_head => {
                    if !asked.load(Ordering::Relaxed) {
                        tracing::debug!(%peer, "no request came");
                        return;
                    }
                    waits_for_head = false;
                }
                _ = ending.changed(), if !ends => {
                    ends = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Says that there is no place, as far as the socket takes it at once and the other side can read it.
fn turn_away(stream: &TcpStream, peer: SocketAddr, tls: bool) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\
        retry-after: 1\r\nconnection: close\r\n\r\n";
    let sent = !tls && stream.try_write(FULL).is_ok();
    tracing::warn!(%peer, sent, "no place for another connection");
}

/// Errors of one connection pass; a lack of file descriptors needs a rest.
async fn rest_after(error: &io::Error) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused => {}
        _ => {
            tracing::warn!(%error, "cannot take a connection");
            tokio::time::sleep(ACCEPT_REST).await;
        }
    }
}

#[cfg(test)]
mod tests;
