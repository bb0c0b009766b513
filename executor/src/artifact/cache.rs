//! The artifacts that the executors of one host share: a folder of read-only files named by their
//! digests, bounded in size, the least recently used going first. Many processes use it at once:
//! files come in by renaming and are checked each time they go out. Must not know the network.

mod prune;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use super::digest::{Digest, Hasher};

/// Tells temporary files of one process apart.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Reading piece of a check.
const PIECE_BYTES: usize = 64 * 1024;

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A file operation failed.
    #[error("cannot {doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The folder belongs to somebody else, who could put anything into it.
    #[error("the cache {path} belongs to user {owner}, not to user {own}")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// Our number.
        own: u32,
    },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::File { doing, path, source }
}

/// The shared folder.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
}

/// Held while one executor downloads something; given back when dropped or when its process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    /// To close the file is not enough: a program that is being started has a copy of it until it runs.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// A file on its way into the cache; gone when dropped.
#[derive(Debug)]
pub struct Incoming {
    path: PathBuf,
}

impl Incoming {
    /// The file to write to.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn file(&self) -> Result<File, CacheError> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(failed("create", &self.path))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}

impl Cache {
    /// Opens the folder, making it when it is not there, for this user alone.
    ///
    /// # Errors
    /// It cannot be made, or belongs to another user.
    pub fn open(folder: PathBuf, bytes_max: u64) -> Result<Self, CacheError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed("create", &folder))?;
        let owner = fs::symlink_metadata(&folder).map_err(failed("look at", &folder))?.uid();
        let own_process = Path::new("/proc/self");
        let own = fs::metadata(own_process).map_err(failed("look at", own_process))?.uid();
        if owner != own {
            return Err(CacheError::Foreign { path: folder, owner, own });
        }
        Ok(Self { folder, bytes_max })
    }

    fn entry(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// Puts the artifact to `target` by a hard link, or by a copy where links cannot go. False when
    /// the cache does not have it, or has something else under its name, which is then removed.
    ///
    /// # Errors
    /// The target cannot be written.
    pub async fn place(
        &self,
        digest: &Digest,
        size: u64,
        target: &Path,
    ) -> Result<bool, CacheError> {
        let entry = self.entry(digest);
        if !entry.exists() {
            return Ok(false);
        }
        let (digest, target) = (digest.clone(), target.to_owned());
        let placing = move || place(&entry, &digest, size, &target);
        match tokio::task::spawn_blocking(placing).await {
            Ok(placed) => placed,
            Err(error) => Err(CacheError::File {
                doing: "check",
                path: self.folder.clone(),
                source: io::Error::other(error),
            }),
        }
    }

    /// The right to download this artifact, unless another process has it.
    ///
    /// # Errors
    /// The lock's file cannot be made.
    pub fn try_lock(&self, digest: &Digest) -> Result<Option<Lock>, CacheError> {
        try_lock(&self.folder.join(format!("{digest}.lock")))
    }

    /// A new file on its way in.
    ///
    /// # Errors
    /// None today; the file itself is made by [`Incoming::file`].
    pub fn begin(&self) -> Result<Incoming, CacheError> {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("incoming-{}-{number}", std::process::id());
        let path = self.folder.join(name);
        // A process with our number that was killed may have left one.
        let _ = fs::remove_file(&path);
        Ok(Incoming { path })
    }

    /// Takes a complete and checked file in, then makes room for it.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn keep(&self, incoming: Incoming, digest: &Digest) -> Result<(), CacheError> {
        let entry = self.entry(digest);
        fs::set_permissions(&incoming.path, Permissions::from_mode(0o555))
            .map_err(failed("make executable", &incoming.path))?;
        fs::rename(&incoming.path, &entry).map_err(failed("rename", &incoming.path))?;
        drop(incoming);
        if let Err(error) = prune::prune(&self.folder, self.bytes_max, &entry) {
            tracing::warn!(%error, "the artifact cache was not pruned");
        }
        Ok(())
    }
}

fn try_lock(path: &Path) -> Result<Option<Lock>, CacheError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { file })),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", path)(source)),
    }
}

/// Links first and checks the link, so that what was checked is what lies in the sandbox. A task
/// runs as the same user and could write to its own program: hence the check at each use.
fn place(entry: &Path, digest: &Digest, size: u64, target: &Path) -> Result<bool, CacheError> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
    }
    let _ = fs::remove_file(target);
    if let Err(error) = fs::hard_link(entry, target) {
        if error.kind() == io::ErrorKind::NotFound {
            return Ok(false);
        }
        match fs::copy(entry, target) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("copy the artifact to", target)(error)),
        }
    }
    let is_it = is_what_it_says(target, digest, size).map_err(failed("read", target))?;
    if is_it {
        if let Ok(file) = File::open(target) {
            // The time of last use, for pruning; without it the entry goes a little early.
            let _ = file.set_modified(SystemTime::now());
        }
        fs::set_permissions(target, Permissions::from_mode(0o555))
            .map_err(failed("make executable", target))?;
    } else {
        tracing::warn!(entry = %entry.display(), "a cached artifact had changed and is removed");
        let _ = fs::remove_file(entry);
        let _ = fs::remove_file(target);
    }
    Ok(is_it)
}

fn is_what_it_says(path: &Path, digest: &Digest, size: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != size {
        return Ok(false);
    }
    let mut hasher = Hasher::default();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hasher.finish() == *digest);
        }
        hasher.update(&piece[..read]);
    }
}
