//! Gets the artifact of an instance: out of the cache, or from the addresses in the launch
//! specification, checked against its digest, and put into the sandbox. Owns the order of attempts;
//! must not know what the artifact is.

pub mod cache;
pub mod digest;
pub mod download;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lathe_api::rest::ArtifactRef;
use lathe_mesos::backoff::Backoff;

use self::cache::{Cache, CacheError, Lock};
use self::digest::Digest;
use self::download::DownloadError;
use crate::causes::with_causes;
use crate::supervisor::event::Failure;

/// Larger artifacts are refused, bytes; the scheduler takes no larger ones either.
pub const SIZE_MAX: u64 = 512 << 20;
/// Addresses in one specification that are tried.
const URLS_MAX: usize = 16;
/// Attempts with each address while it fails in ways that may pass.
const ROUNDS_MAX: u32 = 5;
const PAUSE_BASE_MS: u64 = 250;
const PAUSE_CAP_MS: u64 = 5_000;
/// How long another executor's download is waited for before this one downloads too.
const LOCK_WAIT: Duration = Duration::from_secs(60);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Why the artifact is not there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The specification makes no sense.
    #[error("the artifact's specification is wrong: {problem}")]
    Specification {
        /// What is wrong.
        problem: String,
    },
    /// Every address failed; the last failure of each.
    #[error("the artifact {digest} cannot be had: {}", attempts.join("; "))]
    Unavailable {
        /// The digest.
        digest: String,
        /// One sentence an address.
        attempts: Vec<String>,
    },
    /// The cache or the sandbox cannot be written.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let permanent = matches!(error, FetchError::Specification { .. });
        Self { message: with_causes(&error), permanent }
    }
}

/// What is wanted and where it goes.
#[derive(Debug)]
pub struct Wanted {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// For the `Authorization` header.
    pub secret: String,
    /// The file that shall exist afterwards, executable.
    pub target: PathBuf,
    /// For the pauses.
    pub seed: u64,
}

/// Puts the artifact to its target.
///
/// # Errors
/// See [`FetchError`].
pub async fn fetch(cache: &Cache, wanted: &Wanted) -> Result<(), FetchError> {
    let (digest, urls) = check(&wanted.artifact)?;
    let size = wanted.artifact.size;
    if cache.place(&digest, size, &wanted.target).await? {
        return Ok(());
    }
    // The lock is an economy: without it many executors of one host would download the same thing.
    // Nothing breaks when its holder is stuck, for files come into the cache by renaming.
    let _lock = wait_for_lock(cache, &digest).await?;
    if cache.place(&digest, size, &wanted.target).await? {
        return Ok(());
    }
    download_from_any(cache, wanted, &digest, urls).await?;
    if cache.place(&digest, size, &wanted.target).await? {
        return Ok(());
    }
    let attempts = vec!["it vanished from the cache at once".to_owned()];
    Err(FetchError::Unavailable { digest: digest.to_string(), attempts })
}

fn check(artifact: &ArtifactRef) -> Result<(Digest, Vec<String>), FetchError> {
    let wrong = |problem: &str| FetchError::Specification { problem: problem.to_owned() };
    let digest: Digest =
        artifact.sha256.parse().map_err(|_| wrong("sha256 is not 64 lower-case hex digits"))?;
    if artifact.size == 0 {
        return Err(wrong("size is 0"));
    }
    if artifact.size > SIZE_MAX {
        return Err(wrong("it is larger than 512 MiB"));
    }
    if artifact.urls.is_empty() {
        return Err(wrong("no address to get it from"));
    }
    Ok((digest, artifact.urls.iter().take(URLS_MAX).cloned().collect()))
}

async fn wait_for_lock(cache: &Cache, digest: &Digest) -> Result<Option<Lock>, FetchError> {
    let until = tokio::time::Instant::now() + LOCK_WAIT;
    loop {
        if let Some(lock) = cache.try_lock(digest)? {
            return Ok(Some(lock));
        }
        if tokio::time::Instant::now() >= until {
            tracing::warn!(%digest, "another executor holds this download for too long");
            return Ok(None);
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

async fn download_from_any(
    cache: &Cache,
    wanted: &Wanted,
    digest: &Digest,
    urls: Vec<String>,
) -> Result<(), FetchError> {
    let mut backoff = Backoff::new(PAUSE_BASE_MS, PAUSE_CAP_MS, wanted.seed);
    let mut open: Vec<(String, Option<DownloadError>)> =
        urls.into_iter().map(|url| (url, None)).collect();
    let mut hopeless = Vec::new();
    for round in 0..ROUNDS_MAX {
        if round > 0 {
            tokio::time::sleep(Duration::from_millis(backoff.next_ms())).await;
        }
        let mut left = Vec::new();
        for (url, _) in open {
            match download_from(cache, wanted, digest, &url).await {
                Ok(()) => return Ok(()),
                Err(DownloadFailure::Cache(error)) => return Err(error.into()),
                Err(DownloadFailure::Source(error)) => {
                    tracing::warn!(url, %error, round, "an address of the artifact failed");
                    if error.is_retryable() {
                        left.push((url, Some(error)));
                    } else {
                        hopeless.push(format!("{url}: {}", with_causes(&error)));
                    }
                }
            }
        }
        open = left;
        if open.is_empty() {
            break;
        }
    }
    let tired = open
        .into_iter()
        .filter_map(|(url, error)| error.map(|e| format!("{url}: {}", with_causes(&e))));
    hopeless.extend(tired);
    Err(FetchError::Unavailable { digest: digest.to_string(), attempts: hopeless })
}

enum DownloadFailure {
    Source(DownloadError),
    Cache(CacheError),
}

async fn download_from(
    cache: &Cache,
    wanted: &Wanted,
    digest: &Digest,
    url: &str,
) -> Result<(), DownloadFailure> {
    let entry = cache.begin().map_err(DownloadFailure::Cache)?;
    let file = entry.file().map_err(DownloadFailure::Cache)?;
    let expected = download::Expected { digest: digest.clone(), size: wanted.artifact.size };
    download::download(url, &wanted.secret, &expected, file)
        .await
        .map_err(DownloadFailure::Source)?;
    cache.keep(entry, digest).map_err(DownloadFailure::Cache)?;
    Ok(())
}

/// The name under which the artifact lies in the sandbox: the crate's, so that people recognise
/// the process, in a folder where it cannot meet other names.
pub fn program_path(crate_name: &str) -> PathBuf {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name = if !crate_name.is_empty() && crate_name.len() <= 64 && crate_name.chars().all(plain)
    {
        crate_name
    } else {
        "program"
    };
    Path::new("bin").join(name)
}

#[cfg(test)]
mod tests;
