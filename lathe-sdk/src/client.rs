//! One request to one address: for the registry and for tests.
//!
//! Owns base URLs and a connection a request. Not for forwarding, which keeps connections.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::http::Body;

/// How long it may take to connect, and then to get the head of a response.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a server is: `http://host:port`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    authority: String,
    host: String,
    port: u16,
}

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("{url:?} is no url of the form http://host:port")]
    Url { url: String },
    #[error("cannot connect to {base}")]
    Connect {
        base: Base,
        #[source]
        source: io::Error,
    },
    #[error("{base} gave no answer")]
    Exchange {
        base: Base,
        #[source]
        source: hyper::Error,
    },
    #[error("{base} gave no answer in {} s", PATIENCE.as_secs())]
    Silent { base: Base },
}

impl Base {
    /// Reads a base URL. Lathe's own processes speak plain HTTP on loopback.
    pub(crate) fn parse(url: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url { url: url.to_owned() };
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let is_plain = uri.scheme_str() == Some("http") && uri.path() == "/";
        let has_user = authority.as_str().contains('@');
        if !is_plain || has_user || uri.query().is_some() || authority.host().is_empty() {
            return Err(wrong());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == authority.host() => 80,
            None => return Err(wrong()),
        };
        Ok(Self { authority: authority.as_str().to_owned(), host, port })
    }

    /// Sends a request whose target is a path with a query.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Result<Reply, ClientError> {
        let base = || self.clone();
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let stream = timeout(PATIENCE, connect)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| ClientError::Connect { base: base(), source })?;
        let exchange = |source| ClientError::Exchange { base: base(), source };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(exchange)?;
        let connection = Connection(tokio::spawn(async move {
            // Its errors reach whoever reads the response.
            let _ = connection.await;
        }));
        if let Ok(host) = HeaderValue::try_from(&self.authority) {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        let response = timeout(PATIENCE, sender.send_request(request))
            .await
            .map_err(|_| ClientError::Silent { base: base() })?
            .map_err(exchange)?;
        Ok(Reply { response, connection })
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

/// A response, and the connection that its body comes over.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) response: Response<Incoming>,
    connection: Connection,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The whole response, with a body of at most `limit` bytes.
    pub(crate) async fn collect(
        self,
        limit: usize,
    ) -> Result<Response<Bytes>, crate::http::BodyError> {
        let (head, body) = self.response.into_parts();
        let bytes = Body::incoming(body, limit as u64, None).collect(limit).await?;
        drop(self.connection);
        Ok(Response::from_parts(head, bytes))
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
mod tests;
