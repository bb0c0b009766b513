//! Sends a fixed number of requests over a fixed number of connections, one at a time on each.
//!
//! `hello_load PORT CONNECTIONS REQUESTS`: prints the requests answered and the seconds taken.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Instant;

const REQUEST: &[u8] =
    b"GET /index HTTP/1.1\r\nhost: 127.0.0.1:8080\r\nuser-agent: hello_load\r\naccept: */*\r\n\r\n";

/// Requests one after the other on one connection; every answer must be the smile.
fn load(port: u16, count: usize) -> Result<usize> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    for _ in 0..count {
        stream.write_all(REQUEST)?;
        let mut len = 0;
        while !buffer[..len].ends_with(b"\r\n\r\n:)") {
            match stream.read(&mut buffer[len..])? {
                0 => return Err(Error::new(ErrorKind::UnexpectedEof, "no smile")),
                more => len += more,
            }
        }
    }
    Ok(count)
}

fn main() -> Result<()> {
    let numbers: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [port, connections, requests] = numbers[..] else {
        return Err(Error::new(ErrorKind::InvalidInput, "hello_load PORT CONNECTIONS REQUESTS"));
    };
    let port = u16::try_from(port).map_err(Error::other)?;
    let start = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| std::thread::spawn(move || load(port, requests / connections)))
        .collect();
    let mut answered = 0;
    for thread in threads {
        answered += thread.join().map_err(|_| Error::other("a thread panicked"))??;
    }
    writeln!(std::io::stdout(), "{answered} {:.3}", start.elapsed().as_secs_f64())
}
