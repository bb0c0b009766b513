//! Names that people write: task paths and tags, checked once and then trusted.
//!
//! Owns what a name may look like. It must not know what a name stands for.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::NAME_BYTES;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing is there.
    #[error("it is empty")]
    Empty,
    /// More than 128 bytes.
    #[error("it has {bytes} bytes, at most {NAME_BYTES} are allowed")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Two dots in a row, or a dot at an end.
    #[error("a part between two dots is empty")]
    EmptyPart,
    /// A character that names do not have.
    #[error("{found:?} is not allowed in it")]
    Character {
        /// The first such character.
        found: char,
    },
}

/// The dotted path of a task below `task`: `http.frontpage.v4-2-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskPath(String);

/// A tag that instances carry: explicit, or a task path or a prefix of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

/// Says whether `c` may stand in one part of a task path.
pub(crate) fn is_part_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn check_length(text: &str) -> Result<(), NameError> {
    match text.len() {
        0 => Err(NameError::Empty),
        bytes if bytes > NAME_BYTES => Err(NameError::TooLong { bytes }),
        _ => Ok(()),
    }
}

/// Checks one part of a task path.
pub(crate) fn check_part(text: &str) -> Result<(), NameError> {
    check_length(text)?;
    match text.chars().find(|c| !is_part_character(*c)) {
        Some(found) => Err(NameError::Character { found }),
        None => Ok(()),
    }
}

/// Checks the characters and the length of a tag.
pub(crate) fn check_tag(text: &str) -> Result<(), NameError> {
    check_length(text)?;
    match text.chars().find(|c| !is_part_character(*c) && *c != '.' && *c != ':') {
        Some(found) => Err(NameError::Character { found }),
        None => Ok(()),
    }
}

impl TaskPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path itself and each prefix of it that ends before a dot, shortest first.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        let ends = self.0.match_indices('.').map(|(at, _)| at).chain([self.0.len()]);
        ends.map(|end| &self.0[..end])
    }
}

impl Tag {
    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TaskPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_length(text)?;
        for part in text.split('.') {
            match check_part(part) {
                Err(NameError::Empty) => return Err(NameError::EmptyPart),
                other => other?,
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_tag(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl From<&TaskPath> for Tag {
    fn from(path: &TaskPath) -> Self {
        Self(path.0.clone())
    }
}

macro_rules! text_like {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

text_like!(TaskPath);
text_like!(Tag);

#[cfg(test)]
mod tests;
