//! The keys that all agents share: several at a time, so that they can be changed one agent after the other.
//!
//! Owns their file's form. The first one seals, all of them open. No key is ever shown.

use std::fmt;

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use sha2::{Digest as _, Sha256};

use crate::hex;

/// Keys of one file.
pub const KEYS_MAX: usize = 16;

/// Names a key in a packet: of its digest, so that nothing but the key has to be the same everywhere.
pub(crate) type KeyId = [u8; 4];

/// Keys, the one that seals first.
#[derive(Clone)]
pub struct Keys {
    all: Vec<Key>,
}

#[derive(Clone)]
pub(crate) struct Key {
    name: String,
    pub(crate) id: KeyId,
    pub(crate) cipher: XChaCha20Poly1305,
}

/// Why a file of keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It has none.
    #[error("there is no key: write lines `name:` and 64 hexadecimal digits")]
    None,
    /// A line is no key.
    #[error("line {line}: {problem}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it; never what it says.
        problem: &'static str,
    },
}

impl Keys {
    /// Reads lines `name:` and 64 hexadecimal digits; empty lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut all: Vec<Key> = Vec::new();
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |problem| KeysError::Line { line: at + 1, problem };
            let (name, digits) = line.split_once(':').ok_or(wrong("it has no colon"))?;
            let (name, digits) = (name.trim(), digits.trim());
            if name.is_empty() || name.len() > 64 || !name.bytes().all(|it| it.is_ascii_graphic()) {
                return Err(wrong("the name is not one of 1 to 64 printable characters"));
            }
            let secret: [u8; 32] =
                hex::decode(digits).ok_or(wrong("the key is not 64 hexadecimal digits"))?;
            let key = Key::new(name, &secret);
            if all.iter().any(|other| other.name == key.name) {
                return Err(wrong("the name stands there twice"));
            }
            if all.iter().any(|other| other.id == key.id) {
                return Err(wrong("the key stands there twice"));
            }
            if all.len() >= KEYS_MAX {
                return Err(wrong("there are more keys than may be"));
            }
            all.push(key);
        }
        if all.is_empty() { Err(KeysError::None) } else { Ok(Self { all }) }
    }

    /// The names, the one that seals first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|key| key.name.as_str())
    }

    pub(crate) fn sealing(&self) -> &Key {
        &self.all[0]
    }

    pub(crate) fn of(&self, id: KeyId) -> Option<&Key> {
        self.all.iter().find(|key| key.id == id)
    }
}

impl Key {
    fn new(name: &str, secret: &[u8; 32]) -> Self {
        let mut digest = Sha256::new_with_prefix(b"lathe gossip key 1");
        digest.update(secret);
        let digest = digest.finalize();
        let id = [digest[0], digest[1], digest[2], digest[3]];
        let cipher = XChaCha20Poly1305::new(&(*secret).into());
        Self { name: name.to_owned(), id, cipher }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    //! Which files are files of keys.

    use super::*;

    fn line(name: &str, byte: u8) -> String {
        format!("{name}:{}\n", hex::encode(&[byte; 32]))
    }

    #[test]
    fn the_first_seals_and_all_are_known() {
        let text = format!("# ours\n\n{}  {}", line("new", 2), line("old", 1));
        let keys = Keys::parse(&text).unwrap();
        assert_eq!(keys.names().collect::<Vec<_>>(), ["new", "old"]);
        let old = Keys::parse(&line("x", 1)).unwrap();
        assert_eq!(keys.of(old.sealing().id).unwrap().name, "old");
        assert_eq!(format!("{keys:?}"), "[\"new\", \"old\"]");
    }

    #[test]
    fn what_is_no_key_is_told_by_its_line_and_never_shown() {
        let twice = line("a", 1) + &line("a", 2);
        let same = line("a", 1) + &line("b", 1);
        for (text, at) in [
            ("nothing", 1),
            ("\na:00", 2),
            (":00", 1),
            ("a b:00", 1),
            (twice.as_str(), 2),
            (same.as_str(), 2),
        ] {
            let error = Keys::parse(text).unwrap_err();
            assert!(matches!(error, KeysError::Line { line, .. } if line == at), "{error}");
        }
        assert_eq!(Keys::parse("# none\n").unwrap_err(), KeysError::None);
        let many: String = (0..=KEYS_MAX).map(|at| line(&at.to_string(), at as u8)).collect();
        assert!(Keys::parse(&many).is_err());
    }
}
