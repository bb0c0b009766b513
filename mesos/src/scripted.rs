//! A server for tests of the clients: answers each request with bytes that the test gives, cut
//! where the test says. Knows just enough HTTP to tell one request from the next.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Which connection it came on, from 0 in the order of their acceptance.
    pub(crate) connection: usize,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.split("\r\n").filter_map(|line| line.split_once(':'));
        let mut named = fields.filter(|(have, _)| have.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }

    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

/// What happens on a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request is read.
    Read,
    /// It is closed.
    Close,
    /// It stays open until the client closes it.
    Hold,
}

/// An answer: bytes in pieces.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pieces: Vec<Vec<u8>>,
    then: Then,
}

impl Answer {
    pub(crate) fn new(bytes: &[u8], then: Then) -> Self {
        Self { pieces: vec![bytes.to_vec()], then }
    }

    /// The same, cut before the byte with this number.
    pub(crate) fn cut(bytes: &[u8], at: usize, then: Then) -> Self {
        let (first, second) = bytes.split_at(at);
        Self { pieces: vec![first.to_vec(), second.to_vec()], then }
    }

    /// A body with its length.
    pub(crate) fn text(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let bytes = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        Self::new(bytes.as_bytes(), Then::Read)
    }

    pub(crate) fn accepted() -> Self {
        Self::text("202 Accepted", "", "")
    }

    /// A subscription whose stream says these records; with an id as masters give one.
    pub(crate) fn stream(records: &[Vec<u8>], then: Then) -> Self {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: s1\r\n\
            Content-Type: application/x-protobuf\r\n\r\n"
            .to_vec();
        for record in records {
            let frame = crate::recordio::frame(record);
            bytes.extend_from_slice(format!("{:x}\r\n", frame.len()).as_bytes());
            bytes.extend_from_slice(&frame);
            bytes.extend_from_slice(b"\r\n");
        }
        Self::new(&bytes, then)
    }
}

/// A server on a port of its own; it ends with its value.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    pub(crate) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&Request) -> Answer + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                connections.spawn(async move {
                    // A client may go away whenever it likes.
                    let _ = serve(stream, number, answer.as_ref(), &seen).await;
                });
            }
        });
        Self { address, requests, task }
    }

    /// `host:port`, as in a configuration.
    pub(crate) fn url(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Answers the requests of one connection.
pub(crate) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    answer: &(impl Fn(&Request) -> Answer + Send + Sync),
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read(&mut stream, &mut buffer, connection).await? else {
            return Ok(());
        };
        seen.lock().unwrap().push(request.clone());
        let Answer { pieces, then } = answer(&request);
        for piece in pieces {
            stream.write_all(&piece).await?;
            // The client, on the same thread, reads what is there before the next piece comes.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        }
        match then {
            Then::Read => {}
            Then::Close => return Ok(()),
            Then::Hold => {
                let mut rest = [0; 64];
                while stream.read(&mut rest).await? != 0 {}
                return Ok(());
            }
        }
    }
}

async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    connection: usize,
) -> std::io::Result<Option<Request>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
            let mut request = Request { connection, head, body: Vec::new() };
            let length: usize = request.header("content-length").unwrap_or("0").parse().unwrap();
            if buffer.len() >= end + 4 + length {
                request.body = buffer[end + 4..end + 4 + length].to_vec();
                buffer.drain(..end + 4 + length);
                return Ok(Some(request));
            }
        }
        let mut more = [0; 4096];
        let count = stream.read(&mut more).await?;
        if count == 0 {
            return Ok(None);
        }
        buffer.extend_from_slice(&more[..count]);
    }
}
