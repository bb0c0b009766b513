//! One HTTP/1.1 connection to a master or an agent. Knows addresses, headers and time limits;
//! knows no message and no subscription.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use lathe_tls::ClientTls;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Refusal;
use crate::address::Url;
use crate::limits::Limits;
use crate::refusal;
use crate::wire;

/// Bytes of an answer's head and of what is read at once.
const BUFFER: usize = 64 << 10;

/// A connection could not be opened or broke.
#[derive(Debug, Error)]
pub enum ConnectionError {
    #[error("cannot connect to {to}")]
    Connect {
        to: String,
        #[source]
        source: io::Error,
    },
    #[error("TLS with {to} failed: {source}")]
    Tls {
        to: String,
        #[source]
        source: io::Error,
    },
    #[error("connecting to {to} took longer than {} ms", limit.as_millis())]
    ConnectTimedOut { to: String, limit: Duration },
    #[error("the connection to {to} broke")]
    Broken {
        to: String,
        #[source]
        source: hyper::Error,
    },
    #[error("no answer from {to} within {} ms", limit.as_millis())]
    TimedOut { to: String, limit: Duration },
}

impl ConnectionError {
    /// Whether nothing of a request can have arrived.
    pub(crate) fn is_before_sending(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Tls { .. } | Self::ConnectTimedOut { .. })
    }
}

/// Where requests go and what they all carry.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: Url,
    /// Connect to this socket instead of the address.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) tls: Option<ClientTls>,
    pub(crate) stream_id: Option<HeaderValue>,
}

impl Target {
    pub(crate) fn new(url: Url) -> Self {
        Self { url, socket: None, authorization: None, tls: None, stream_id: None }
    }

    /// A POST of a protobuf body.
    fn post(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.path().parse().expect("an address has a checked path");
        let authority = HeaderValue::try_from(self.url.authority());
        let headers = request.headers_mut();
        headers.insert(HOST, authority.expect("an address has a checked host"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(wire::PROTOBUF));
        headers.insert(ACCEPT, HeaderValue::from_static(wire::PROTOBUF));
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        if let Some(value) = &self.stream_id {
            headers.insert(wire::STREAM_ID, value.clone());
        }
        request
    }
}

/// The header for basic authentication; never printed.
pub(crate) fn basic(credentials: &wire::Credentials) -> HeaderValue {
    let value = HeaderValue::try_from(credentials.basic());
    let mut value = value.expect("base64 has only characters that a header may have");
    value.set_sensitive(true);
    value
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Connection {
    to: String,
    sender: SendRequest<Full<Bytes>>,
    pump: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Connection {
    pub(crate) async fn open(target: &Target, limits: &Limits) -> Result<Self, ConnectionError> {
        let limit = limits.connect;
        let to = match &target.socket {
            Some(path) => path.display().to_string(),
            None => target.url.authority(),
        };
        let opened = timeout(limit, async {
            if let Some(path) = &target.socket {
                let stream = UnixStream::connect(path).await;
                return Self::over(stream.map_err(|source| connect(&to, source))?, &to).await;
            }
            let stream = TcpStream::connect(&to).await.map_err(|source| connect(&to, source))?;
            stream.set_nodelay(true).map_err(|source| connect(&to, source))?;
            if !target.url.is_tls() {
                return Self::over(stream, &to).await;
            }
            let failed = |source| ConnectionError::Tls { to: to.clone(), source };
            let Some(tls) = &target.tls else {
                return Err(failed(io::Error::other("no authority to trust is given")));
            };
            Self::over(tls.connect(target.url.host(), stream).await.map_err(failed)?, &to).await
        });
        match opened.await {
            Ok(result) => result,
            Err(_) => Err(ConnectionError::ConnectTimedOut { to, limit }),
        }
    }

    async fn over<S>(stream: S, to: &str) -> Result<Self, ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let made = http1::Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream));
        let broken = |source| ConnectionError::Broken { to: to.to_owned(), source };
        let (sender, connection) = made.await.map_err(broken)?;
        let name = to.to_owned();
        let pump = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(to = name, %error, "connection ended with an error");
            }
        });
        Ok(Self { to: to.to_owned(), sender, pump })
    }

    /// Whom it leads to, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.to
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a call and waits for the head of its answer. `Unsent` gives the body back: the
    /// connection had been closed before any of it was written.
    pub(crate) async fn post(
        &mut self,
        target: &Target,
        body: Bytes,
        limit: Duration,
    ) -> Result<Response<Incoming>, PostError> {
        let sent = timeout(limit, async {
            if self.sender.ready().await.is_err() {
                return Err(PostError::Unsent);
            }
            self.sender.try_send_request(target.post(body)).await.map_err(|mut error| {
                match error.take_message() {
                    Some(_) => PostError::Unsent,
                    None => PostError::Failed(ConnectionError::Broken {
                        to: self.to.clone(),
                        source: error.into_error(),
                    }),
                }
            })
        });
        match sent.await {
            Ok(result) => result,
            Err(_) => Err(PostError::Failed(timed_out(self.to.clone(), limit))),
        }
    }

    /// The rest of an answer: at most `limit` bytes, and whether there was more.
    pub(crate) async fn body(
        &self,
        body: Incoming,
        limit: usize,
    ) -> Result<(Bytes, bool), ConnectionError> {
        let mut body = body;
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|source| ConnectionError::Broken { to: self.to.clone(), source })?;
            let Ok(data) = frame.into_data() else { continue };
            let room = limit - all.len();
            all.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok((all.freeze(), true));
            }
        }
        Ok((all.freeze(), false))
    }

    /// The error that an answer without success stands for, and whether the connection is still
    /// of use.
    pub(crate) async fn refusal(
        &self,
        answer: Response<Incoming>,
        limits: &Limits,
    ) -> (Refusal, bool) {
        let status = answer.status().as_u16();
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let read = timeout(limits.answer, self.body(answer.into_body(), limits.text)).await;
        let (text, clean) = match read {
            Ok(Ok((body, more))) => (refusal::readable(&body), !more),
            // The status is what counts; its text may be cut off.
            Ok(Err(_)) | Err(_) => (String::new(), false),
        };
        (Refusal { status, text, location }, clean)
    }
}

/// Why a call was not answered.
#[derive(Debug)]
pub(crate) enum PostError {
    /// Nothing of it was written: it may be sent again on another connection.
    Unsent,
    Failed(ConnectionError),
}

pub(crate) fn timed_out(to: String, limit: Duration) -> ConnectionError {
    ConnectionError::TimedOut { to, limit }
}

fn connect(to: &str, source: io::Error) -> ConnectionError {
    ConnectionError::Connect { to: to.to_owned(), source }
}

#[cfg(test)]
mod tests;
