//! The store on disk: one redb file, and a lock that keeps a second server away. Owns the form of the
//! tables; must not know requests or watches.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use bytes::{Buf, Bytes};
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::server::OpenError;
use super::tree::{Change, Node, Tree};

/// Path to owner (0: none), version, commit (u64 each, little-endian), then the data.
const NODES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("nodes");
/// Session id to timeout in milliseconds (u64, little-endian), then the secret.
const SESSIONS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("sessions");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const HISTORY: &str = "history";
const COMMIT: &str = "commit";
const LAST_SESSION: &str = "last session";
const FORMAT: &str = "format";
const FORMAT_NOW: &[u8] = b"1";

/// The page cache of the file; the records themselves are in memory anyway.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// A session as it is kept on disk, so that it outlives the server.
#[derive(Clone, Copy)]
pub(crate) struct StoredSession {
    pub(crate) timeout_ms: u64,
    pub(crate) secret: [u8; 32],
}

/// Everything that was on disk.
pub(crate) struct Loaded {
    pub(crate) history: String,
    pub(crate) tree: Tree,
    pub(crate) sessions: BTreeMap<u64, StoredSession>,
    pub(crate) last_session: u64,
}

/// What one durable transaction writes.
#[derive(Default)]
pub(crate) struct Transaction<'a> {
    pub(crate) changes: &'a [Change],
    pub(crate) commit: u64,
    pub(crate) opened: Vec<(u64, StoredSession)>,
    pub(crate) ended: Vec<u64>,
}

/// The open file and the lock on its directory.
pub(crate) struct Disk {
    database: Database,
    _lock: File,
}

impl Disk {
    pub(crate) fn open(dir: &Path) -> Result<(Self, Loaded), OpenError> {
        let lock = lock(dir)?;
        let data = |reason: redb::Error| OpenError::Data {
            dir: dir.to_path_buf(),
            reason: reason.to_string(),
        };
        let path = dir.join("store.redb");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| OpenError::Directory { dir: dir.to_path_buf(), source })?;
        let database = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(FileBackend::new(file).map_err(|error| data(error.into()))?)
            .map_err(|error| data(error.into()))?;
        let disk = Self { database, _lock: lock };
        let loaded = disk.load().map_err(data)?;
        let loaded = loaded.map_err(|reason| OpenError::Data { dir: dir.to_path_buf(), reason })?;
        Ok((disk, loaded))
    }

    /// Reads everything; makes the tables at the first start.
    fn load(&self) -> Result<Result<Loaded, String>, redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut meta = transaction.open_table(META)?;
            transaction.open_table(NODES)?;
            transaction.open_table(SESSIONS)?;
            if meta.get(HISTORY)?.is_none() {
                let history = uuid::Uuid::new_v4().simple().to_string();
                meta.insert(HISTORY, history.as_bytes())?;
                meta.insert(FORMAT, FORMAT_NOW)?;
            }
        }
        transaction.commit()?;
        let transaction = self.database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let text = |key: &str| -> Result<Option<Vec<u8>>, redb::Error> {
            Ok(meta.get(key)?.map(|value| value.value().to_vec()))
        };
        if text(FORMAT)?.as_deref() != Some(FORMAT_NOW) {
            return Ok(Err("its format is of another version".to_owned()));
        }
        let number = |bytes: Option<Vec<u8>>| {
            bytes.and_then(|bytes| bytes.as_slice().try_get_u64_le().ok()).unwrap_or(0)
        };
        let commit = number(text(COMMIT)?);
        let last_session = number(text(LAST_SESSION)?);
        let Some(Ok(history)) = text(HISTORY)?.map(String::from_utf8) else {
            return Ok(Err("its history id is damaged".to_owned()));
        };
        let mut changes = Vec::new();
        for row in transaction.open_table(NODES)?.iter()? {
            let (path, value) = row?;
            let Some(node) = read_node(value.value()) else {
                return Ok(Err(format!("the record {:?} is damaged", path.value())));
            };
            let commit = node.commit;
            changes.push(Change { path: path.value().into(), node: Some(node), commit });
        }
        let mut tree = Tree::new(commit);
        tree.absorb(&changes, commit);
        let mut sessions = BTreeMap::new();
        for row in transaction.open_table(SESSIONS)?.iter()? {
            let (id, value) = row?;
            let Some(session) = read_session(value.value()) else {
                return Ok(Err(format!("the session {} is damaged", id.value())));
            };
            sessions.insert(id.value(), session);
        }
        Ok(Ok(Loaded { history, tree, sessions, last_session }))
    }

    /// Writes all of it and returns when it is on the disk itself.
    pub(crate) fn write(&self, write: &Transaction<'_>) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut nodes = transaction.open_table(NODES)?;
            let mut row = Vec::new();
            for change in write.changes {
                match &change.node {
                    None => drop(nodes.remove(&*change.path)?),
                    Some(node) => {
                        row.clear();
                        for number in [node.owner.unwrap_or(0), node.version, node.commit] {
                            row.extend_from_slice(&number.to_le_bytes());
                        }
                        row.extend_from_slice(&node.data);
                        nodes.insert(&*change.path, row.as_slice())?;
                    }
                }
            }
            let mut meta = transaction.open_table(META)?;
            meta.insert(COMMIT, write.commit.to_le_bytes().as_slice())?;
            if !write.opened.is_empty() || !write.ended.is_empty() {
                let mut sessions = transaction.open_table(SESSIONS)?;
                for (id, session) in &write.opened {
                    let mut row = session.timeout_ms.to_le_bytes().to_vec();
                    row.extend_from_slice(&session.secret);
                    sessions.insert(id, row.as_slice())?;
                }
                for id in &write.ended {
                    sessions.remove(id)?;
                }
            }
            if let Some((last, _)) = write.opened.last() {
                // Never used again, so that an old client cannot be taken for a new one.
                meta.insert(LAST_SESSION, last.to_le_bytes().as_slice())?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn read_node(mut row: &[u8]) -> Option<Node> {
    let owner = row.try_get_u64_le().ok()?;
    let version = row.try_get_u64_le().ok()?;
    let commit = row.try_get_u64_le().ok()?;
    let owner = (owner != 0).then_some(owner);
    Some(Node { data: Bytes::copy_from_slice(row), version, commit, owner })
}

fn read_session(mut row: &[u8]) -> Option<StoredSession> {
    let timeout_ms = row.try_get_u64_le().ok()?;
    Some(StoredSession { timeout_ms, secret: row.try_into().ok()? })
}

/// Makes the directory and takes its lock, which the system gives back when this process ends.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let failed = |source: io::Error| OpenError::Directory { dir: dir.to_path_buf(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The process id is only for the message.
            let _ = Read::by_ref(&mut file).take(32).read_to_string(&mut holder);
            return Err(OpenError::InUse {
                dir: dir.to_path_buf(),
                by: holder.trim().parse().ok(),
            });
        }
        Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}
