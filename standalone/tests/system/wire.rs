//! HTTP as bytes: requests sent as they are, answers read as they come.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use lathe_mesos::recordio::Decoder;
use prost::Message;

use crate::stage::PATIENCE;

/// The value of an Authorization header.
pub(crate) fn basic(secret: &str) -> String {
    let text = format!("lathe:{secret}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}

/// An answer whose body is not a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| {
            line.split_once(':').is_some_and(|(have, _)| have.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(named)?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// Puts a request together: line, headers, body; the length is filled in.
pub(crate) fn request(line: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line}\r\nHost: 127.0.0.1\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
    bytes.extend(body);
    bytes
}

/// Sends a request in pieces (cut after `cut` bytes, if that is within) and reads the answer.
pub(crate) fn exchange(address: SocketAddr, request: &[u8], cut: Option<usize>) -> Answer {
    let mut stream = connect(address);
    match cut {
        Some(cut) => {
            stream.write_all(&request[..cut]).unwrap();
            stream.flush().unwrap();
            thread::sleep(Duration::from_millis(1));
            stream.write_all(&request[cut..]).unwrap();
        }
        None => stream.write_all(request).unwrap(),
    }
    let (head, mut body) = read_head(&mut stream);
    let answer = Answer { status: status_of(&head), head, body: String::new() };
    let length: usize = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
    while body.len() < length {
        let mut more = [0; 4096];
        let count = stream.read(&mut more).unwrap();
        assert!(count > 0, "the answer is cut off");
        body.extend(&more[..count]);
    }
    Answer { body: String::from_utf8_lossy(&body).into_owned(), ..answer }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn status_of(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn read_head(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return (String::from_utf8(bytes).unwrap(), rest);
        }
        let mut more = [0; 4096];
        let count = stream.read(&mut more).expect("an answer within the time");
        assert!(count > 0, "no answer");
        bytes.extend(&more[..count]);
    }
}

/// What has come of a stream so far.
#[derive(Debug)]
struct Heard<E> {
    events: Vec<E>,
    ended: bool,
}

/// An open stream of events, read by a thread of its own.
pub(crate) struct Stream<E> {
    pub(crate) status: u16,
    pub(crate) id: Option<String>,
    /// The text, when it is no stream.
    pub(crate) text: String,
    heard: Arc<(Mutex<Heard<E>>, Condvar)>,
    socket: TcpStream,
}

impl<E: Message + Default + Clone + std::fmt::Debug + 'static> Stream<E> {
    /// Sends a SUBSCRIBE.
    pub(crate) fn open(address: SocketAddr, request: &[u8]) -> Self {
        let mut socket = connect(address);
        socket.write_all(request).unwrap();
        let (head, rest) = read_head(&mut socket);
        let answer = Answer { status: status_of(&head), head, body: String::new() };
        let id = answer.header("mesos-stream-id").map(str::to_owned);
        let heard =
            Arc::new((Mutex::new(Heard { events: Vec::new(), ended: false }), Condvar::new()));
        let mut text = String::new();
        if answer.status == 200 {
            let (told, mut reading) = (Arc::clone(&heard), socket.try_clone().unwrap());
            reading.set_read_timeout(None).unwrap();
            thread::spawn(move || listen(&mut reading, rest, &told));
        } else {
            text = String::from_utf8_lossy(&rest).into_owned();
        }
        Self { status: answer.status, id, text, heard, socket }
    }

    /// Everything that has come.
    pub(crate) fn events(&self) -> Vec<E> {
        self.heard.0.lock().unwrap().events.clone()
    }

    /// Waits until what has come satisfies, and gives what was looked for.
    pub(crate) fn wait<T>(&self, what: &str, look: impl Fn(&[E]) -> Option<T>) -> T {
        self.try_wait(&look).unwrap_or_else(|| panic!("{what} did not come: {:?}", self.events()))
    }

    fn try_wait<T>(&self, look: &impl Fn(&[E]) -> Option<T>) -> Option<T> {
        let (lock, changed) = &*self.heard;
        let until = Instant::now() + PATIENCE;
        let mut heard = lock.lock().unwrap();
        loop {
            if let Some(found) = look(&heard.events) {
                return Some(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || heard.ended {
                return None;
            }
            heard = changed.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// Waits until the server ends the stream.
    pub(crate) fn wait_for_end(&self) {
        let (lock, changed) = &*self.heard;
        let heard = lock.lock().unwrap();
        let (heard, _) = changed.wait_timeout_while(heard, PATIENCE, |heard| !heard.ended).unwrap();
        assert!(heard.ended, "the stream goes on");
    }
}

impl<E> Drop for Stream<E> {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

fn listen<E: Message + Default>(
    socket: &mut TcpStream,
    mut bytes: Vec<u8>,
    told: &(Mutex<Heard<E>>, Condvar),
) {
    let mut decoder = Decoder::new(1 << 24);
    let mut buffer = [0; 65_536];
    let mut ended = false;
    while !ended {
        ended = dechunk(&mut bytes, &mut decoder);
        {
            let mut heard = told.0.lock().unwrap();
            while let Some(record) = decoder.next() {
                heard.events.push(E::decode(record).unwrap());
            }
            told.1.notify_all();
        }
        if !ended {
            match socket.read(&mut buffer) {
                Ok(count) if count > 0 => bytes.extend(&buffer[..count]),
                _ => ended = true,
            }
        }
    }
    told.0.lock().unwrap().ended = true;
    told.1.notify_all();
}

/// Takes whole chunks out; whether the last one came.
fn dechunk(bytes: &mut Vec<u8>, decoder: &mut Decoder) -> bool {
    while let Some(line) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if bytes.len() < line + 2 + size + 2 {
            return false;
        }
        if size == 0 {
            return true;
        }
        decoder.push(&bytes[line + 2..line + 2 + size]).unwrap();
        bytes.drain(..line + 2 + size + 2);
    }
    false
}
