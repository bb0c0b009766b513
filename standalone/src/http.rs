//! What both HTTP servers (master and host) have in common.
//!
//! Owns connections, limits, the checks that come before any meaning, and the forms of answers.
//! It must not know calls of any API.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

pub(crate) mod checks;

/// The largest body of a call.
pub(crate) const LARGEST_BODY: usize = 8 * 1024 * 1024;
/// Events that may wait on one stream; a reader that falls behind further loses the stream.
pub(crate) const STREAM_QUEUE: usize = 4096;
/// The pause after a connection could not be taken (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a connection may cost. Those of a request travel with it, as an extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time; more wait to be taken.
    pub(crate) connections: usize,
    /// Bytes of a request's head.
    pub(crate) head_bytes: usize,
    /// Header fields of a request.
    pub(crate) headers: usize,
    /// Time for a request's head; so long an idle connection is kept, too.
    pub(crate) head_time: Duration,
    /// Time for a request's body.
    pub(crate) body_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head_bytes: 64 * 1024,
            headers: 100,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(60),
        }
    }
}

/// A body of any kind.
pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// Where a connection comes from: an extension of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The answer to a request that passed [`checks::host`].
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves until it is dropped.
pub(crate) async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    limits: Limits,
) -> Infallible {
    let own = listener.local_addr().map(|address| address.ip()).ok();
    let room = Arc::new(Semaphore::new(limits.connections));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            std::future::pending::<()>().await;
            continue;
        };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let handler = Arc::clone(&handler);
        tokio::spawn(async move {
            let _permit = permit;
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                request.extensions_mut().insert(limits);
                let handler = Arc::clone(&handler);
                async move {
                    Ok::<_, Infallible>(match checks::host(request.headers(), own) {
                        Ok(()) => handler.handle(request).await,
                        Err(answer) => *answer,
                    })
                }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.head_time)
                .max_headers(limits.headers)
                .max_buf_size(limits.head_bytes)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

/// Binds, with an error that names the address.
///
/// # Errors
/// The address and why.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

/// Why a listener could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// The whole body within the limits, or the answer that refuses it.
pub(crate) async fn body(request: Request<Incoming>) -> Result<Bytes, Box<Response<Body>>> {
    let too_large = || {
        let why = format!("the body is larger than {LARGEST_BODY} bytes");
        Err(Box::new(text(StatusCode::PAYLOAD_TOO_LARGE, why)))
    };
    // Said beforehand, it is refused beforehand.
    if request.body().size_hint().lower() > LARGEST_BODY as u64 {
        return too_large();
    }
    let limits = request.extensions().get::<Limits>().copied().unwrap_or_default();
    let limited = Limited::new(request.into_body(), LARGEST_BODY);
    match tokio::time::timeout(limits.body_time, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => too_large(),
        Ok(Err(_)) => {
            Err(Box::new(text(StatusCode::BAD_REQUEST, "the body did not arrive".to_owned())))
        }
        Err(_) => {
            Err(Box::new(text(StatusCode::REQUEST_TIMEOUT, "the body took too long".to_owned())))
        }
    }
}

/// An answer with a text.
pub(crate) fn text(status: StatusCode, text: String) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", Bytes::from(text))
}

/// An answer with bytes of a type.
pub(crate) fn with_type(status: StatusCode, media: &'static str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(bytes).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().boxed());
    *response.status_mut() = status;
    response
}

/// A stream of bytes that ends when the sender is dropped. The guard is dropped with the stream,
/// which is how the sender learns that nobody reads any more.
pub(crate) fn stream(
    receiver: mpsc::Receiver<Bytes>,
    guard: oneshot::Sender<()>,
) -> Response<Body> {
    let frames = ReceiverStream::new(receiver).map(move |bytes| {
        let _held = &guard;
        Ok(Frame::data(bytes))
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(frames)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(lathe_mesos::wire::PROTOBUF));
    response
}

/// Whether the host part of a `Host` header means this machine.
fn is_this_machine(host: &str, own: Option<IpAddr>) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || Some(ip) == own)
}

/// A header as text.
pub(crate) fn header_text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
