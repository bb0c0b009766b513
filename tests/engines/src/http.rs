//! Short questions over HTTP, each on a connection of its own.
//!
//! Owns the exchange and its time. It must not know what is asked.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server that is paused or about to end answers nothing.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const ANSWER_MAX: usize = 16 << 20;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    pub body: Bytes,
}

/// A GET. Nothing when there is no answer.
pub(crate) async fn get(port: u16, path: &str) -> Option<Answer> {
    ask(port, Request::get(path), "").await
}

/// A POST of JSON. Nothing when there is no answer.
pub(crate) async fn post(port: u16, path: &str, json: &str) -> Option<Answer> {
    ask(port, Request::post(path).header(CONTENT_TYPE, "application/json"), json).await
}

async fn ask(port: u16, request: hyper::http::request::Builder, body: &str) -> Option<Answer> {
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    let request = request.header(HOST, format!("127.0.0.1:{port}")).body(body).ok()?;
    let answer = async {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let answered = async {
            let answer = sender.send_request(request).await.ok()?;
            let status = answer.status().as_u16();
            let location = answer.headers().get(LOCATION).and_then(|text| text.to_str().ok());
            let location = location.map(str::to_owned);
            let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await.ok()?;
            Some(Answer { status, location, body: body.to_bytes() })
        };
        // The connection has to be driven until the answer is there, and no longer.
        tokio::select! {
            biased;
            answer = answered => answer,
            Err(_) = connection => None,
        }
    };
    timeout(ANSWER_TIME, answer).await.ok().flatten()
}
