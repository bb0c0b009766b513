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

    /// Any that is free.
    pub(crate) fn any() -> Result<Self, Failure> {
        let folder = folder();
        fs::create_dir_all(&folder).map_err(|error| Failure::system(folder.display(), error))?;
        let count = LAST - FIRST + 1;
        for _ in 0..count {
            let number = FIRST + next() % count;
            let path = folder.join(number.to_string());
            let opened = OpenOptions::new().create(true).append(true).open(&path);
            let file = opened.map_err(|error| Failure::system(path.display(), error))?;
            let locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
            if locked && is_free(number) {
                return Ok(Self { number, _lock: Some(file) });
            }
        }
        let what = format!("no port from {FIRST} to {LAST} is free");
        Err(Failure::new(Code::System, what, "end programs that were left behind"))
    }

    /// The one that was asked for; 0 asks for any.
    pub(crate) fn asked(number: u16) -> Result<Self, Failure> {
        if number == 0 { Self::any() } else { Self::exactly(number) }
    }
}

/// A range of ports that tasks of one cluster may listen on, as long as the value lives.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) first: u16,
    _lock: File,
}

impl Range {
    /// One that nobody has; `None` while all are taken.
    pub(crate) fn free() -> Result<Option<Self>, Failure> {
        let folder = std::env::temp_dir().join("lathe-ports");
        if fs::create_dir(&folder).is_ok() {
            // Every user's clusters share the ports, so every user may make files here.
            let _ = fs::set_permissions(&folder, Permissions::from_mode(0o1777));
        }
        Self::free_of(&folder)
    }

    fn free_of(folder: &Path) -> Result<Option<Self>, Failure> {
        for first in RANGES {
            let path = folder.join(first.to_string());
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
