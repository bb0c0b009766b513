//! HTTP as a stranger with curl speaks it: any header, one connection for each request.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// Longest that one answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    url: String,
    method: Method,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// What came back, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as it is.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why there is no answer.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

impl Request {
    /// A GET of `http://address:port/path`.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// A POST with a body.
    #[must_use]
    pub fn post(url: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let mut request = Self::new(Method::POST, url);
        request.body = body.into();
        request
    }

    fn new(method: Method, url: impl Into<String>) -> Self {
        Self { url: url.into(), method, headers: Vec::new(), body: Bytes::new() }
    }

    /// With a header; `Host` takes the place of the right one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a scheduler's token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends it.
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    pub fn send(&self) -> Answer {
        self.try_send().unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.url))
    }

    /// Sends it; nothing at all may answer.
    ///
    /// # Errors
    /// When no whole answer comes within a minute.
    pub fn try_send(&self) -> Result<Answer, Failed> {
        runtime().block_on(async {
            let mut connection = Connection::open(&self.url).await?;
            connection.send(self).await
        })
    }

    /// Says that a body of so many bytes comes, sends none of it, and gives whatever is answered.
    ///
    /// # Panics
    /// When nothing is answered.
    #[must_use]
    pub fn announcing(&self, length: u64) -> String {
        use std::io::{Read as _, Write as _};
        let (authority, path) = parts(&self.url);
        let mut head = format!("{} {path} HTTP/1.1\r\nhost: {authority}\r\n", self.method);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("connection: close\r\ncontent-length: {length}\r\n\r\n"));
        let mut stream = std::net::TcpStream::connect(authority).expect("somebody listens");
        stream.set_read_timeout(Some(ANSWER_TIME)).expect("a limit is set");
        stream.write_all(head.as_bytes()).expect("the head is taken");
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            answer.extend_from_slice(&piece[..read]);
        }
        assert!(!answer.is_empty(), "{} {} is not answered", self.method, self.url);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn as_http(&self) -> Result<hyper::Request<Full<Bytes>>, Failed> {
        let (authority, path) = parts(&self.url);
        let mut request = hyper::Request::builder().method(self.method.clone()).uri(path);
        let headers = request.headers_mut().ok_or("the path is no path")?;
        headers.insert(HOST, HeaderValue::from_str(authority)?);
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            headers.insert(name, HeaderValue::from_str(value)?);
        }
        Ok(request.body(Full::new(self.body.clone()))?)
    }
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(url: &str) -> Result<Self, Failed> {
        let (authority, _) = parts(url);
        let stream = tokio::time::timeout(ANSWER_TIME, TcpStream::connect(authority)).await??;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Whether nothing can be sent over it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(crate) async fn send(&mut self, request: &Request) -> Result<Answer, Failed> {
        let answer = async {
            let (parts, body) = self.start(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        tokio::time::timeout(ANSWER_TIME, answer).await?
    }

    /// The answer's head; its body is still to be read.
    pub(crate) async fn start(
        &mut self,
        request: &Request,
    ) -> Result<hyper::Response<hyper::body::Incoming>, Failed> {
        self.sender.ready().await?;
        Ok(self.sender.send_request(request.as_http()?).await?)
    }
}

/// `127.0.0.1:80` and `/path` of a URL.
fn parts(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.find('/').map_or((rest, "/"), |at| rest.split_at(at))
}

/// One for each piece of work: tests are plain threads.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime is made")
}
