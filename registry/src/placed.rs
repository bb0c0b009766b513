//! A registry that the scheduler has placed: an instance as any other, which asks the scheduler for the
//! store, the key and its configuration.
//!
//! Owns what is asked and where the answer is kept until it was read. The key is in files of this
//! instance's folder for no longer than the registry needs to start.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lathe_api::rest::{PlacedRegistry, segment};
use tokio::runtime::Runtime;

use crate::config::{Config, ConfigError, Flags};

/// Between two askings.
const PAUSE: Duration = Duration::from_millis(500);
/// A scheduler that says nothing for so long has another leader by now, which starts another life.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than a store's address, a key, all tokens and a file of configuration.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// In place of what the scheduler says, where a file is only checked.
const UNTOLD: &str = "(told by the scheduler)";

/// Why a registry does not know what it is to do.
#[derive(Debug, thiserror::Error)]
pub enum PlacedError {
    /// It was started by hand.
    #[error("{0} is not set: `--placed` is for instances that the scheduler has placed")]
    Variable(&'static str),
    /// A file of the instance cannot be used.
    #[error("{path} cannot be used")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its address is none.
    #[error("{0} is no address to listen on")]
    Address(String),
    /// No scheduler tells it.
    #[error("no scheduler says what this registry is to do: {0}")]
    Silence(String),
    /// What it was told is of no use.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl PlacedError {
    /// The exit code that it ends the process with.
    #[must_use]
    pub fn code(&self) -> u8 {
        if matches!(self, Self::Config(_)) { 2 } else { 1 }
    }
}

/// The configuration, from the scheduler for one that it has placed, and else from flags and file; with
/// the files that [`Placed::forget`] takes away once the registry listens.
///
/// # Errors
/// [`PlacedError`]
pub fn configuration(
    flags: &Flags,
    runtime: &Runtime,
) -> Result<(Config, Vec<PathBuf>), PlacedError> {
    if flags.placed && flags.print_config {
        let flags = Flags {
            store: Some(UNTOLD.to_owned()),
            key_file: Some(UNTOLD.into()),
            insecure: true,
            ..flags.clone()
        };
        return Ok((Config::load(&flags)?, Vec::new()));
    }
    if flags.placed {
        return runtime.block_on(Placed::ask(flags)).map(Placed::into_parts);
    }
    Ok((Config::load(flags)?, Vec::new()))
}

/// The configuration, and the files that go once it was read.
#[derive(Debug)]
pub struct Placed {
    /// As the scheduler says.
    pub config: Config,
    files: [PathBuf; 2],
}

impl Placed {
    /// Asks until a scheduler answers.
    ///
    /// # Errors
    /// [`PlacedError`]
    pub async fn ask(flags: &Flags) -> Result<Self, PlacedError> {
        let incarnation = variable("LATHE_INCARNATION")?;
        let secret_file = PathBuf::from(variable("LATHE_SECRET_FILE")?);
        let listen = format!("{}:{}", variable("LATHE_ADDRESS")?, variable("LATHE_PORT_HTTP")?);
        let schedulers = variable("LATHE_SCHEDULERS")?;
        let secret = fs::read_to_string(&secret_file)
            .map_err(|source| PlacedError::File { path: secret_file, source })?;
        let listen: SocketAddr = match listen.parse() {
            Ok(address) => address,
            Err(_) => {
                let found = tokio::net::lookup_host(&listen).await;
                let first = found.ok().and_then(|mut all| all.next());
                first.ok_or(PlacedError::Address(listen))?
            }
        };
        let told = told(&schedulers, &incarnation, secret.trim()).await?;
        let files = [PathBuf::from("placed.key"), PathBuf::from("placed.tokens")];
        keep(&files[0], &told.key)?;
        keep(&files[1], &told.tokens)?;
        let flags = Flags {
            listen: Some(listen),
            store: Some(told.store),
            key_file: Some(files[0].clone()),
            token_file: Some(files[1].clone()),
            insecure: told.insecure,
            ..flags.clone()
        };
        let text = (Path::new("the scheduler's registry_config"), told.config.as_str());
        Ok(Self { config: Config::from_source(&flags, Some(text))?, files })
    }

    /// Takes the secrets away again.
    pub fn forget(files: &[PathBuf]) {
        for file in files {
            if let Err(error) = fs::remove_file(file) {
                tracing::warn!(path = %file.display(), %error, "a file with a secret is left");
            }
        }
    }

    /// The configuration, and what to forget when the registry listens.
    #[must_use]
    pub fn into_parts(self) -> (Config, Vec<PathBuf>) {
        (self.config, self.files.into())
    }
}

fn variable(name: &'static str) -> Result<String, PlacedError> {
    std::env::var(name).map_err(|_| PlacedError::Variable(name))
}

fn keep(path: &Path, text: &str) -> Result<(), PlacedError> {
    let opened = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| PlacedError::File { path: path.to_owned(), source })
}

async fn told(
    schedulers: &str,
    incarnation: &str,
    secret: &str,
) -> Result<PlacedRegistry, PlacedError> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let query = segment(incarnation);
    let end = Instant::now() + PATIENCE;
    let mut last = "none is named".to_owned();
    while Instant::now() < end {
        for scheduler in schedulers.split(',').filter(|url| !url.is_empty()) {
            let url = format!("{scheduler}/v1/system/registry?incarnation={query}");
            let request = Request::get(url).header(AUTHORIZATION, format!("Bearer {secret}"));
            let Ok(request) = request.body(Empty::new()) else { continue };
            match tokio::time::timeout(PATIENCE / 6, client.request(request)).await {
                Ok(Ok(answer)) if answer.status() == StatusCode::OK => {
                    let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
                    let read =
                        read.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
                    match read {
                        Some(told) => return Ok(told),
                        None => last = format!("{scheduler} answered something else"),
                    }
                }
                Ok(Ok(answer)) => last = format!("{scheduler} answered {}", answer.status()),
                Ok(Err(error)) => last = format!("{scheduler}: {error}"),
                Err(_) => last = format!("{scheduler} did not answer"),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(PlacedError::Silence(last))
}
