//! The HTTP face of a host: the executor API, and the files of its sandboxes.
//!
//! Owns the order of checks of a Mesos 1.11 agent.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use lathe_mesos::v1::agent::{Response as Answer, call, response};
use lathe_mesos::{v1, wire};
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};

use super::executors::{Input, Reply};
use super::files::{FileError, Files};
use super::{Tokens, table};
use crate::cluster::{Cluster, check_executor_call};
use crate::http::{Body, Handler, body, checks, empty, stream, text, with_type};
use crate::secret::Secrets;

/// The agent's name within its process, which its routes may start with.
const PROCESS: &str = "/slave(1)";

/// What a host's listener needs.
#[derive(Debug)]
pub(super) struct Api {
    /// The tokens of operators.
    pub(super) secrets: Secrets,
    /// The secrets of executors.
    pub(super) tokens: Tokens,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) files: Files,
}

impl Handler for Api {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let path = path.replace("%28", "(").replace("%29", ")");
        let answer = match path.strip_prefix(PROCESS).unwrap_or(&path) {
            wire::EXECUTOR_PATH => self.executor(request).await,
            wire::OPERATOR_PATH => self.operator(request).await,
            "/healthz" | "/readyz" => Ok(text(StatusCode::OK, "ok\n".to_owned())),
            _ => Err(Box::new(text(StatusCode::NOT_FOUND, "404 Not Found.".to_owned()))),
        };
        answer.unwrap_or_else(|refused| *refused)
    }
}

impl Api {
    async fn executor(&self, request: Request<Incoming>) -> checks::Check<Response<Body>> {
        let headers = request.headers().clone();
        let by = checks::bearer(&headers).and_then(|token| table(&self.tokens).get(token).cloned());
        let by = by.ok_or_else(|| checks::unauthorized("Bearer realm=\"mesos-agent-executor\""))?;
        checks::post(request.method())?;
        checks::content_type(&headers)?;
        let call: v1::executor::Call = checks::parse(body(request).await?)?;
        check_executor_call(&call).map_err(|why| {
            checks::bad_request(format!("Failed to validate Executor::Call: {why}"))
        })?;
        if call.r#type() == v1::executor::call::Type::Subscribe {
            checks::accept(&headers)?;
        }
        let (reply, answer) = oneshot::channel();
        let input = Input::Called { by, call: Box::new(call), reply };
        let _ = self.inputs.send(input).await;
        Ok(match answer.await {
            Ok(Reply::Accepted) => empty(StatusCode::ACCEPTED),
            Ok(Reply::Stream { events, guard }) => stream(events, guard),
            Ok(Reply::Refused { status, text: why }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                text(status, why.to_owned())
            }
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the host is ending".to_owned()),
        })
    }

    async fn operator(&self, request: Request<Incoming>) -> checks::Check<Response<Body>> {
        let headers = request.headers().clone();
        checks::basic(&headers, &self.secrets, "mesos-agent-readwrite")?;
        checks::post(request.method())?;
        checks::content_type(&headers)?;
        let call: v1::agent::Call = checks::parse(body(request).await?)?;
        let expecting = |field: &str| {
            let why = format!("Failed to validate agent::Call: Expecting '{field}' to be present");
            checks::bad_request(why)
        };
        let Some(Ok(kind)) = call.r#type.map(call::Type::try_from) else {
            return Err(expecting("type"));
        };
        match kind {
            call::Type::ReadFile if call.read_file.is_none() => return Err(expecting("read_file")),
            call::Type::ListFiles if call.list_files.is_none() => {
                return Err(expecting("list_files"));
            }
            _ => {}
        }
        checks::accept(&headers)?;
        let files = self.files.clone();
        let answer = tokio::task::spawn_blocking(move || answer(&files, kind, &call)).await;
        Ok(match answer {
            Ok(Some(Ok(answer))) => {
                with_type(StatusCode::OK, wire::PROTOBUF, Bytes::from(answer.encode_to_vec()))
            }
            Ok(Some(Err(FileError::NotFound))) => {
                text(StatusCode::NOT_FOUND, "404 Not Found.".to_owned())
            }
            Ok(Some(Err(FileError::Refused(why)))) => text(StatusCode::BAD_REQUEST, why),
            Ok(None) => text(
                StatusCode::NOT_IMPLEMENTED,
                format!("lathe-standalone does not imitate {}", kind.as_str_name()),
            ),
            Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "reading failed".to_owned()),
        })
    }
}

fn answer(
    files: &Files,
    kind: call::Type,
    call: &v1::agent::Call,
) -> Option<Result<Answer, FileError>> {
    use response::Type as R;
    let typed = |kind: R| Answer { r#type: Some(kind.into()), ..Answer::default() };
    Some(match kind {
        call::Type::GetHealth => Ok(Answer {
            get_health: Some(response::GetHealth { healthy: true }),
            ..typed(R::GetHealth)
        }),
        call::Type::GetVersion => Ok(Answer {
            get_version: Some(response::GetVersion { version_info: Cluster::version() }),
            ..typed(R::GetVersion)
        }),
        call::Type::ReadFile => {
            let asked = call.read_file.as_ref()?;
            let read = files.read(&asked.path, asked.offset, asked.length);
            read.map(|read| Answer { read_file: Some(read), ..typed(R::ReadFile) })
        }
        call::Type::ListFiles => {
            let asked = call.list_files.as_ref()?;
            let list = files.list(&asked.path);
            list.map(|list| Answer { list_files: Some(list), ..typed(R::ListFiles) })
        }
        _ => return None,
    })
}
