//! Binaries: taken once, named by their digest, given to executors. Kept through `object_store`.

use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use lathe_api::door::{Caller, Problem, bearer, code};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Shared;
use crate::audit;

/// Why artifacts cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactsError {
    #[error("the folder for artifacts at {path} cannot be used")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the folder for artifacts at {path} cannot be opened")]
    Open { path: PathBuf, source: object_store::Error },
    #[error("the executor's binary at {path} cannot be read")]
    Executor { path: PathBuf, source: std::io::Error },
}

/// Everything that executors fetch.
#[derive(Clone, Debug)]
pub struct Artifacts {
    store: Arc<dyn ObjectStore>,
    executor: PathBuf,
    executor_sha256: String,
}

impl Artifacts {
    /// Opens the folder and reads the executor once, for its digest.
    ///
    /// # Errors
    /// Where the folder or the executor cannot be used.
    pub fn open(folder: &FilePath, executor: &FilePath) -> Result<Self, ArtifactsError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| ArtifactsError::Folder { path: folder.to_owned(), source })?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|source| ArtifactsError::Open { path: folder.to_owned(), source })?;
        let executor_sha256 = digest_of(executor)
            .map_err(|source| ArtifactsError::Executor { path: executor.to_owned(), source })?;
        Ok(Self { store: Arc::new(store), executor: executor.to_owned(), executor_sha256 })
    }

    /// Bytes of the binary with this digest, where there is one.
    pub(super) async fn size(&self, sha256: &str) -> Option<u64> {
        let name = name_of(sha256).ok()?;
        self.store.head(&name).await.ok().map(|meta| meta.size)
    }

    /// The binary with this digest.
    pub(super) async fn bytes(
        &self,
        sha256: &str,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Problem> {
        let found = self.store.get(&name_of(sha256)?).await;
        Ok(found.map_err(|error| failed(&error))?.into_stream())
    }

    /// Keeps a program of this machine among the artifacts; its digest and its size.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    pub(crate) async fn keep(&self, path: &FilePath) -> std::io::Result<(String, u64)> {
        let own = path.to_owned();
        let digest = tokio::task::spawn_blocking(move || digest_of(&own)).await;
        let sha256 = digest.map_err(std::io::Error::other)??;
        let size = std::fs::metadata(path)?.len();
        let name = Name::from(sha256.as_str());
        if self.store.head(&name).await.is_err() {
            let bytes = tokio::fs::read(path).await?;
            let put = self.store.put(&name, bytes.into()).await;
            put.map_err(std::io::Error::other)?;
        }
        Ok((sha256, size))
    }

    /// The path under which the executor is served.
    #[must_use]
    pub fn executor_path(&self) -> String {
        format!("/v1/executor/{}/lathe-executor", self.executor_sha256)
    }
}

fn digest_of(path: &FilePath) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn name_of(sha256: &str) -> Result<Name, Problem> {
    if is_digest(sha256) {
        Ok(Name::from(sha256))
    } else {
        Err(Problem::bad_request("an artifact is named by its SHA-256 in lower-case hex"))
    }
}

fn failed(error: &object_store::Error) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        code::BUSY,
        format!("keeping artifacts: {error}"),
    )
}

#[derive(Debug, Deserialize)]
pub(super) struct Who {
    incarnation: Option<String>,
}

/// `GET` and `HEAD`: with the token, or with the secret of the incarnation that is named.
pub(super) async fn download(
    State(shared): State<Shared>,
    Path(sha256): Path<String>,
    Query(who): Query<Who>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let presented = bearer(&headers).unwrap_or_default();
    let own = who.incarnation.as_deref().is_some_and(|id| shared.key.verify(id, presented));
    if !own && shared.tokens.who(presented).is_none() {
        return Err(Problem::unauthorized("artifacts are given to instances and to token holders"));
    }
    let found = shared.artifacts.store.get(&name_of(&sha256)?).await;
    let found = match found {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => {
            return Err(Problem::not_found(format!("artifact {sha256} is not here")));
        }
        Err(error) => return Err(failed(&error)),
    };
    let size = found.meta.size;
    let body = Body::from_stream(found.into_stream());
    Ok(([(CONTENT_LENGTH, size.to_string())], binary(body)).into_response())
}

fn binary(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], body).into_response()
}

/// `PUT`: streamed to the store and checked; what does not match its digest leaves nothing.
pub(super) async fn upload(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(sha256): Path<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let name = name_of(&sha256)?;
    if shared.artifacts.store.head(&name).await.is_ok() {
        return Ok(StatusCode::OK);
    }
    let upload = shared.artifacts.store.put_multipart(&name).await.map_err(|e| failed(&e))?;
    let mut writer = WriteMultipart::new(upload);
    let mut hasher = Sha256::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                let _ = writer.abort().await;
                return Err(Problem::bad_request(format!("the upload broke off: {error}")));
            }
        };
        hasher.update(&chunk);
        writer.write(&chunk);
        writer.wait_for_capacity(4).await.map_err(|e| failed(&e))?;
    }
    if hex(&hasher.finalize()) != sha256 {
        let _ = writer.abort().await;
        return Err(Problem::bad_request(
            "the bytes do not have the digest that they are sent under",
        ));
    }
    writer.finish().await.map_err(|e| failed(&e))?;
    audit::written(&caller, "artifact", &sha256, None);
    Ok(StatusCode::CREATED)
}

/// The executor's own binary, for the fetchers of hosts.
pub(super) async fn executor(
    State(shared): State<Shared>,
    Path(sha256): Path<String>,
) -> Result<Response, Problem> {
    if sha256 != shared.artifacts.executor_sha256 {
        return Err(Problem::not_found("this scheduler has another executor"));
    }
    let opened = tokio::fs::File::open(&shared.artifacts.executor).await;
    let file = opened.map_err(|error| Problem::not_found(format!("the executor: {error}")))?;
    let size = file.metadata().await.map_or(0, |meta| meta.len());
    let body = Body::from_stream(tokio_util::io::ReaderStream::with_capacity(file, 64 * 1024));
    Ok(([(CONTENT_LENGTH, size.to_string())], binary(body)).into_response())
}
