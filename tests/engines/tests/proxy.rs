//! The proxy, before a server that says everything back.

use std::time::{Duration, Instant};

use lathe_engines::{Proxy, SOON, Way, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough to be no accident, and short enough to be waited for.
const DELAY: Duration = Duration::from_millis(300);

/// A server that says everything back; it ends with the test.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("the connection takes it");
}

/// Reads so much that the text is there whole.
async fn hear(stream: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    timeout(SOON, stream.read_exact(&mut heard)).await.expect("an answer").expect("bytes");
    assert_eq!(String::from_utf8_lossy(&heard), text);
}

/// Whether a connection is at its end, broken or in order.
async fn ends(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    timeout(SOON, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn everything_goes_through_and_is_counted() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut client, "hello").await;
    hear(&mut client, "hello").await;
    client.shutdown().await.unwrap();
    assert!(ends(&mut client).await, "the end goes through as well");
    until("the connection to be closed", || async { (proxy.counts().open == 0).then_some(()) })
        .await
        .unwrap();
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.refused), (1, 0));
    assert_eq!((counts.to_server, counts.to_client), (5, 5));
}

#[tokio::test]
async fn a_cut_closes_connections_and_refuses_new_ones_until_it_passes_again() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut client, "before").await;
    hear(&mut client, "before").await;
    proxy.cut().await.unwrap();
    assert!(ends(&mut client).await);
    assert_eq!(proxy.counts().open, 0);
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    proxy.pass().await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut client, "after").await;
    hear(&mut client, "after").await;
}

#[tokio::test]
async fn connections_can_be_dropped_while_new_ones_are_taken() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut old, "old").await;
    hear(&mut old, "old").await;
    proxy.drop_connections().await.unwrap();
    assert!(ends(&mut old).await);
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut new, "new").await;
    hear(&mut new, "new").await;
}

#[tokio::test]
async fn one_way_can_be_held_and_what_was_held_goes_on() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    say(&mut client, "one").await;
    hear(&mut client, "one").await;
    proxy.hold(Way::ToClient);
    say(&mut client, "two").await;
    until("the server to hear it", || async { (proxy.counts().to_server == 6).then_some(()) })
        .await
        .unwrap();
    let mut byte = [0];
    assert!(timeout(DELAY, client.read(&mut byte)).await.is_err(), "the answer was held");
    proxy.hold(Way::ToServer);
    say(&mut client, "three").await;
    assert!(timeout(DELAY, client.read(&mut byte)).await.is_err());
    assert_eq!(proxy.counts().to_server, 6, "what the client said was held");
    proxy.pass().await.unwrap();
    hear(&mut client, "twothree").await;
}

#[tokio::test]
async fn a_black_hole_takes_connections_and_no_more_bytes_than_its_bound() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.black_hole();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let piece = vec![7; 64 << 10];
    let mut sent = 0;
    while let Ok(written) = timeout(DELAY, client.write(&piece)).await {
        sent += written.unwrap();
        assert!(sent < 64 << 20, "somebody keeps all of it");
    }
    assert_eq!(proxy.counts().to_server, 0);
    proxy.pass().await.unwrap();
    let mut heard = vec![0; sent];
    timeout(SOON, client.read_exact(&mut heard)).await.expect("all of it").unwrap();
    assert!(heard.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn a_delay_keeps_bytes_both_ways_and_their_order() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.delay(DELAY);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let started = Instant::now();
    for word in ["one", "two", "three"] {
        say(&mut client, word).await;
    }
    hear(&mut client, "onetwothree").await;
    // Never sooner; how much later is the machine's affair.
    assert!(started.elapsed() >= 2 * DELAY);
}

#[tokio::test]
async fn one_may_listen_where_and_run_on_what_the_caller_says() {
    let free = TcpListener::bind("127.0.0.2:0").await.unwrap().local_addr().unwrap();
    let runtime = tokio::runtime::Handle::current();
    let proxy = Proxy::start_at(free, echo().await, &runtime).await.unwrap();
    assert_eq!(proxy.address(), free.to_string());
    let mut client = TcpStream::connect(free).await.unwrap();
    say(&mut client, "a word").await;
    hear(&mut client, "a word").await;
}

#[tokio::test]
async fn bytes_can_be_handed_on_one_by_one() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.split(1);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let text = "a text that is not short".repeat(20);
    say(&mut client, &text).await;
    let mut reads = 0;
    let mut heard = Vec::new();
    while heard.len() < text.len() {
        let mut buffer = [0; 1024];
        let length = timeout(SOON, client.read(&mut buffer)).await.expect("bytes").unwrap();
        assert_ne!(length, 0, "it does not end");
        heard.extend_from_slice(&buffer[..length]);
        reads += 1;
    }
    assert_eq!(heard, text.as_bytes());
    assert!(reads > 1, "they came in pieces");
}

#[tokio::test]
async fn a_server_that_is_not_there_closes_the_connection() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Proxy::start(gone.to_string()).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ends(&mut client).await);
    assert_eq!(proxy.counts().refused, 1);
}
