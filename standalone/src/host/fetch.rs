//! The fetcher: brings the URIs of a command into a sandbox.
//!
//! Owns the cache of a host. It speaks plain HTTP and copies local files; it unpacks nothing.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use lathe_mesos::v1::command_info;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// The largest file that is fetched.
const LARGEST: u64 = 512 * 1024 * 1024;
/// Time for one file, and for one piece of it.
const WHOLE_TIME: Duration = Duration::from_secs(120);
const PIECE_TIME: Duration = Duration::from_secs(20);
/// Endings that Mesos would unpack.
const ARCHIVES: [&str; 8] =
    [".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip"];

/// Why a URI could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("it is neither http:// nor a file on this machine")]
    Scheme,
    #[error("the name {0:?} cannot be one in a sandbox")]
    Name(String),
    #[error("lathe-standalone unpacks no archives; say `extract: false`")]
    Archive,
    #[error("no answer within the time limit")]
    Time,
    #[error("it is larger than {LARGEST} bytes")]
    TooLarge,
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// See the text of this module.
#[derive(Debug)]
pub(super) struct Fetcher {
    cache: PathBuf,
    /// Held while something is brought into the cache, so that nothing is fetched twice.
    filling: Mutex<()>,
    /// How many files were begun.
    parts: AtomicU64,
}

/// An unfinished file, which goes with this unless it was moved away.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Fetcher {
    pub(super) fn new(cache: &Path) -> Self {
        Self { cache: cache.to_path_buf(), filling: Mutex::new(()), parts: AtomicU64::new(0) }
    }

    /// Brings one URI into the sandbox.
    pub(super) async fn fetch(
        &self,
        uri: &command_info::Uri,
        sandbox: &Path,
    ) -> Result<(), FetchError> {
        let name = match &uri.output_file {
            Some(name) => name.as_str(),
            None => base_name(&uri.value),
        };
        if name.is_empty() || name == "." || name == ".." || name.contains('/') {
            return Err(FetchError::Name(name.to_owned()));
        }
        let executable = uri.executable();
        if uri.extract() && !executable && ARCHIVES.iter().any(|ending| name.ends_with(ending)) {
            return Err(FetchError::Archive);
        }
        let target = sandbox.join(name);
        let mode = if executable { 0o755 } else { 0o644 };
        match local_path(&uri.value) {
            Some(path) => {
                let metadata = tokio::fs::metadata(&path).await?;
                // A file that was replaced or written is another file.
                let key = format!(
                    "{}\n{} {} {} {} {}",
                    path.display(),
                    metadata.dev(),
                    metadata.ino(),
                    metadata.len(),
                    metadata.mtime(),
                    metadata.mtime_nsec()
                );
                let cached = self.cached(&key, mode, Source::File(&path)).await?;
                link(&cached, &target)
            }
            None if uri.cache() => {
                let cached = self.cached(&uri.value, mode, Source::Http(&uri.value)).await?;
                link(&cached, &target)
            }
            None => bring(Source::Http(&uri.value), &target, mode).await,
        }
    }

    async fn cached(
        &self,
        key: &str,
        mode: u32,
        source: Source<'_>,
    ) -> Result<PathBuf, FetchError> {
        let mut hash = Sha256::new();
        hash.update(format!("{mode:o}\n{key}"));
        let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.cache.join(name);
        let _filling = self.filling.lock().await;
        if !path.exists() {
            // Of its own: one that was given up may still be written.
            let number = self.parts.fetch_add(1, Ordering::Relaxed);
            let part = Part(path.with_extension(format!("{number}.part")));
            bring(source, &part.0, mode).await?;
            fs::rename(&part.0, &path)?;
        }
        Ok(path)
    }
}

enum Source<'a> {
    File(&'a Path),
    Http(&'a str),
}

/// Copies a source into a file; a file that could not be finished is removed.
async fn bring(source: Source<'_>, target: &Path, mode: u32) -> Result<(), FetchError> {
    let brought = match source {
        Source::File(path) => {
            let (from, to) = (path.to_path_buf(), target.to_path_buf());
            let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await;
            copied.unwrap_or_else(|error| Err(io::Error::other(error).into()))
        }
        Source::Http(url) => match tokio::time::timeout(WHOLE_TIME, download(url, target)).await {
            Ok(done) => done,
            Err(_) => Err(FetchError::Time),
        },
    };
    let finished =
        brought.and_then(|()| Ok(fs::set_permissions(target, Permissions::from_mode(mode))?));
    if finished.is_err() {
        let _ = fs::remove_file(target);
    }
    finished
}

fn copy(from: &Path, to: &Path) -> Result<(), FetchError> {
    let source = File::open(from)?;
    if source.metadata()?.len() > LARGEST {
        return Err(FetchError::TooLarge);
    }
    let mut target = File::create_new(to)?;
    io::copy(&mut io::Read::take(source, LARGEST), &mut target)?;
    Ok(())
}

async fn download(url: &str, target: &Path) -> Result<(), FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Scheme)?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
    let authority = authority.ok_or(FetchError::Scheme)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = authority.port_u16().unwrap_or(80);
    let stream = in_time(TcpStream::connect((host, port))).await??;
    let (mut sender, connection) =
        in_time(hyper::client::conn::http1::handshake(TokioIo::new(stream))).await??;
    let driver = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, authority.as_str())
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Scheme)?;
    let response = in_time(sender.send_request(request)).await??;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let mut file = File::create_new(target)?;
    let mut body = response.into_body();
    let mut size = 0;
    while let Some(frame) = in_time(body.frame()).await? {
        if let Ok(data) = frame?.into_data() {
            size += data.len() as u64;
            if size > LARGEST {
                return Err(FetchError::TooLarge);
            }
            file.write_all(&data)?;
        }
    }
    driver.abort();
    Ok(())
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, FetchError> {
    tokio::time::timeout(PIECE_TIME, work).await.map_err(|_| FetchError::Time)
}

/// Gives a cached file a name in the sandbox without a copy.
fn link(cached: &Path, target: &Path) -> Result<(), FetchError> {
    match fs::hard_link(cached, target) {
        Ok(()) => Ok(()),
        // Another file system, or too many links.
        Err(_) => Ok(fs::copy(cached, target).map(|_| ())?),
    }
}

fn local_path(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file://").unwrap_or(uri);
    path.starts_with('/').then(|| PathBuf::from(path))
}

fn base_name(uri: &str) -> &str {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    // A local path may have these marks in its name.
    let path = if local_path(uri).is_some() { uri } else { path };
    path.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
