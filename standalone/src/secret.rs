//! The token that callers, hosts and operators must have.
//!
//! Owns its file: read, or made (mode 600) when no file was named. It never stands in a log.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The longest token that is taken.
const LONGEST: u64 = 4096;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the token file {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the token file {path} is empty or longer than 4096 bytes")]
    Unusable { path: PathBuf },
    #[error("cannot write the token file {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The text of a token file without the space around it.
///
/// # Errors
/// See [`SecretError`].
pub(crate) fn read(path: &Path) -> Result<String, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_path_buf(), source };
    let file = fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
    let token = text.trim();
    if token.is_empty() || text.len() as u64 > LONGEST {
        return Err(SecretError::Unusable { path: path.to_path_buf() });
    }
    Ok(token.to_owned())
}

/// Writes a new random token, in place of one that may be there.
///
/// # Errors
/// See [`SecretError`].
pub(crate) fn make(path: &Path) -> Result<(), SecretError> {
    let failed = |source| SecretError::Write { path: path.to_path_buf(), source };
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(random_text().as_bytes()).map_err(failed)
}

/// 256 random bits as text.
pub(crate) fn random_text() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}
