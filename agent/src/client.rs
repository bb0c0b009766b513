//! One request to one registry, over a connection of its own.
//!
//! Owns base URLs and time-outs. What a registry may say is bounded: heads by the library, bodies here.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use lathe_tls::ClientTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long it may take to connect, and then to get the head of an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the body of a plain answer may take.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of the body of a plain answer.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Where a registry is: `http://host:port` or `https://host:port`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    is_tls: bool,
    authority: String,
    host: String,
    port: u16,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("{url:?} is no URL of the form http://HOST:PORT or https://HOST:PORT")]
    Url { url: String },
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("no TLS with {host}")]
    Tls {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("the connection broke")]
    Exchange(#[source] hyper::Error),
    #[error("no answer in {} s", PATIENCE.as_secs())]
    Silent,
    #[error("the answer cannot be read: {0}")]
    Body(String),
}

impl Base {
    pub(crate) fn parse(url: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url { url: url.chars().take(200).collect() };
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let is_tls = uri.scheme_str() == Some("https");
        let is_known = (is_tls || uri.scheme_str() == Some("http")) && uri.path() == "/";
        let has_user = authority.as_str().contains('@');
        if !is_known || has_user || uri.query().is_some() || authority.host().is_empty() {
            return Err(wrong());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == authority.host() => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            None => return Err(wrong()),
        };
        Ok(Self { is_tls, authority: authority.as_str().to_owned(), host, port })
    }

    /// Whether it is asked by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Asks for a path; the answer's head is there, its body is to come.
    pub(crate) async fn get(
        &self,
        tls: &ClientTls,
        target: &str,
        headers: &[(HeaderName, String)],
    ) -> Result<Reply, ClientError> {
        self.ask(tls, (Method::GET, target), headers, Bytes::new()).await
    }

    /// The same by any method, with a body.
    pub(crate) async fn ask(
        &self,
        tls: &ClientTls,
        (method, target): (Method, &str),
        headers: &[(HeaderName, String)],
        body: Bytes,
    ) -> Result<Reply, ClientError> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let silent = |_| Err(io::ErrorKind::TimedOut.into());
        let stream = timeout(PATIENCE, connect).await.unwrap_or_else(silent);
        let stream = stream.map_err(ClientError::Connect)?;
        let (mut sender, connection) = if self.is_tls {
            let shaken = timeout(PATIENCE, tls.connect(&self.host, stream)).await;
            let failed = |source| ClientError::Tls { host: self.host.clone(), source };
            let silent = |_| Err(io::ErrorKind::TimedOut.into());
            over(shaken.unwrap_or_else(silent).map_err(failed)?).await?
        } else {
            over(stream).await?
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            target.parse().map_err(|_| ClientError::Url { url: target.to_owned() })?;
        for (name, value) in headers.iter().chain([&(HOST, self.authority.clone())]) {
            if let Ok(value) = HeaderValue::try_from(value) {
                request.headers_mut().insert(name, value);
            }
        }
        let response = timeout(PATIENCE, sender.send_request(request)).await;
        let response = response.map_err(|_| ClientError::Silent)?.map_err(ClientError::Exchange)?;
        Ok(Reply { response, _connection: connection })
    }
}

async fn over<S>(stream: S) -> Result<(SendRequest<Full<Bytes>>, Connection), ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let made = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(ClientError::Exchange)?;
    let connection = tokio::spawn(async move {
        // Its errors reach whoever reads the answer.
        let _ = connection.await;
    });
    Ok((sender, Connection(connection)))
}

/// An answer, and the connection that its body comes over.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) response: Response<Incoming>,
    _connection: Connection,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The number in a header, if it has one.
    pub(crate) fn number(&self, name: &HeaderName) -> Option<u64> {
        self.response.headers().get(name)?.to_str().ok()?.parse().ok()
    }

    /// The text of a header, if it has it.
    pub(crate) fn text(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The whole body.
    pub(crate) async fn body(self) -> Result<Bytes, ClientError> {
        let body = Limited::new(self.response.into_body(), BODY_BYTES_MAX);
        let collected = timeout(BODY_PATIENCE, body.collect()).await;
        let collected = collected.map_err(|_| ClientError::Silent)?;
        let collected = collected.map_err(|error| ClientError::Body(error.to_string()))?;
        Ok(collected.to_bytes())
    }
}

/// Ends a connection's own work with it.
#[derive(Debug)]
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    //! Which URLs are taken.

    use super::Base;

    #[test]
    fn a_registry_is_named_by_scheme_host_and_port_alone() {
        for url in ["http://h:1", "https://h", "http://h", "http://[::1]:7/", "http://10.0.0.1:80"]
        {
            assert!(Base::parse(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "h:1",
            "https://h/x",
            "http://h/x",
            "http://h?x",
            "http://u@h",
            "http://:1",
            "http://h:x",
        ] {
            assert!(Base::parse(url).is_err(), "{url}");
        }
    }
}
