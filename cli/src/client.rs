//! The way to a scheduler, a registry or a master: gRPC for what changes something, REST for the rest.

mod sse;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, Limited, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lathe_api::door::{Token, Trust};
use lathe_api::rest::Problem;
pub(crate) use lathe_api::rest::segment;
use lathe_api::v1::scheduler_client::SchedulerClient;
use lathe_tls::{ClientTls, HttpsConnector};
use serde::de::DeserializeOwned;
use tokio_stream::StreamExt as _;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::args::Find;
use crate::failure::{BAD_INPUT, FAILED, Failure, REFUSED, UNREACHABLE, chain};
use crate::find::Found;

pub(crate) use sse::Followed;

/// Largest answer that is read whole.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The same of what is only looked at.
const LOOK_BYTES_MAX: usize = 64 * 1024;
const CONNECT_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(30);

const REGISTRY: &str = "the registry";

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

/// One listener.
pub(crate) struct Client {
    /// What it is, for messages.
    who: &'static str,
    /// Where it is; another place once it was found again.
    target: RwLock<Arc<Target>>,
    /// How it was found, where it may be found again.
    find: Option<Find>,
    tls: ClientTls,
    http: HttpClient<HttpsConnector, Body>,
}

/// An address, and what is shown there.
#[derive(Debug)]
struct Target {
    url: String,
    authorization: Option<HeaderValue>,
}

impl Target {
    fn new(url: String, shown: Option<&str>) -> Result<Self, Failure> {
        let authorization = shown.map(HeaderValue::from_str).transpose();
        let authorization = authorization
            .map_err(|_| Failure::new("the token has a character that cannot be sent"))?;
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        Ok(Self { url: url.trim_end_matches('/').to_owned(), authorization })
    }

    fn scheduler(url: String, token_file: Option<&Path>) -> Result<Self, Failure> {
        let token = token_file.map(token_of).transpose()?.flatten();
        Self::new(url, token.map(|token| format!("Bearer {token}")).as_deref())
    }
}

fn client_tls(trust: &Trust) -> Result<ClientTls, Failure> {
    trust.client().map_err(|error| Failure::new(chain(&error)).with_code(BAD_INPUT))
}

impl Client {
    /// The scheduler, wherever it is found.
    pub(crate) fn find(find: &Find) -> Result<Self, Failure> {
        let found = Found::of(find)?;
        let client = Self::of_found(&found)?;
        Ok(Self { find: Some(find.clone()), ..client })
    }

    /// Looks for it anew, as it was found: a `lathe up` that was started again listens elsewhere.
    /// Where none is found, the place is still the old one.
    pub(crate) fn find_again(&self) {
        let Some(Ok(found)) = self.find.as_ref().map(Found::of) else { return };
        let target = if self.who == REGISTRY {
            let url = found.endpoints.and_then(|up| up.registries.into_iter().next());
            url.map(|url| Target::scheduler(url, found.token_file.as_deref()))
        } else {
            Some(Target::scheduler(found.scheduler, found.token_file.as_deref()))
        };
        if let Some(Ok(target)) = target {
            *self.target.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(target);
        }
    }

    /// A scheduler.
    pub(crate) fn new(
        url: String,
        token_file: Option<&Path>,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        Ok(Self::of("the scheduler", Target::scheduler(url, token_file)?, client_tls(trust)?))
    }

    /// The scheduler that was found.
    pub(crate) fn of_found(found: &Found) -> Result<Self, Failure> {
        Self::new(found.scheduler.clone(), found.token_file.as_deref(), &found.trust)
    }

    /// A registry, whose reads are open; the token is for what is said to groups.
    pub(crate) fn registry(
        url: String,
        token_file: Option<&Path>,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        Ok(Self::of(REGISTRY, Target::scheduler(url, token_file)?, client_tls(trust)?))
    }

    /// A registry that this one has named; it is shown nothing.
    pub(crate) fn named(&self, url: String) -> Result<Self, Failure> {
        Ok(Self::of(REGISTRY, Target::new(url, None)?, self.tls.clone()))
    }

    /// A registry of the scheduler that is found like this.
    pub(crate) fn registry_found(url: String, find: &Find, found: &Found) -> Result<Self, Failure> {
        let registry = Self::registry(url, found.token_file.as_deref(), &found.trust)?;
        Ok(Self { find: Some(find.clone()), ..registry })
    }

    /// A master; standalone's takes the user `lathe` and the token.
    pub(crate) fn master(url: String, token_file: Option<&Path>) -> Result<Self, Failure> {
        let token = token_file.map(token_of).transpose()?.flatten();
        let shown =
            token.map(|token| format!("Basic {}", STANDARD.encode(format!("lathe:{token}"))));
        let target = Target::new(url, shown.as_deref())?;
        Ok(Self::of("the master", target, client_tls(&Trust::default())?))
    }

    fn of(who: &'static str, target: Target, tls: ClientTls) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME));
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new()).build(tls.connector(connector));
        Self { who, target: RwLock::new(Arc::new(target)), find: None, tls, http }
    }

    fn target(&self) -> Arc<Target> {
        Arc::clone(&self.target.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.target().url.clone()
    }

    pub(crate) async fn calls(
        &self,
    ) -> Result<SchedulerClient<InterceptedService<Channel, WithToken>>, Failure> {
        let target = self.target();
        let endpoint = tonic::transport::Endpoint::from_shared(target.url.clone())
            .map_err(|error| Failure::new(format!("`{}`: {error}", target.url)))?
            .connect_timeout(CONNECT_TIME)
            .tcp_nodelay(true);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let connector = self.tls.connector(connector);
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|error| self.unreachable(&error))?;
        let shown =
            target.authorization.as_ref().and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(SchedulerClient::with_interceptor(channel, WithToken(shown)))
    }

    /// Reads JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::GET, path).await
    }

    /// Asks for something to be done; what comes back is JSON.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::POST, path).await
    }

    async fn json<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, Failure> {
        let (status, bytes) = self.request(method, path, Either::Left(Full::default())).await?;
        if !status.is_success() {
            return Err(self.refused(status, &bytes));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(format!("the answer of {path} cannot be read: {error}")))
    }

    /// Says something to a registry; what comes back is JSON. One that cannot act now counts as one that
    /// is not reached.
    pub(crate) async fn say<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
        headers: &[(HeaderName, &str)],
    ) -> Result<T, Failure> {
        let mut request = self.to(method, path).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let body = body.map(serde_json::Value::to_string).unwrap_or_default();
        let request = request.body(Either::Left(Full::from(body)));
        let request =
            request.map_err(|error| Failure::new(format!("`{}{path}`: {error}", self.url())))?;
        let answered = tokio::time::timeout(ANSWER_TIME, async {
            let response = self.http.request(request).await;
            let (head, body) = response.map_err(|error| self.unreachable(&error))?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            Ok((head.status, body.map(|body| body.to_bytes()).unwrap_or_default()))
        });
        let (status, bytes) = answered.await.unwrap_or_else(|_| Err(self.late(ANSWER_TIME)))?;
        if !status.is_success() {
            let failure = self.refused(status, &bytes);
            let later = status == StatusCode::SERVICE_UNAVAILABLE;
            return Err(if later { failure.with_code(UNREACHABLE) } else { failure });
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(format!("the answer of {path} cannot be read: {error}")))
    }

    /// Asks for what comes at once or not at all, whatever it is.
    pub(crate) async fn look(&self, path: &str) -> Result<Looked, Failure> {
        let request = self.to(Method::GET, path).body(Either::Left(Full::default()));
        let request =
            request.map_err(|error| Failure::new(format!("`{}{path}`: {error}", self.url())))?;
        let answered = tokio::time::timeout(CONNECT_TIME, async {
            let response = self.http.request(request).await;
            let (head, body) = response.map_err(|error| self.unreachable(&error))?.into_parts();
            let body = Limited::new(body, LOOK_BYTES_MAX).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            Ok(Looked { status: head.status, headers: head.headers, body })
        });
        answered.await.unwrap_or_else(|_| Err(self.late(CONNECT_TIME)))
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
        if status.is_success() { Ok(()) } else { Err(self.refused(status, &bytes)) }
    }

    /// A request that is answered by a stream, whose head is read.
    async fn open(
        &self,
        path: &str,
        headers: &[(HeaderName, &str)],
    ) -> Result<hyper::body::Incoming, Failure> {
        let mut request = self.to(Method::GET, path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request
            .body(Either::Left(Full::default()))
            .map_err(|error| Failure::new(format!("`{}{path}`: {error}", self.url())))?;
        let answered = tokio::time::timeout(ANSWER_TIME, self.http.request(request)).await;
        let response = answered
            .map_err(|_| self.late(ANSWER_TIME))?
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Err(self.refused(status, &body.map(|body| body.to_bytes()).unwrap_or_default()))
    }

    /// A large answer, piece by piece.
    pub(crate) async fn download(&self, path: &str) -> Result<Download, Failure> {
        let body = self.open(path, &[]).await?;
        Ok(Download { body, who: self.who })
    }

    fn to(&self, method: Method, path: &str) -> http::request::Builder {
        let target = self.target();
        let request = Request::builder().method(method).uri(format!("{}{path}", target.url));
        match &target.authorization {
            Some(shown) => request.header(AUTHORIZATION, shown.clone()),
            None => request,
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let upload = method == Method::PUT;
        let request = self
            .to(method, path)
            .body(body)
            .map_err(|error| Failure::new(format!("`{}{path}`: {error}", self.url())))?;
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
        answered.await.unwrap_or_else(|_| Err(self.late(limit)))
    }

    fn late(&self, limit: Duration) -> Failure {
        let text =
            format!("{} at {} did not answer within {} s", self.who, self.url(), limit.as_secs());
        Failure::new(text).with_code(UNREACHABLE)
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> Failure {
        Failure::new(format!("{} at {} does not answer: {}", self.who, self.url(), chain(error)))
            .with_code(UNREACHABLE)
            .with_hint(if self.url().starts_with("https:") {
                "name the authority of its certificate by --ca-file; where it asks for one of yours, by --cert-file"
            } else {
                "is `lathe up` still running? `lathe doctor` looks at all of it"
            })
    }

    fn refused(&self, status: StatusCode, bytes: &Bytes) -> Failure {
        let code = if status == StatusCode::CONFLICT { REFUSED } else { FAILED };
        let failure = match serde_json::from_slice::<Problem>(bytes) {
            Ok(problem) => match problem.code.as_deref().and_then(|code| code.parse().ok()) {
                Some(code) => Failure::coded(code, problem.detail),
                None => Failure::new(problem.detail),
            },
            Err(_) => Failure::new(format!("{} answered {status}", self.who)),
        };
        let failure = failure.with_code(code);
        if status == StatusCode::UNAUTHORIZED {
            return failure.with_hint("the token is read from --token-file, LATHE_TOKEN_FILE, the configuration or the home");
        }
        failure
    }
}

/// An answer as it is.
pub(crate) struct Looked {
    pub status: StatusCode,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Looked {
    /// A field of its head.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What it says, as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::new(format!("the answer cannot be read: {error}")))
    }

    /// What it says, of a problem its sentence.
    pub(crate) fn text(&self) -> String {
        match serde_json::from_slice::<Problem>(&self.body) {
            Ok(problem) => problem.detail,
            Err(_) => String::from_utf8_lossy(&self.body).trim().to_owned(),
        }
    }
}

/// An answer on its way.
pub(crate) struct Download {
    body: hyper::body::Incoming,
    who: &'static str,
}

impl Download {
    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = tokio::time::timeout(ANSWER_TIME, self.body.frame()).await;
            let frame = frame.map_err(|_| {
                let seconds = ANSWER_TIME.as_secs();
                Failure::new(format!("{} went silent for {seconds} s", self.who))
            })?;
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    let text = format!("the answer of {} broke off: {}", self.who, chain(&error));
                    return Err(Failure::new(text));
                }
            }
        }
    }
}

/// The first token of a file.
fn token_of(path: &Path) -> Result<Option<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::io(format!("the token in {}", path.display()), &error))?;
    Ok(Token::first_of(&text).map(|token| token.expose().to_owned()))
}
