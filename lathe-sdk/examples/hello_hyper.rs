//! The same bytes by hyper alone, for measuring what the SDK adds: compare with `hello_task`.
//!
//! `LATHE_PORT_HTTP=8080 LATHE_THREADS=1 hello_hyper`

use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_index = request.method() == Method::GET && request.uri().path() == "/index";
    let body: &[u8] = if is_index { b":)" } else { b"invalid request" };
    let mut response = Response::new(Full::new(Bytes::from_static(body)));
    if !is_index {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    Ok(response)
}

async fn accept(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = TcpStream::set_nodelay(&stream, true);
        tokio::spawn(async move {
            let io = TokioIo::new(stream);
            let _ = http1::Builder::new().serve_connection(io, service_fn(answer)).await;
        });
    }
}

fn number(name: &str, default: u16) -> u16 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(number("LATHE_THREADS", 2).into())
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let address = (Ipv4Addr::LOCALHOST, number("LATHE_PORT_HTTP", 8080));
        let listener = TcpListener::bind(address).await?;
        let mut stop = signal(SignalKind::terminate())?;
        tokio::spawn(accept(listener));
        stop.recv().await;
        Ok(())
    })
}
