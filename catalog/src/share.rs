//! Which of several registries judges whom, and whether this one may judge at all.
//!
//! Owns the choice of an incarnation's owner and what is known of the other registries. The owner is
//! the first by rendezvous hashing among those that are listed and not known to be absent, so all who
//! know the same name the same one, and when one goes only its share moves. It reads no clock and
//! sends nothing: all times are the caller's monotonic milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Beat, Limits};

/// Other registries that are remembered, listed or not: more than any cluster has.
const PEERS_MAX: usize = 64;

/// A beat on its way to the registry that judges its incarnation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Who has beaten.
    pub incarnation: String,
    /// What it said.
    #[serde(flatten)]
    pub beat: Beat,
    /// How often it was passed on so far.
    pub hops: u8,
    /// It says nothing: the connection is closed by which it did last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// Body of `POST /v1/beats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedBeats {
    /// The URL of the registry that passes them on.
    pub from: String,
    /// The registries that it knows, as [`Share::view`] writes them; none while it cannot judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// The beats. There may be none: the two have met then, and that is all.
    pub beats: Vec<Passed>,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedAnswer {
    /// The registries that the answering one knows; none while it cannot judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}

/// What one registry knows of all of them.
#[derive(Clone, Debug)]
pub struct Share {
    own: String,
    /// This registry can judge: it hears the store.
    able: bool,
    /// As the store lists them, sorted.
    listed: Vec<String>,
    view: String,
    peers: BTreeMap<String, Peer>,
    /// Counts changes of who owns what.
    generation: u64,
    /// A contact is fresh for so long, in milliseconds.
    fresh_ms: u64,
    /// One that is listed and cannot be reached is waited for so long, in milliseconds.
    patience_ms: u64,
}

#[derive(Clone, Debug)]
struct Peer {
    listed: bool,
    /// When it was last met; at first, when it was listed.
    met_ms: u64,
    /// What it said then.
    view: Option<String>,
    /// Nobody listens at its address, or it has said that it cannot judge.
    absent: bool,
    /// It did not answer when it was last asked, which does not say that it is gone.
    mute: bool,
}

impl Share {
    /// The share of the registry with this URL, which knows of no other yet.
    #[must_use]
    pub fn new(own: &str, limits: &Limits) -> Self {
        Self {
            own: own.to_owned(),
            able: true,
            listed: Vec::new(),
            view: view_of(&[]),
            peers: BTreeMap::new(),
            generation: 0,
            // Between two beats, and well before the silence of an instance counts.
            fresh_ms: (limits.suspect_after_ms / 2).max(limits.beat_ms.saturating_mul(3) / 2),
            patience_ms: limits.first_after_ms.max(limits.suspect_after_ms),
        }
    }

    /// The store lists these registries now.
    pub fn list(&mut self, now_ms: u64, urls: &[String]) {
        let mut urls = urls.to_vec();
        urls.sort();
        urls.dedup();
        if urls == self.listed {
            return;
        }
        let fresh_ms = self.fresh_ms;
        self.peers.retain(|url, peer| {
            peer.listed = urls.binary_search(url).is_ok();
            // One that was met just now may be heard by others all the same.
            peer.listed || (peer.view.is_some() && now_ms.saturating_sub(peer.met_ms) < fresh_ms)
        });
        for url in urls.iter().filter(|url| **url != self.own) {
            let new =
                || Peer { listed: true, met_ms: now_ms, view: None, absent: false, mute: false };
            self.peers.entry(url.clone()).or_insert_with(new).listed = true;
        }
        self.view = view_of(&urls);
        self.listed = urls;
        self.generation += 1;
    }

    /// Whether this registry can judge anybody. While it cannot, it owns nothing, and passes all that
    /// it hears on.
    pub fn set_able(&mut self, able: bool) {
        self.generation += u64::from(self.able != able);
        self.able = able;
    }

    /// Another registry has answered: what is passed on to it arrives.
    pub fn answered(&mut self, now_ms: u64, url: &str, view: Option<&str>) {
        self.met(now_ms, url, view);
        if let Some(peer) = self.peers.get_mut(url) {
            peer.mute = false;
        }
    }

    /// Another registry was met: it answered, or passed something on. Without a view it has said that
    /// it cannot judge.
    pub fn met(&mut self, now_ms: u64, url: &str, view: Option<&str>) {
        if url == self.own || (!self.peers.contains_key(url) && self.peers.len() >= PEERS_MAX) {
            return;
        }
        let unknown =
            || Peer { listed: false, met_ms: now_ms, view: None, absent: false, mute: false };
        let peer = self.peers.entry(url.to_owned()).or_insert_with(unknown);
        let absent = view.is_none();
        if peer.listed && peer.absent != absent {
            self.generation += 1;
        }
        let view = view.map(str::to_owned);
        *peer = Peer { met_ms: now_ms, view, absent, ..*peer };
    }

    /// It did not answer. `gone` says that nobody listens at its address: then its share moves at
    /// once. Without that it may be cut off and alive, and is the owner of what it owns: others may
    /// reach it, also when it was absent before.
    pub fn not_met(&mut self, url: &str, gone: bool) {
        let Some(peer) = self.peers.get_mut(url) else { return };
        if peer.listed && gone != peer.absent {
            self.generation += 1;
        }
        peer.absent = gone;
        peer.mute |= !gone;
    }

    /// The registry that judges this incarnation; none while none is listed.
    #[must_use]
    pub fn owner(&self, incarnation: &str) -> Option<&str> {
        self.first(incarnation, |_| true)
    }

    /// Whether this registry judges it.
    #[must_use]
    pub fn owns(&self, incarnation: &str) -> bool {
        self.owner(incarnation) == Some(&self.own)
    }

    /// Where a beat of an incarnation of another registry goes: to its owner; when that does not
    /// answer, to one that may reach it; none when there is none.
    #[must_use]
    pub fn route(&self, incarnation: &str) -> Option<&str> {
        let answers = |url: &str| self.peers.get(url).is_some_and(|peer| !peer.mute);
        let owner = self.owner(incarnation).filter(|owner| answers(owner));
        owner.or_else(|| self.first(incarnation, answers))
    }

    /// Whether one that is listed did not answer when it was last asked.
    #[must_use]
    pub fn is_mute(&self, url: &str) -> bool {
        self.peers.get(url).is_some_and(|peer| peer.mute)
    }

    fn first(&self, incarnation: &str, may: impl Fn(&str) -> bool) -> Option<&str> {
        let there = self.listed.iter().map(String::as_str).filter(|url| !self.is_absent(url));
        // Of equals the first of the list: everybody has it in the same order.
        there.filter(|url| may(url)).rev().max_by_key(|url| score(url, incarnation))
    }

    fn is_absent(&self, url: &str) -> bool {
        if url == self.own {
            !self.able
        } else {
            self.peers.get(url).is_some_and(|peer| peer.absent)
        }
    }

    /// The listed registries in a few characters: two that have the same name the same owners.
    #[must_use]
    pub fn view(&self) -> &str {
        &self.view
    }

    /// Whether this registry is listed itself: others do not pass anything on to it before.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed.binary_search(&self.own).is_ok()
    }

    /// The other registries that are listed.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.peers.iter().filter(|(_, peer)| peer.listed).map(|(url, _)| url.as_str())
    }

    /// Another number whenever somebody may have another owner.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether silence says nothing now: who is silent here may be heard by a registry that passes it
    /// on elsewhere, or cannot pass it on. One that stays out of reach is not waited for without end.
    #[must_use]
    pub fn holds(&self, now_ms: u64) -> bool {
        !self.is_listed()
            || self.peers.values().any(|peer| {
                let since_ms = now_ms.saturating_sub(peer.met_ms);
                if since_ms < self.fresh_ms {
                    !peer.absent && peer.view.as_ref() != Some(&self.view)
                } else {
                    peer.listed && !peer.absent && since_ms < self.patience_ms
                }
            })
    }

    /// Whether all that are there were met just now and know the same registries: whoever beats is
    /// passed on.
    #[must_use]
    pub fn is_in_touch(&self, now_ms: u64) -> bool {
        let mut there = self.peers.values().filter(|peer| peer.listed && !peer.absent);
        self.is_listed()
            && there.all(|peer| {
                now_ms.saturating_sub(peer.met_ms) < self.fresh_ms
                    && peer.view.as_ref() == Some(&self.view)
            })
    }
}

/// Of several names the one to which something of this name falls, by rendezvous hashing, in whatever order
/// they come: when one goes, only what was its own falls to others.
#[must_use]
pub fn first<'a>(names: impl Iterator<Item = &'a str>, of: &str) -> Option<&'a str> {
    names.max_by_key(|name| (score(name, of), *name))
}

/// How much a registry is for an incarnation: the highest owns it. The same in every version.
fn score(url: &str, incarnation: &str) -> u64 {
    mixed(digest(digest(DIGEST_START, url.as_bytes()), incarnation.as_bytes()))
}

fn view_of(urls: &[String]) -> String {
    let all = urls.iter().fold(DIGEST_START, |all, url| digest(all, url.as_bytes()));
    format!("{:016x}", mixed(all))
}

const DIGEST_START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a with 64 bits, each text with an end that no text has.
fn digest(start: u64, text: &[u8]) -> u64 {
    let bytes = text.iter().copied().chain(std::iter::once(0xff));
    bytes.fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Spreads every bit over all of them (the last steps of MurmurHash3): FNV leaves names that are alike
/// close together.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests;
