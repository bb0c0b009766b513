//! Just enough HTTP/1.1 to ask for a page, without costs of its own.
//!
//! Owns the bytes of a request and the reading of an answer that says its length. It must not know
//! who answers.

use std::io::{Error, ErrorKind};
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The page that every task of the measurements has.
const REQUEST: &[u8] = b"GET /index HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n";
/// No answer of the measurements is longer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether it is what the page says.
    pub(crate) fn is_smile(&self) -> bool {
        self.head.starts_with("HTTP/1.1 200 ") && self.body == b":)"
    }

    /// Its lines in order, without what the clock writes.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.head.lines().map(str::to_ascii_lowercase);
        let mut lines: Vec<String> = lines.filter(|line| !line.starts_with("date:")).collect();
        lines[1..].sort();
        lines.push(String::from_utf8_lossy(&self.body).into_owned());
        lines
    }
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4 * 1024) })
    }

    /// `GET /index`.
    pub(crate) async fn ask(&mut self) -> Result<Answer, Error> {
        self.asked(REQUEST).await
    }

    /// `GET` of another path.
    pub(crate) async fn ask_for(&mut self, path: &str) -> Result<Answer, Error> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n");
        self.asked(request.as_bytes()).await
    }

    /// `PUT` of a body to a path.
    pub(crate) async fn put(&mut self, path: &str, body: &str) -> Result<Answer, Error> {
        let length = body.len();
        let request = format!(
            "PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.asked(request.as_bytes()).await
    }

    async fn asked(&mut self, request: &[u8]) -> Result<Answer, Error> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some(answer) = whole(&self.buffer)? {
                return Ok(answer);
            }
            if self.buffer.len() > ANSWER_BYTES_MAX {
                return Err(Error::other("the answer is too long"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the answer broke off"));
            }
        }
    }
}

/// The answer, once all of it is there.
fn whole(bytes: &[u8]) -> Result<Option<Answer>, Error> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.trim().parse::<usize>().ok())
        .ok_or_else(|| Error::other("the answer does not say its length"))?;
    let body = &bytes[end + 4..];
    Ok((body.len() >= length).then(|| Answer { head, body: body.to_vec() }))
}

/// A port that nobody has at this moment.
pub(crate) async fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\nA: b\r\n\r\n:)";

    #[test]
    fn an_answer_is_whole_when_its_last_byte_is_there() {
        for cut in 0..ANSWER.len() {
            assert_eq!(whole(&ANSWER.as_bytes()[..cut]).unwrap(), None, "{cut}");
        }
        let answer = whole(ANSWER.as_bytes()).unwrap().unwrap();
        assert!(answer.is_smile());
        assert_eq!(answer.lines(), ["http/1.1 200 ok", "a: b", "content-length: 2", ":)"]);
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(whole(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n:)").is_err());
    }
}
