//! Signatures of registries: what one of them has said, an agent cannot invent.
//!
//! Owns what is signed, byte for byte (Ed25519, RFC 8032):
//!
//! ```text
//! "lathe statement 1\n"
//! kind, 1 byte: 1 group, 2 own keys
//! length of the name, 4 bytes; the name
//! length of the history, 4 bytes; the history
//! version, 8 bytes
//! heard, 8 bytes: milliseconds since the Unix epoch
//! SHA-256 of the content, 32 bytes
//! ```
//!
//! Numbers have their big end first. The content is the JSON as it was sent, byte for byte, so that an agent that
//! does not know a field hands it on all the same.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::hex;
use crate::statement::{Statement, Subject, digest_of};

const HEAD: &[u8] = b"lathe statement 1\n";
/// What a public key begins with as text.
const SCHEME: &str = "ed25519:";
/// Keys that are trusted.
const TRUSTED_MAX: usize = 8;

/// A signature, good or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature([[u8; 32]; 2]);

impl Signature {
    /// Reads 128 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode::<64>(text).map(|bytes| Self::from_bytes(&bytes))
    }

    fn from_bytes(bytes: &[u8; 64]) -> Self {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&bytes[..32]);
        s.copy_from_slice(&bytes[32..]);
        Self([r, s])
    }

    fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.0[0]);
        bytes[32..].copy_from_slice(&self.0[1]);
        bytes
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.bytes()))
    }
}

/// Signs what a registry says. All registries of a cluster have the same key.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl Signer {
    /// Of this seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public key, as agents are told it: `ed25519:` and 64 hexadecimal digits.
    #[must_use]
    pub fn public_key(&self) -> String {
        format!("{SCHEME}{}", hex::encode(self.0.verifying_key().as_bytes()))
    }

    /// Signs: what of, in which history, which version, when the store was heard, what it says.
    #[must_use]
    pub fn sign(
        &self,
        (subject, history): (&Subject, &str),
        (version, heard_ms): (u64, u64),
        content: &str,
    ) -> Signature {
        let signed = signed_bytes((subject, history), (version, heard_ms), &digest_of(content));
        Signature::from_bytes(&self.0.sign(&signed).to_bytes())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// Why a list of public keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// One of them is none.
    #[error(
        "{0:?} is no public key: write `ed25519:` and 64 hexadecimal digits, as `lathe-registry --public-key` does"
    )]
    NoKey(String),
    /// There are none, or too many.
    #[error("{0} public keys are trusted; 1 to {TRUSTED_MAX} can be")]
    Number(usize),
}

/// The keys of registries that are believed.
#[derive(Clone, Debug)]
pub struct Trust(Vec<VerifyingKey>);

impl Trust {
    /// Reads public keys.
    ///
    /// # Errors
    /// [`TrustError`]
    pub fn parse(keys: &[String]) -> Result<Self, TrustError> {
        if keys.is_empty() || keys.len() > TRUSTED_MAX {
            return Err(TrustError::Number(keys.len()));
        }
        let read = |text: &String| {
            let bytes = hex::decode::<32>(text.strip_prefix(SCHEME)?)?;
            // A key of small order has signatures that fit anything.
            VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())
        };
        let one = |text: &String| {
            read(text).ok_or_else(|| TrustError::NoKey(text.chars().take(100).collect()))
        };
        keys.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a registry that is believed has said so.
    #[must_use]
    pub fn believes(&self, statement: &Statement) -> bool {
        let Statement { subject, history, version, heard_ms, digest, signature, .. } = statement;
        let signed = signed_bytes((subject, history), (*version, *heard_ms), digest);
        let signature = ed25519_dalek::Signature::from_bytes(&signature.bytes());
        self.0.iter().any(|key| key.verify_strict(&signed, &signature).is_ok())
    }
}

fn signed_bytes(
    (subject, history): (&Subject, &str),
    (version, heard_ms): (u64, u64),
    digest: &[u8; 32],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD.len() + subject.name.len() + history.len() + 57);
    bytes.extend(HEAD);
    bytes.push(subject.kind.byte());
    for text in [&subject.name, history] {
        bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend(version.to_be_bytes());
    bytes.extend(heard_ms.to_be_bytes());
    bytes.extend(digest);
    bytes
}

#[cfg(test)]
mod tests {
    //! What is believed: what was signed, and nothing that differs from it in anything.

    use super::*;

    fn statement(signer: &Signer) -> Statement {
        let subject = Subject::group("web");
        let signature = signer.sign((&subject, "h"), (7, 99), "{}");
        Statement::new((subject, "h"), (7, 99), "{}".into(), signature)
    }

    #[test]
    fn only_what_a_trusted_registry_has_signed_is_believed() {
        let (ours, theirs) = (Signer::from_seed(&[1; 32]), Signer::from_seed(&[2; 32]));
        let trust = Trust::parse(&[ours.public_key()]).unwrap();
        assert!(trust.believes(&statement(&ours)));
        assert!(!trust.believes(&statement(&theirs)));
        let both = Trust::parse(&[theirs.public_key(), ours.public_key()]).unwrap();
        assert!(both.believes(&statement(&ours)) && both.believes(&statement(&theirs)));
        let changes: [fn(&mut Statement); 6] = [
            |it| it.subject.kind = Kind::Config,
            |it| it.subject.name.push('x'),
            |it| it.history = "i".to_owned(),
            |it| it.version += 1,
            |it| it.heard_ms += 1,
            |it| it.digest[0] ^= 1,
        ];
        for change in changes {
            let mut changed = statement(&ours);
            change(&mut changed);
            assert!(!trust.believes(&changed), "{changed:?}");
        }
        let text = statement(&ours).signature.to_string();
        assert_eq!(Signature::parse(&text), Some(statement(&ours).signature));
    }

    #[test]
    fn the_same_seed_signs_alike_and_the_form_does_not_change() {
        let signer = Signer::from_seed(&[7; 32]);
        let text = statement(&signer).signature.to_string();
        assert_eq!(text, statement(&Signer::from_seed(&[7; 32])).signature.to_string());
        let signed = signed_bytes((&Subject::group("web"), "h"), (7, 99), &[5; 32]);
        assert_eq!(
            hex::encode(&signed),
            "6c617468652073746174656d656e7420310a0100000003776562000000016800000000000000070000000000\
             0000630505050505050505050505050505050505050505050505050505050505050505"
        );
    }

    #[test]
    fn what_is_no_public_key_is_told() {
        let weak = format!("{SCHEME}01{}", "0".repeat(62));
        let other = format!("rsa:{}", "0".repeat(64));
        for wrong in ["", "ed25519:00", weak.as_str(), other.as_str()] {
            let error = Trust::parse(&[wrong.to_owned()]).unwrap_err();
            assert!(matches!(error, TrustError::NoKey(_)), "{wrong}");
        }
        assert_eq!(Trust::parse(&[]).unwrap_err(), TrustError::Number(0));
    }

    use crate::Kind;
}
