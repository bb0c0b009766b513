//! One request and its answer, as bytes, where the status code is what counts.

use lathe_engines::SOON;
use lathe_mesos::{Credentials, wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request that may be wrong in any way.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back. Of a stream, only the head.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Request {
    /// A POST without body.
    pub fn post(path: &str) -> Self {
        Self { method: "POST", path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// The same with another method.
    #[must_use]
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// One header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a name and a password.
    #[must_use]
    pub fn signed(self, credentials: &Credentials) -> Self {
        self.header("Authorization", &credentials.basic())
    }

    /// With a message, and the header that says so.
    #[must_use]
    pub fn message(self, message: &impl prost::Message) -> Self {
        let mut request = self.header("Content-Type", wire::PROTOBUF);
        request.body = message.encode_to_vec();
        request
    }

    /// With any bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.body = bytes.to_vec();
        self
    }

    /// Sends it on a connection of its own.
    pub async fn send(&self, address: &str) -> Answer {
        timeout(SOON, self.exchange(address)).await.expect("an answer in time")
    }

    async fn exchange(&self, address: &str) -> Answer {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nHost: {address}\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", self.body.len()).bytes());
        bytes.extend(&self.body);
        stream.write_all(&bytes).await.unwrap();
        let mut have = Vec::new();
        let end = loop {
            if let Some(end) = have.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(stream.read_buf(&mut have).await.unwrap() > 0, "no answer");
        };
        let mut answer = head(&String::from_utf8_lossy(&have[..end]));
        let length: usize = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
        while have.len() < end + 4 + length {
            assert!(stream.read_buf(&mut have).await.unwrap() > 0, "the answer is cut off");
        }
        answer.body = String::from_utf8_lossy(&have[end + 4..end + 4 + length]).into_owned();
        answer
    }
}

fn head(text: &str) -> Answer {
    let mut lines = text.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let pair = |line: &str| line.split_once(':').map(|(n, v)| (n.to_owned(), v.trim().to_owned()));
    Answer { status, headers: lines.filter_map(pair).collect(), body: String::new() }
}
