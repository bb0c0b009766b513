//! Plain HTTP/1.1 requests with limits on everything: one connection, one request at a time. Owns
//! no retries and must not know what is asked for.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Read buffer of a connection: enough for an artifact's stream, small enough to forget.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The address is not one that this client can use.
    #[error("`{url}` is not an http address")]
    Address {
        /// As given.
        url: String,
    },
    /// Nobody there.
    #[error("cannot connect to {authority}")]
    Connect {
        /// Host and port.
        authority: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke or the other side does not speak HTTP.
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    /// It took too long.
    #[error("no answer in time while {doing}")]
    TimedOut {
        /// What was being waited for.
        doing: &'static str,
    },
    /// An answer larger than agreed.
    #[error("the answer is larger than {limit} bytes, or broke off")]
    Body {
        /// The limit.
        limit: usize,
    },
}

/// An address taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// For connecting.
    host: String,
    port: u16,
    /// For the Host header.
    authority: String,
    /// Path and query.
    path: String,
}

impl Address {
    /// Takes an `http://…` address apart.
    ///
    /// # Errors
    /// Anything else, https included.
    pub fn parse(url: &str) -> Result<Self, RequestError> {
        let wrong = || RequestError::Address { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong());
        }
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(80);
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host, port, authority: format!("{}:{port}", authority.host()), path })
    }

    /// Is it reached over the same connection?
    pub fn same_server(&self, other: &Self) -> bool {
        self.authority == other.authority
    }
}

/// One open connection.
#[derive(Debug)]
pub struct Connection {
    address: Address,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Opens a connection to the server of this address.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn open(address: &Address, limit: Duration) -> Result<Self, RequestError> {
        let connecting = TcpStream::connect((address.host.as_str(), address.port));
        let stream = timeout(limit, connecting)
            .await
            .map_err(|_| RequestError::TimedOut { doing: "connecting" })?
            .map_err(|source| RequestError::Connect {
                authority: address.authority.clone(),
                source,
            })?;
        // Without this a beat's answer waits for a delayed acknowledgement; its failure costs time.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES)
            .handshake(TokioIo::new(stream))
            .await?;
        // Ends by itself when the sender is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        Ok(Self { address: address.clone(), sender })
    }

    /// Can another request for this address go over it?
    pub fn serves(&self, address: &Address) -> bool {
        self.address.same_server(address) && !self.sender.is_closed()
    }

    /// Sends a request, whose path becomes that of the address; gives back the head of the answer,
    /// its body still to be read.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn send(
        &mut self,
        address: &Address,
        request: http::request::Builder,
        body: Bytes,
        limit: Duration,
    ) -> Result<Response<Incoming>, RequestError> {
        let request: Request<Full<Bytes>> = request
            .uri(&address.path)
            .header(http::header::HOST, &address.authority)
            .body(Full::new(body))
            .map_err(|_| RequestError::Address { url: address.path.clone() })?;
        let sending = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        let answer = timeout(limit, sending)
            .await
            .map_err(|_| RequestError::TimedOut { doing: "waiting for the answer" })?;
        Ok(answer?)
    }
}

/// Reads a whole body of at most `max_bytes`.
///
/// # Errors
/// A larger one, a broken one, a slow one.
pub async fn read_all(
    body: Incoming,
    max_bytes: usize,
    limit: Duration,
) -> Result<Bytes, RequestError> {
    let reading = Limited::new(body, max_bytes).collect();
    match timeout(limit, reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(_)) => Err(RequestError::Body { limit: max_bytes }),
        Err(_) => Err(RequestError::TimedOut { doing: "reading the answer" }),
    }
}

/// The value of an `Authorization` header with this secret.
pub fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

#[cfg(test)]
mod tests;
