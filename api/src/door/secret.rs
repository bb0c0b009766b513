//! Secrets: the files that hold them, and those of incarnations.
//!
//! Owns reading and making such files (0600), the derivation of an incarnation's
//! secret, and comparison in constant time. Nothing here prints a secret.

use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};

/// Shortest secret that is taken, in bytes.
pub(super) const SECRET_BYTES_MIN: usize = 16;
/// Longest file that is read, in bytes.
const SECRET_BYTES_MAX: u64 = 4096;

/// Why a file with a secret could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read.
    #[error("cannot read the secret in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write a new secret to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may open it.
    #[error("{} can be opened by others (mode {mode:03o}); make it 600", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds no usable secret.
    #[error(
        "{} must hold one line of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} printable characters",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
    },
    /// A line of it is no token, or a name stands twice.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it; never what it says.
        problem: &'static str,
    },
}

/// The key from which the secrets of incarnations are made; shared by scheduler and registries.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// Reads the key from a file that only its owner may open.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        read(path).map(|text| Self::from_bytes(text.as_bytes()))
    }

    /// Reads the key, after making one if the file is not there.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn read_or_create(path: &Path) -> Result<Self, SecretError> {
        create(path)?;
        Self::read(path)
    }

    /// Takes these bytes as the key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length"))
    }

    /// The secret of an incarnation: `hex(HMAC-SHA256(key, incarnation))`, 64 characters.
    #[must_use]
    pub fn secret(&self, incarnation: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(incarnation.as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// Another key, for one purpose: the first block of HKDF-Expand (RFC 5869) with SHA-256, this key as what
    /// was extracted, and the purpose as its information. Whoever has it learns nothing of this one.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(purpose.as_bytes());
        mac.update(&[1]);
        mac.finalize().into_bytes().into()
    }

    /// Whether this is the secret of that incarnation; in constant time.
    #[must_use]
    pub fn verify(&self, incarnation: &str, presented: &str) -> bool {
        same(self.secret(incarnation).as_bytes(), presented.as_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What stands after `Authorization: Bearer`, if exactly one such header is there.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, rest) = value.split_once(' ')?;
    let presented = rest.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !presented.is_empty()).then_some(presented)
}

/// Whether two secrets are the same. The time taken depends on their lengths alone: what is
/// compared are digests, every byte of them.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    let difference = a.iter().zip(b.iter()).fold(0u8, |sum, (x, y)| sum | (x ^ y));
    std::hint::black_box(difference) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes text");
        text
    })
}

/// The text of a file of secrets, as whatever reads it needs it.
///
/// # Errors
/// It cannot be read, others may open it, or it is too long.
pub fn private_text(path: &Path) -> Result<String, SecretError> {
    text(path)
}

/// The text of a file that only its owner may open.
pub(super) fn text(path: &Path) -> Result<String, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Open { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= SECRET_BYTES_MAX);
    text.ok_or_else(|| SecretError::Unusable { path: path.to_owned() })
}

/// Whether a text is long and plain enough for a secret.
pub(super) fn is_usable(text: &str) -> bool {
    text.len() >= SECRET_BYTES_MIN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn read(path: &Path) -> Result<String, SecretError> {
    let secret = text(path)?.trim().to_owned();
    if is_usable(&secret) {
        Ok(secret)
    } else {
        Err(SecretError::Unusable { path: path.to_owned() })
    }
}

/// Makes the file with 32 random bytes in hex, unless it is there. Two processes that do so at
/// the same time end with the same secret: the file appears whole, by a hard link.
pub(super) fn create(path: &Path) -> Result<(), SecretError> {
    let failed = |source| SecretError::Write { path: path.to_owned(), source };
    if path.exists() {
        return Ok(());
    }
    let mut random = [0u8; 32];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)).map_err(failed)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", hex(&random[..8])));
    let draft = PathBuf::from(name);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
    let mut other = [0u8; 32];
    let written = File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut other))
        .and_then(|()| writeln!(file, "{}", hex(&other)))
        .and_then(|()| file.sync_all())
        .and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        });
    let removed = fs::remove_file(&draft);
    written.and(removed).map_err(failed)
}

#[cfg(test)]
mod tests;
