//! Packets: sealed by a key that all agents share, opened once, by the life of the agent that they were for.
//!
//! Owns the form of a packet. Whoever has no key can neither read nor make one. What was recorded is of no use
//! later: each packet has its session and number, of which none is taken twice, and is bound to the session of
//! the one that it is for, which another life of that agent does not have. One packet cannot be bound, since the
//! session is not known yet: the first one to a seed; it is marked.
//!
//! ```text
//! 0      form, 1
//! 1      1 bound, 2 not bound
//! 2      id of the key, 4 bytes
//! 6      session of the sender, 16 bytes    ┐ together
//! 22     number, 8 bytes, big end first     ┘ the nonce (XChaCha20)
//! 30     sealed text, 16 bytes longer than what it says
//! ```
//!
//! Authenticated with it: the 30 bytes of the head, and the session that it is bound to.

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead as _, Payload};

use crate::window::Windows;
use crate::{Keys, Session};

const FORM: u8 = 1;
const BOUND: u8 = 1;
const UNBOUND: u8 = 2;
const HEAD: usize = 30;
const TAG: usize = 16;
/// Bytes of a packet beyond what it says.
pub const OVERHEAD: usize = HEAD + TAG;

/// A packet that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The sender's session.
    pub from: Session,
    /// It was made for this session; else for whoever is at the address.
    pub bound: bool,
    /// What it says.
    pub text: Vec<u8>,
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// It is too short or too long for a packet.
    Size,
    /// It has another form.
    Form,
    /// It is sealed with a key that is not known.
    Key,
    /// It is not by whoever has the key, or not for this session, or was changed.
    Seal,
    /// It was taken before.
    Replay,
    /// It says nothing that is known.
    Message,
}

impl Refused {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Size, Self::Form, Self::Key, Self::Seal, Self::Replay, Self::Message];

    /// A word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Form => "form",
            Self::Key => "key",
            Self::Seal => "seal",
            Self::Replay => "replay",
            Self::Message => "message",
        }
    }
}

/// One session's sealing and opening.
#[derive(Debug)]
pub struct Seals {
    own: Session,
    next: u64,
    windows: Windows,
}

impl Seals {
    /// Of this session.
    #[must_use]
    pub fn new(own: Session) -> Self {
        Self { own, next: 0, windows: Windows::default() }
    }

    /// The session that packets are sealed by and have to be for.
    #[must_use]
    pub fn own(&self) -> &Session {
        &self.own
    }

    /// Others know this agent by another session from now on.
    pub fn become_session(&mut self, own: Session) {
        self.own = own;
    }

    /// Seals for a session; for none where that is not known yet.
    #[must_use]
    pub fn seal(&mut self, keys: &Keys, to: Option<&Session>, text: &[u8]) -> Vec<u8> {
        let key = keys.sealing();
        let mut packet = Vec::with_capacity(text.len() + OVERHEAD);
        packet.extend([FORM, if to.is_some() { BOUND } else { UNBOUND }]);
        packet.extend(key.id);
        packet.extend(self.own.0);
        packet.extend(self.next.to_be_bytes());
        self.next += 1;
        let sealed = key
            .cipher
            .encrypt(&nonce(&packet), Payload { msg: text, aad: &bound(&packet, to) })
            .expect("a text is shorter than 256 GiB");
        packet.extend(sealed);
        packet
    }

    /// Opens a packet that is at most so long.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn open(
        &mut self,
        now_ms: u64,
        keys: &Keys,
        packet: &[u8],
        bytes_max: usize,
    ) -> Result<Opened, Refused> {
        if packet.len() < OVERHEAD || packet.len() > bytes_max {
            return Err(Refused::Size);
        }
        let (head, sealed) = packet.split_at(HEAD);
        let to = match (head[0], head[1]) {
            (FORM, BOUND) => Some(&self.own),
            (FORM, UNBOUND) => None,
            _ => return Err(Refused::Form),
        };
        let key = keys.of(part(head, 2)).ok_or(Refused::Key)?;
        let (from, number) = (Session(part(head, 6)), u64::from_be_bytes(part(head, 22)));
        if from == self.own || self.windows.has(&from, number) {
            return Err(Refused::Replay);
        }
        let payload = Payload { msg: sealed, aad: &bound(head, to) };
        let text = key.cipher.decrypt(&nonce(head), payload).map_err(|_| Refused::Seal)?;
        if !self.windows.take(now_ms, from, number) {
            return Err(Refused::Replay);
        }
        Ok(Opened { from, bound: to.is_some(), text })
    }

    /// Sessions that are remembered, and those that are by their highest number alone.
    #[must_use]
    pub fn remembered(&self) -> (usize, usize) {
        self.windows.len()
    }
}

fn part<const N: usize>(head: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&head[at..at + N]);
    part
}

fn nonce(head: &[u8]) -> XNonce {
    part::<24>(head, 6).into()
}

fn bound(head: &[u8], to: Option<&Session>) -> [u8; HEAD + 16] {
    let mut all = [0; HEAD + 16];
    all[..HEAD].copy_from_slice(&head[..HEAD]);
    all[HEAD..].copy_from_slice(&to.copied().unwrap_or_default().0);
    all
}

#[cfg(test)]
mod tests;
