//! The way to a scheduler: gRPC for what changes something, REST for the rest.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, Limited, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lathe_api::door::Token;
use lathe_api::rest::{EventView, Problem};
use lathe_api::v1::scheduler_client::SchedulerClient;
use serde::de::DeserializeOwned;
use tokio_stream::StreamExt as _;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::args::Find;
use crate::failure::{FAILED, Failure, UNREACHABLE, chain};
use crate::home::Home;

/// Largest answer that is read whole.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest event of a stream.
const EVENT_BYTES_MAX: usize = 1024 * 1024;
const CONNECT_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(30);

type Upload = StreamBody<
    std::pin::Pin<
        Box<dyn tokio_stream::Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send + Sync>,
    >,
>;
type Body = Either<Full<Bytes>, Upload>;

/// Puts the token on every call.
#[derive(Clone)]
pub(crate) struct WithToken(Option<tonic::metadata::MetadataValue<tonic::metadata::Ascii>>);

impl Interceptor for WithToken {
    fn call(
        &mut self,
        mut request: tonic::Request<()>,
    ) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// One scheduler.
pub(crate) struct Client {
    url: String,
    token: Option<String>,
    http: HttpClient<HttpConnector, Body>,
}

impl Client {
    /// In order: the flag (or its variable), a running `lathe up`.
    pub(crate) fn find(find: &Find) -> Result<Self, Failure> {
        let home = Home::find(find.home.as_deref())?;
        let endpoints = home.endpoints();
        let (url, token_file) = match (&find.scheduler, endpoints) {
            (Some(url), found) => {
                let of_home =
                    found.filter(|one| &one.scheduler == url).map(|e| e.token_file.into());
                (url.clone(), find.token_file.clone().or(of_home))
            }
            (None, Some(found)) => {
                let file = find.token_file.clone().unwrap_or_else(|| found.token_file.into());
                (found.scheduler, Some(file))
            }
            (None, None) => {
                return Err(Failure::new("no scheduler was found")
                    .with_code(UNREACHABLE)
                    .with_hint("start one with `lathe up`, or name one by --scheduler"));
            }
        };
        Self::new(url, token_file.as_deref())
    }

    pub(crate) fn new(url: String, token_file: Option<&Path>) -> Result<Self, Failure> {
        let token = match token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| Failure::io(format!("the token in {}", path.display()), &e))?;
                Token::first_of(&text).map(|token| token.expose().to_owned())
            }
            None => None,
        };
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME));
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token, http })
    }

    pub(crate) async fn calls(
        &self,
    ) -> Result<SchedulerClient<InterceptedService<Channel, WithToken>>, Failure> {
        let endpoint = tonic::transport::Endpoint::from_shared(self.url.clone())
            .map_err(|error| Failure::new(format!("`{}`: {error}", self.url)))?
            .connect_timeout(CONNECT_TIME)
            .tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(|error| self.unreachable(&error))?;
        let token = self.token.as_ref().and_then(|token| format!("Bearer {token}").parse().ok());
        Ok(SchedulerClient::with_interceptor(channel, WithToken(token)))
    }

    /// Reads JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.request(Method::GET, path, Either::Left(Full::default())).await?;
        let (status, bytes) = answer;
        if !status.is_success() {
            return Err(refused(status, &bytes));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(format!("the answer of {path} cannot be read: {error}")))
    }

    /// Uploads a file under its digest, unless it is there already.
    pub(crate) async fn upload(&self, sha256: &str, file: &Path) -> Result<(), Failure> {
        let path = format!("/v1/artifacts/{sha256}");
        let there = self.request(Method::HEAD, &path, Either::Left(Full::default())).await?;
        if there.0.is_success() {
            return Ok(());
        }
        let opened = tokio::fs::File::open(file).await;
        let opened = opened.map_err(|e| Failure::io(format!("opening {}", file.display()), &e))?;
        let frames = tokio_util::io::ReaderStream::with_capacity(opened, 256 * 1024)
            .map(|chunk| chunk.map(Frame::data));
        let (status, bytes) = self
            .request(Method::PUT, &path, Either::Right(StreamBody::new(Box::pin(frames))))
            .await?;
        if status.is_success() { Ok(()) } else { Err(refused(status, &bytes)) }
    }

    /// Follows `/v1/events` from now on; each event's JSON is handed out. Ends with the connection.
    pub(crate) async fn events(
        &self,
        after: u64,
        mut take: impl FnMut(EventView),
    ) -> Result<(), Failure> {
        let request = Request::get(format!("{}/v1/events", self.url))
            .header("last-event-id", after)
            .header(AUTHORIZATION, format!("Bearer {}", self.token.as_deref().unwrap_or_default()))
            .body(Either::Left(Full::default()))
            .map_err(|error| Failure::new(format!("`{}`: {error}", self.url)))?;
        let response =
            self.http.request(request).await.map_err(|error| self.unreachable(&error))?;
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            bytes.extend_from_slice(&data);
            while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = bytes.drain(..=end).collect();
                let json = line.strip_prefix(b"data:");
                if let Some(event) = json.and_then(|json| serde_json::from_slice(json).ok()) {
                    take(event);
                }
            }
            if bytes.len() > EVENT_BYTES_MAX {
                return Err(Failure::new("the scheduler sent an event without an end"));
            }
        }
        Ok(())
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let upload = method == Method::PUT;
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(body)
            .map_err(|error| Failure::new(format!("`{}{path}`: {error}", self.url)))?;
        let limit = if upload { ANSWER_TIME * 20 } else { ANSWER_TIME };
        let answered = tokio::time::timeout(limit, async {
            let response =
                self.http.request(request).await.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let bytes = body
                .map_err(|error| Failure::new(format!("the answer of {path} broke off: {error}")))?
                .to_bytes();
            Ok((status, bytes))
        });
        answered.await.unwrap_or_else(|_| {
            let text = format!("{} did not answer within {} s", self.url, limit.as_secs());
            Err(Failure::new(text).with_code(UNREACHABLE))
        })
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> Failure {
        Failure::new(format!("the scheduler at {} does not answer: {}", self.url, chain(error)))
            .with_code(UNREACHABLE)
            .with_hint("is `lathe up` still running?")
    }
}

fn refused(status: StatusCode, bytes: &Bytes) -> Failure {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => {
            let code = problem.code.map(|code| format!("[{code}] ")).unwrap_or_default();
            Failure::new(format!("{code}{}", problem.detail)).with_code(FAILED)
        }
        Err(_) => Failure::new(format!("the scheduler answered {status}")),
    }
}
