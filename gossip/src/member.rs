//! Who an agent is to the others.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::Session;

/// Bytes of an agent's name; what is longer is cut.
pub(crate) const MEMBER_NAME_BYTES_MAX: usize = 48;

/// A member: where it listens, in which of its lives it is, what it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where it is reached, by datagrams and connections.
    pub address: SocketAddr,
    /// Its life.
    pub session: Session,
    /// Its host's name, for people.
    pub name: String,
}

impl Member {
    /// One that begins to live.
    #[must_use]
    pub fn new(address: SocketAddr, session: Session, name: &str) -> Self {
        let mut end = name.len().min(MEMBER_NAME_BYTES_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        Self { address, session, name: name[..end].to_owned() }
    }

    /// Whoever is at an address.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, session: Session::default(), name: String::new() }
    }

    /// Its session, where that is known.
    pub(crate) fn bound(&self) -> Option<&Session> {
        (self.session != Session::default()).then_some(&self.session)
    }
}

impl foca::Identity for Member {
    type Addr = SocketAddr;

    fn renew(&self) -> Option<Self> {
        Some(Self { session: self.session.next(), ..self.clone() })
    }

    fn addr(&self) -> SocketAddr {
        self.address
    }

    fn win_addr_conflict(&self, other: &Self) -> bool {
        self.session > other.session
    }
}
