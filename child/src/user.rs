//! Users of the system by name. Owns the look-up; must not know why another user is wanted.

use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::process::{Gid, Uid};

use crate::sys::{self, Identity};

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
    /// Looks the user up in the system's databases. May block where these are on the network.
    ///
    /// # Errors
    /// `Unknown`, `Lookup`.
    pub fn by_name(name: &str) -> Result<Self, UserError> {
        let lookup = |source| UserError::Lookup { name: name.to_owned(), source };
        let unknown = || UserError::Unknown { name: name.to_owned() };
        let c_name = CString::new(name).map_err(|_| unknown())?;
        let entry = sys::passwd(&c_name).map_err(lookup)?.ok_or_else(unknown)?;
        let groups = sys::groups(&c_name, entry.gid).map_err(lookup)?;
        Ok(Self {
            name: name.to_owned(),
            uid: entry.uid,
            gid: entry.gid,
            groups,
            home: PathBuf::from(OsString::from_vec(entry.home)),
        })
    }

    /// What a process has to take on to be this user; `None` when it is this user already and is not
    /// allowed to change anything.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, UserError> {
        let own = rustix::process::geteuid();
        if !own.is_root() {
            if own.as_raw() == self.uid {
                return Ok(None);
            }
            return Err(UserError::NotAllowed { name: self.name.clone() });
        }
        Ok(Some(Identity {
            uid: Uid::from_raw(self.uid),
            gid: Gid::from_raw(self.gid),
            groups: self.groups.iter().copied().map(Gid::from_raw).collect(),
        }))
    }
}
