//! The tokens that callers, hosts and operators must have.
//!
//! Owns their file: read, or made (mode 600) when no file was named. A line is `name:token`, or a
//! bare token, whose name is `token`; hosts show the first. No token ever stands in a log.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

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
    #[error("the token file {path} has no token, or is longer than 4096 bytes")]
    Unusable { path: PathBuf },
    #[error("cannot write the token file {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The longest name of a token, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// The tokens, each with its name; there is one at least.
#[derive(Clone)]
pub(crate) struct Secrets(Arc<[(String, String)]>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Secrets {
    /// The tokens of a text, if it has any.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let tokens: Arc<[_]> = lines.map(named).collect();
        (!tokens.is_empty()).then_some(Self(tokens))
    }

    /// What hosts show to the master.
    pub(crate) fn first(&self) -> &str {
        &self.0[0].1
    }

    /// Whose token this is: the token itself, or its whole line. All are compared, each in
    /// constant time.
    pub(crate) fn who(&self, shown: &[u8]) -> Option<&str> {
        self.0.iter().fold(None, |found, (name, token)| {
            let line = format!("{name}:{token}");
            let matches = same(token.as_bytes(), shown) | same(line.as_bytes(), shown);
            if matches { Some(name.as_str()) } else { found }
        })
    }
}

fn named(line: &str) -> (String, String) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    let is_name =
        |name: &str| !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain);
    match line.split_once(':') {
        Some((name, token)) if is_name(name) => (name.to_owned(), token.to_owned()),
        _ => ("token".to_owned(), line.to_owned()),
    }
}

/// Whether two secrets are the same. What is compared are digests, every byte of them.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (Sha256::digest(one), Sha256::digest(other));
    one.iter().zip(other.iter()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// The tokens of a file.
///
/// # Errors
/// See [`SecretError`].
pub(crate) fn read(path: &Path) -> Result<Secrets, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_path_buf(), source };
    let file = fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
    let secrets = Secrets::of_text(&text).filter(|_| text.len() as u64 <= LONGEST);
    secrets.ok_or_else(|| SecretError::Unusable { path: path.to_path_buf() })
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

#[cfg(test)]
mod tests;
