//! Between tasks and services of hyper.
//!
//! Owns the adapter. It must not know how connections are served.

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use hyper::service::Service;

use crate::http::{Body, HTTPError, HTTPRequest, HTTPResult, HTTPTask};

/// Runs a service of hyper as a task, whatever framework it comes from.
///
/// ```
/// use std::convert::Infallible;
/// use lathe::http::{Body, Serve};
///
/// let service = hyper::service::service_fn(async |_request: http::Request<Body>| {
///     Ok::<_, Infallible>(http::Response::new(Body::from("hello")))
/// });
/// # lathe::testing::run(async {
/// let task = lathe::testing::TestTask::start(Serve(service)).await;
/// assert_eq!(task.get("/").await.text(), "hello");
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Serve<S>(pub S);

impl<S, B> HTTPTask for Serve<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn handle(&self, request: HTTPRequest) -> HTTPResult {
        match self.0.call(request.into_http()).await {
            Ok(response) => Ok(response.map(Body::wrap).into()),
            Err(error) => Err(HTTPError::new(500, "internal server error").with_cause(error)),
        }
    }
}
