//! What this registry has signed: one signature a version of a group, for all who ask.
//!
//! Owns the cache and when a signature is made anew. Nothing is signed before somebody asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lathe_catalog::Applied;
use lathe_gossip::{Kind, Signature, Signer, Subject};
use serde::Serialize;

/// A signature that is younger is given again, in milliseconds: what it says of the time is as good.
const KEPT_MS: u64 = 5000;

/// A signature on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Version of what is signed.
    pub version: u64,
    /// When the store was heard, in milliseconds since the Unix epoch.
    pub heard_ms: u64,
    /// The signature.
    pub signature: Signature,
}

/// One event of a stream that says what the event before it is signed with.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    kind: &'static str,
    name: &'a str,
    version: u64,
    heard_ms: u64,
    signature: String,
}

/// The cache. Behind a lock since readers fill it.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    signer: Option<Signer>,
    known: Mutex<BTreeMap<Subject, Signed>>,
}

impl Signatures {
    pub(super) fn of(signer: Signer) -> Self {
        Self { signer: Some(signer), known: Mutex::default() }
    }

    /// The key by which all registries of this cluster sign.
    pub(super) fn public_key(&self) -> Option<String> {
        self.signer.as_ref().map(Signer::public_key)
    }

    pub(super) fn clear(&mut self) {
        self.known.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn drop_changed(&mut self, applied: &Applied) {
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return;
        }
        for group in &applied.groups {
            known.remove(&Subject::group(group));
        }
        for task in &applied.configs {
            known.remove(&Subject::config(task));
        }
    }

    /// Signs what is shown; nothing without a key.
    pub(super) fn sign(
        &self,
        (subject, history): (&Subject, &str),
        (version, heard_ms): (u64, u64),
        content: &str,
    ) -> Option<Signed> {
        let signer = self.signer.as_ref()?;
        let is_young = |known: &&Signed| {
            known.version == version && heard_ms < known.heard_ms.saturating_add(KEPT_MS)
        };
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(subject).filter(is_young) {
            return Some(*known);
        }
        let signature = signer.sign((subject, history), (version, heard_ms), content);
        let signed = Signed { version, heard_ms, signature };
        // A name that never was anything is not kept.
        if version > 0 {
            all.insert(subject.clone(), signed);
        }
        Some(signed)
    }
}

impl Signed {
    /// As it stands in a header: the time, a dot, the signature.
    #[must_use]
    pub fn header(&self) -> String {
        format!("{}.{}", self.heard_ms, self.signature)
    }

    /// As an event of a stream.
    pub(super) fn event(&self, subject: &Subject) -> String {
        let kind = match subject.kind {
            Kind::Group => "group",
            Kind::Config => "config",
        };
        let Self { version, heard_ms, signature } = *self;
        let signature = signature.to_string();
        let shown = Shown { kind, name: &subject.name, version, heard_ms, signature };
        serde_json::to_string(&shown).expect("it has text keys only")
    }
}

#[cfg(test)]
mod tests {
    //! What is signed anew and what is not.

    use super::*;

    #[test]
    fn a_version_is_signed_once_and_again_when_the_store_was_heard_since() {
        let mut signatures = Signatures::of(Signer::from_seed(&[1; 32]));
        let subject = Subject::group("a");
        let sign = |signatures: &Signatures, version, heard_ms| {
            signatures.sign((&subject, "h"), (version, heard_ms), "{}").unwrap()
        };
        let first = sign(&signatures, 3, 10_000);
        assert_eq!(sign(&signatures, 3, 10_000 + KEPT_MS - 1), first);
        assert_eq!(sign(&signatures, 3, 10_000 + KEPT_MS).heard_ms, 10_000 + KEPT_MS);
        assert_eq!(sign(&signatures, 4, 10_001).heard_ms, 10_001, "another version");
        sign(&signatures, 0, 10_001);
        let applied = Applied { groups: ["a".to_owned()].into(), ..Applied::default() };
        signatures.drop_changed(&applied);
        assert!(signatures.known.get_mut().unwrap().is_empty());
        assert_eq!(Signatures::default().sign((&subject, "h"), (1, 1), "{}"), None);
    }
}
