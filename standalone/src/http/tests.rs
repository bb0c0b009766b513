//! Tests of the checks.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);
const GET: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n";
/// How a TLS client begins: a record of a hand-shake with its hello.
const TLS_HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x00, 0x31, 0x01, 0x00, 0x00, 0x2d, 0x03, 0x03, 0x0d, 0x0a, 0x0d, 0x0a, 0x01,
];

/// Answers a body with itself.
struct Echo;

impl Handler for Echo {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        match body(request).await {
            Ok(bytes) => with_type(StatusCode::OK, "text/plain", bytes),
            Err(refused) => *refused,
        }
    }
}

async fn served(limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Arc::new(Echo), limits));
    address
}

async fn says(address: SocketAddr, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes.as_ref()).await;
    stream
}

/// Everything until the other side closes; a reset counts as a close.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = stream.read_to_end(&mut all);
    let _ = tokio::time::timeout(DEADLINE, read).await.expect("it is closed");
    String::from_utf8_lossy(&all).into_owned()
}

async fn status(stream: &mut TcpStream) -> String {
    let mut head = [0; 12];
    let read = stream.read_exact(&mut head);
    tokio::time::timeout(DEADLINE, read).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&head).into_owned()
}

#[tokio::test]
async fn a_slow_head_or_none_ends_the_connection() {
    let limits = Limits { head_time: Duration::from_millis(50), ..Limits::default() };
    let address = served(limits).await;
    for half in ["", "GET / HTTP/1.1\r\nhost:"] {
        let answer = rest(&mut says(address, half).await).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    // One that idles after its answer is closed as well.
    let mut idle = says(address, GET).await;
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_slow_body_is_refused_when_its_time_is_over() {
    let limits = Limits { body_time: Duration::from_millis(50), ..Limits::default() };
    let address = served(limits).await;
    let mut half = says(address, format!("{POST}ab")).await;
    assert_eq!(status(&mut half).await, "HTTP/1.1 408");
}

#[tokio::test]
async fn a_head_beyond_its_bytes_or_its_fields_is_refused() {
    let limits = Limits { head_bytes: 8192, headers: 20, ..Limits::default() };
    let address = served(limits).await;
    let end = GET.trim_end();
    let long = format!("{end}\r\nlong: {}\r\n\r\n", "a".repeat(20_000));
    let many = format!("{end}\r\n{}\r\n", "a: b\r\n".repeat(30));
    for head in [long, many] {
        let answer = rest(&mut says(address, head).await).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let mut good = says(address, format!("{end}\r\n{}\r\n", "a: b\r\n".repeat(10))).await;
    assert_eq!(status(&mut good).await, "HTTP/1.1 200");
}

#[tokio::test]
async fn a_connection_beyond_the_limit_waits_until_a_place_comes_back() {
    let address = served(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = says(address, GET).await;
    assert_eq!(status(&mut first).await, "HTTP/1.1 200");
    let mut second = says(address, GET).await;
    let early = tokio::time::timeout(Duration::from_millis(50), second.read_u8()).await;
    assert!(early.is_err(), "it was answered beyond the limit");
    drop(first);
    assert_eq!(status(&mut second).await, "HTTP/1.1 200");
}

#[tokio::test]
async fn a_tls_client_is_closed_and_the_next_one_is_served() {
    let address = served(Limits::default()).await;
    let answer = rest(&mut says(address, TLS_HELLO).await).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(status(&mut says(address, GET).await).await, "HTTP/1.1 200");
}

#[test]
fn only_names_of_this_machine_are_answered() {
    let own = Some("127.0.0.2".parse().unwrap());
    for good in ["127.0.0.1:80", "localhost", "LOCALHOST:1", "[::1]:80", "127.0.0.2:9"] {
        assert!(is_this_machine(good, own), "{good}");
    }
    for bad in ["example.com", "localhost.example.com:80", "10.0.0.1", "", "[::2]"] {
        assert!(!is_this_machine(bad, own), "{bad}");
    }
}

#[test]
fn the_wrong_secret_and_the_wrong_name_are_refused_alike() {
    let headers = |text: &str| {
        use base64::Engine as _;
        let value = base64::engine::general_purpose::STANDARD.encode(text);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Basic {value}").parse().unwrap());
        headers
    };
    let secrets = crate::secret::Secrets::of_text("s").unwrap();
    assert_eq!(checks::basic(&headers("lathe:s"), &secrets, "r").unwrap(), "token");
    for bad in ["lathe:t", "other:s", "lathe", "lathe:", ""] {
        let answer = checks::basic(&headers(bad), &secrets, "r").unwrap_err();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Basic realm=\"r\"");
    }
}

#[test]
fn json_is_not_spoken_and_types_are_compared_to_the_letter() {
    let with = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
        checks::content_type(&headers).map_err(|answer| answer.status().as_u16())
    };
    assert_eq!(with("application/x-protobuf"), Ok(()));
    for bad in ["application/json", "application/x-protobuf; charset=utf-8", "text/plain"] {
        assert_eq!(with(bad), Err(415));
    }
    let none = checks::content_type(&HeaderMap::new()).map_err(|answer| answer.status().as_u16());
    assert_eq!(none, Err(400));
}
