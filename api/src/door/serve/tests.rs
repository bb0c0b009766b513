//! Tests of the serving loop over real sockets.

use std::path::{Path, PathBuf};

use axum::routing::get;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::connect::HttpConnector;
use lathe_tls::{ClientTls, ServerFiles, ServerTls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

async fn start(router: Router, limits: Limits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, router, limits, async {
        let _ = stopped.await;
    }));
    Served { address, stop: Some(stop), server }
}

fn hello() -> Router {
    Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
    )
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("within the deadline")
}

async fn connect(served: &Served, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Everything until the other side closes; a reset counts as a close.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = within(stream.read_to_end(&mut all)).await;
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn one_port_speaks_http_1_and_http_2() {
    let served = start(hello(), Limits::default()).await;
    let mut stream =
        connect(&served, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(read_all(&mut stream).await.ends_with("127.0.0.1"));

    let stream = TcpStream::connect(served.address).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get("http://localhost/").body(Empty::<Bytes>::new()).unwrap();
    let answer = within(client.send_request(request)).await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    let body = within(answer.into_body().collect()).await.unwrap().to_bytes();
    assert_eq!(body, "127.0.0.1");
}

#[tokio::test]
async fn who_says_nothing_or_half_a_head_is_closed() {
    let limits = Limits { header_time_max: Duration::from_millis(100), ..Limits::default() };
    let served = start(hello(), limits).await;
    // The third could still become the opening of HTTP/2.
    for text in ["", "GET / HTTP/1.1\r\nhost:", "PRI * HT"] {
        let mut stream = connect(&served, text).await;
        let answer = read_all(&mut stream).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
}

#[tokio::test]
async fn a_tls_client_of_the_door_is_closed_and_the_next_one_is_served() {
    // How it begins: a record of a hand-shake with its hello.
    const HELLO: &[u8] = &[0x16, 3, 1, 0, 0x31, 1, 0, 0, 0x2d, 3, 3, 0x0d, 0x0a, 0x0d, 0x0a, 1];
    let served = start(hello(), Limits::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(HELLO).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut next = connect(&served, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(read_all(&mut next).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_refused() {
    let limits = Limits { header_bytes_max: 8192, headers_max: 20, ..Limits::default() };
    let served = start(hello(), limits).await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(30));
    for text in [long, many] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(text.as_bytes()).await;
        let answer = read_all(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_turned_away_and_a_place_comes_back() {
    let served = start(hello(), Limits { connections_max: 1, ..Limits::default() }).await;
    let request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut first = connect(&served, request).await;
    let mut seen = [0; 12];
    within(first.read_exact(&mut seen)).await.unwrap();
    assert_eq!(&seen, b"HTTP/1.1 200");
    let mut second = TcpStream::connect(served.address).await.unwrap();
    assert!(read_all(&mut second).await.starts_with("HTTP/1.1 503 "));
    drop(first);
    within(async {
        loop {
            let mut stream = TcpStream::connect(served.address).await.unwrap();
            let closing = request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(closing.as_bytes()).await;
            if read_all(&mut stream).await.starts_with("HTTP/1.1 200 ") {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_end_lets_a_request_under_way_finish_and_closes_idle_connections() {
    let (entered, mut entries) = tokio::sync::mpsc::channel::<oneshot::Sender<()>>(1);
    let router = Router::new().route(
        "/",
        get(move || async move {
            let (release, released) = oneshot::channel();
            entered.send(release).await.unwrap();
            released.await.unwrap();
            "done"
        }),
    );
    let mut served = start(router, Limits::default()).await;
    let mut idle = connect(&served, "").await;
    let mut busy = connect(&served, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let release = within(entries.recv()).await.unwrap();
    served.stop.take().unwrap().send(()).unwrap();
    // The listener is gone before the request under way is.
    within(async { while TcpStream::connect(served.address).await.is_ok() {} }).await;
    release.send(()).unwrap();
    assert!(read_all(&mut busy).await.ends_with("done"));
    assert_eq!(read_all(&mut idle).await, "");
    within(served.server).await.unwrap();
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let router = Router::new().route("/", get(std::future::pending::<()>));
    let limits = Limits { drain_time_max: Duration::from_millis(50), ..Limits::default() };
    let mut served = start(router, limits).await;
    let mut stuck = connect(&served, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    served.stop.take().unwrap().send(()).unwrap();
    within(served.server).await.unwrap();
    assert_eq!(read_all(&mut stuck).await, "");
}

/// A listener with TLS, and its certificates.
async fn start_tls(clients: bool, limits: Limits) -> Served {
    let files = ServerFiles {
        certificate: file("server.pem"),
        key: file("server.key"),
        client_authorities: clients.then(|| file("client-ca.pem")),
    };
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = Listener::new(tcp, Some(ServerTls::load(files).unwrap()));
    assert_eq!(listener.scheme(), "https");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, hello(), limits, async {
        let _ = stopped.await;
    }));
    Served { address, stop: Some(stop), server }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tls/testdata").join(name)
}

/// What `GET /` says over TLS, by the versions of HTTP that the client offers.
async fn get_by(tls: &ClientTls, served: &Served, http2: bool) -> Option<(http::Version, String)> {
    let connector = tls.connector(HttpConnector::new());
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build::<_, Empty<Bytes>>(connector);
    let url = format!("https://127.0.0.1:{}/", served.address.port());
    let answer = within(client.get(url.parse().unwrap())).await.ok()?;
    let version = answer.version();
    let body = within(answer.into_body().collect()).await.ok()?.to_bytes();
    Some((version, String::from_utf8(body.to_vec()).unwrap()))
}

#[tokio::test]
async fn by_tls_both_versions_of_http_are_served_and_nothing_plain() {
    let served = start_tls(false, Limits::default()).await;
    let tls = ClientTls::trusting(&file("ca.pem")).unwrap();
    let seen = get_by(&tls, &served, true).await;
    assert_eq!(seen, Some((http::Version::HTTP_2, "127.0.0.1".to_owned())));
    let (_, body) = get_by(&tls, &served, false).await.unwrap();
    assert_eq!(body, "127.0.0.1");
    let mut plain = connect(&served, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut all = Vec::new();
    let _ = within(plain.read_to_end(&mut all)).await;
    assert!(!String::from_utf8_lossy(&all).contains("127.0.0.1"));
    // Who trusts another authority says nothing there.
    let other = ClientTls::trusting(&file("other-ca.pem")).unwrap();
    assert_eq!(get_by(&other, &served, false).await, None);
}

#[tokio::test]
async fn where_clients_are_asked_for_a_certificate_one_without_is_not_served() {
    let served = start_tls(true, Limits::default()).await;
    let without = ClientTls::trusting(&file("ca.pem")).unwrap();
    assert_eq!(get_by(&without, &served, false).await, None);
    let signed_by_another =
        ClientTls::showing(&file("ca.pem"), &file("server.pem"), &file("server.key")).unwrap();
    assert_eq!(get_by(&signed_by_another, &served, false).await, None);
    let with =
        ClientTls::showing(&file("ca.pem"), &file("client.pem"), &file("client.key")).unwrap();
    assert!(get_by(&with, &served, false).await.is_some());
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let limits = Limits { header_time_max: Duration::from_millis(100), ..Limits::default() };
    let served = start_tls(false, limits).await;
    for begun in ["", "\u{16}\u{3}\u{1}"] {
        let mut stream = connect(&served, begun).await;
        let mut all = Vec::new();
        let _ = within(stream.read_to_end(&mut all)).await;
    }
    let tls = ClientTls::trusting(&file("ca.pem")).unwrap();
    assert!(get_by(&tls, &served, false).await.is_some());
}
