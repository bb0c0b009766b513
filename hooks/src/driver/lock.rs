//! The lock of a data folder.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::OpenError;

/// A process that was killed may leave its lock to a program that it was about to start, until that
/// has begun: so often is it looked at again, and so far apart.
const LOOKS: u32 = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Held by the one process that has a data folder; given back when dropped or when the process ends.
#[derive(Debug)]
pub(super) struct FolderLock(File);

impl FolderLock {
    /// # Errors
    ///
    /// [`OpenError::Used`] where another process has it, [`OpenError::Folder`] where the system
    /// refuses it.
    pub(super) fn take(data: &Path) -> Result<Self, OpenError> {
        let refused = |source| OpenError::Folder { path: data.to_owned(), source };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(data.join("lock")).map_err(refused)?;
        for _ in 0..LOOKS {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(Errno::WOULDBLOCK) => thread::sleep(LOOK_AGAIN),
                Err(error) => return Err(refused(error.into())),
            }
        }
        Err(OpenError::Used { path: data.to_owned() })
    }
}

impl Drop for FolderLock {
    /// To close the file is not enough: a program that is being started has a copy of it until it runs.
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_back_though_a_program_that_begins_still_has_a_copy() {
        let data = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(data.path()).unwrap();
        let copy = lock.0.try_clone().unwrap();
        assert!(matches!(FolderLock::take(data.path()), Err(OpenError::Used { .. })));
        drop(lock);
        FolderLock::take(data.path()).unwrap();
        drop(copy);
    }
}
