//! Users of the system by name. Owns the look-up; must not know why another user is wanted.

use std::io;
use std::path::PathBuf;

/// A user of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// All groups that the user is in, the own one included.
    pub groups: Vec<u32>,
    pub home: PathBuf,
}

/// Why a user cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    #[error("there is no user {name}")]
    Unknown { name: String },
    #[error("only root may run processes as another user ({name})")]
    NotAllowed { name: String },
    #[error("cannot look up user {name}")]
    Lookup {
        name: String,
        #[source]
        source: io::Error,
    },
}

impl User {
    /// Looks the user up in the system's databases.
    ///
    /// # Errors
    /// `Unknown`, `Lookup`.
    pub fn by_name(name: &str) -> Result<Self, UserError> {
        Err(UserError::Unknown { name: name.to_owned() })
    }
}
