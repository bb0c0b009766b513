//! Ports that an engine keeps over its restarts, and that nobody else gets meanwhile.
//!
//! Owns their choice and their reservation. It must not know who listens.
//!
//! A port that the system has chosen is free again while its engine is down, and the next connection
//! of anybody may take it. These are taken from below the range that the system chooses from, and
//! each is reserved by a lock on a file, so that test programs which run at the same time do not meet.

use std::fs::{self, File, OpenOptions, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::fs::{FlockOperation, flock};

use crate::folder::Folder;
use crate::{Code, Failure};

/// Where they are looked for: beyond the well-known ones of engines, below those of agents' tasks.
const FIRST: u16 = 10_000;
const LAST: u16 = 19_999;

/// Where ranges for agents' tasks begin, and how long one is. `lathe-standalone` takes the same ones
/// for its hosts, by locks on the same files.
const RANGES: [u16; 12] = [
    20_000, 21_000, 22_000, 23_000, 24_000, 25_000, 26_000, 27_000, 28_000, 29_000, 30_000, 31_000,
];
pub(crate) const RANGE: u16 = 1_000;
/// The name of a range in a folder's notes.
const TASKS: &str = "tasks";

/// A port that is this process's as long as the value lives.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _lock: Option<File>,
}

impl Port {
    /// The one that was asked for.
    pub(crate) fn exactly(number: u16) -> Result<Self, Failure> {
        if is_free(number) {
            Ok(Self { number, _lock: None })
        } else {
            let hint = "end who listens there, or ask for port 0: any that is free";
            Err(Failure::new(Code::Asked, format!("port {number} is taken"), hint))
        }
    }

    /// One on a host of its own, where nobody else is.
    pub(crate) fn elsewhere(number: u16) -> Self {
        Self { number, _lock: None }
    }

    /// Any that is free.
    pub(crate) fn any() -> Result<Self, Failure> {
        let count = LAST - FIRST + 1;
        for _ in 0..count {
            if let Some(port) = Self::locked(FIRST + next() % count)? {
                return Ok(port);
            }
        }
        let what = format!("no port from {FIRST} to {LAST} is free");
        Err(Failure::new(Code::System, what, "end programs that were left behind"))
    }

    /// The one that was asked for, or, for 0, the one that this name had in the folder before, or any
    /// that is free. What an engine has kept names its ports, so it has to get them again.
    pub(crate) fn of(folder: &Folder, name: &str, asked: u16) -> Result<Self, Failure> {
        if asked != 0 {
            return Self::exactly(asked);
        }
        let noted = folder.noted(name).and_then(|number| Self::locked(number).transpose());
        let port = noted.unwrap_or_else(Self::any)?;
        folder.note(name, port.number)?;
        Ok(port)
    }

    /// This one, unless somebody has it.
    fn locked(number: u16) -> Result<Option<Self>, Failure> {
        let folder = folder();
        fs::create_dir_all(&folder).map_err(|error| Failure::system(folder.display(), error))?;
        let path = folder.join(number.to_string());
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.map_err(|error| Failure::system(path.display(), error))?;
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        Ok((locked && is_free(number)).then_some(Self { number, _lock: Some(file) }))
    }
}

/// A range of ports that tasks of one cluster may listen on, as long as the value lives.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) first: u16,
    _lock: File,
}

impl Range {
    /// The one that the folder's cluster had before, or one that nobody has; `None` while all are
    /// taken.
    pub(crate) fn of(folder: &Folder) -> Result<Option<Self>, Failure> {
        let locks = std::env::temp_dir().join("lathe-ports");
        if fs::create_dir(&locks).is_ok() {
            // Every user's clusters share the ports, so every user may make files here.
            let _ = fs::set_permissions(&locks, Permissions::from_mode(0o1777));
        }
        let range = Self::free_of(&locks, folder.noted(TASKS))?;
        range.iter().try_for_each(|range| folder.note(TASKS, range.first))?;
        Ok(range)
    }

    fn free_of(locks: &Path, before: Option<u16>) -> Result<Option<Self>, Failure> {
        let before = before.filter(|first| RANGES.contains(first));
        for first in before.into_iter().chain(RANGES) {
            let path = locks.join(first.to_string());
            // Another user's file can be locked as well, as long as it need not be written.
            let opened = File::open(&path)
                .or_else(|_| OpenOptions::new().append(true).create(true).mode(0o644).open(&path));
            let lock = opened.map_err(|error| Failure::system(path.display(), error))?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Ok(Some(Self { first, _lock: lock }));
            }
        }
        Ok(None)
    }
}

/// Where to look next. Each process begins somewhere else.
fn next() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let scattered = std::process::id().wrapping_mul(2_654_435_761) >> 16;
    let start = u16::try_from(scattered & 0x7fff).unwrap_or_default();
    start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))
}

fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}

/// One for all test programs of a user.
fn folder() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("lathe-engine-ports-{user}"))
}

#[cfg(test)]
mod tests;
