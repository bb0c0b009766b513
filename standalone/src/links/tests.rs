//! Who is let in as a host.

use tokio::io::AsyncReadExt as _;

use super::*;
use crate::link::write;

const MOST: usize = 4;

async fn served() -> (std::net::SocketAddr, mpsc::Receiver<Input>) {
    served_within(Limits { connections: MOST, ..Limits::default() }).await
}

async fn served_within(limits: Limits) -> (std::net::SocketAddr, mpsc::Receiver<Input>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (driver, inputs) = Handle::new();
    let secrets = Secrets::of_text("0123456789abcdef").unwrap();
    tokio::spawn(serve(listener, secrets, driver, limits));
    (address, inputs)
}

async fn says_hello(address: std::net::SocketAddr, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let hello = Hello { token: token.to_owned(), name: "one".to_owned(), port: 1 };
    write(&mut stream, &FromHost { word: Some(Word::Hello(hello)) }).await.unwrap();
    stream
}

async fn is_closed(mut stream: TcpStream) -> bool {
    let read = stream.read_u8();
    tokio::time::timeout(Duration::from_secs(30), read).await.expect("in time").is_err()
}

#[tokio::test]
async fn a_host_shows_the_token_or_is_not_heard() {
    let (address, mut inputs) = served().await;
    assert!(is_closed(says_hello(address, "0123456789abcdeX").await).await);
    let _good = says_hello(address, "0123456789abcdef").await;
    let heard = tokio::time::timeout(Duration::from_secs(30), inputs.recv()).await.unwrap();
    assert!(matches!(heard, Some(Input::HostConnected { port: 1, .. })));
    assert!(inputs.try_recv().is_err(), "the other one was heard");
}

#[tokio::test]
async fn a_link_beyond_the_limit_is_closed_and_a_place_comes_back() {
    let (address, mut inputs) = served().await;
    let mut silent = Vec::new();
    for _ in 0..MOST {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(is_closed(TcpStream::connect(address).await.unwrap()).await);
    drop(silent);
    let heard = async {
        loop {
            let _stream = says_hello(address, "0123456789abcdef").await;
            let next = tokio::time::timeout(Duration::from_millis(50), inputs.recv()).await;
            if let Ok(Some(heard)) = next {
                return heard;
            }
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(30), heard).await.unwrap();
    assert!(matches!(heard, Input::HostConnected { .. }));
}

#[tokio::test]
async fn a_link_that_says_nothing_or_half_a_word_is_closed() {
    let hello_time = Duration::from_millis(50);
    let (address, mut inputs) = served_within(Limits { hello_time, ..Limits::default() }).await;
    for half in [&b""[..], &[0, 0, 0, 40, 1]] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, half).await.unwrap();
        assert!(is_closed(stream).await);
    }
    assert!(inputs.try_recv().is_err(), "one was heard");
}
