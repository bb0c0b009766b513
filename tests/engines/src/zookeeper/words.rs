//! The words of four letters that a ZooKeeper server answers in plain text.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server that is paused or about to end answers nothing.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const ANSWER_MAX: u64 = 4 << 20;

pub(super) async fn ask(server: SocketAddr, word: &str) -> Option<String> {
    let answer = async {
        let mut stream = TcpStream::connect(server).await.ok()?;
        stream.write_all(word.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.take(ANSWER_MAX).read_to_string(&mut answer).await.ok()?;
        Some(answer)
    };
    timeout(ANSWER_TIME, answer).await.ok().flatten()
}
