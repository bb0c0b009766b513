//! With whom an agent talks: members by chance, and those that follow the same.
//!
//! Owns what is remembered of who follows what, and the dice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::member::Member;
use crate::statement::SubjectKey;

/// Others that are remembered for one subject.
const SHARING_MAX: usize = 16;

/// Who follows what, as far as digests have said.
#[derive(Debug)]
pub(crate) struct Peers {
    sharing: BTreeMap<SubjectKey, Vec<SocketAddr>>,
    dice: u64,
}

impl Peers {
    pub(crate) fn new(seed: u64) -> Self {
        Self { sharing: BTreeMap::new(), dice: seed }
    }

    /// The one at this address follows these.
    pub(crate) fn shares(&mut self, address: SocketAddr, keys: &[SubjectKey]) {
        for key in keys {
            let place = self.draw(SHARING_MAX as u64);
            let known = self.sharing.entry(*key).or_default();
            if known.contains(&address) {
                continue;
            }
            if known.len() < SHARING_MAX {
                known.push(address);
            } else {
                known[usize::try_from(place).unwrap_or(0)] = address;
            }
        }
    }

    /// So many members: half of them of those that follow something of this, where there are such.
    pub(crate) fn choose(
        &mut self,
        members: &[&Member],
        keys: &BTreeSet<SubjectKey>,
        number: usize,
    ) -> Vec<Member> {
        let mut chosen: Vec<usize> = Vec::new();
        let sharing: BTreeSet<SocketAddr> =
            keys.iter().filter_map(|key| self.sharing.get(key)).flatten().copied().collect();
        let mut near: Vec<usize> = if sharing.is_empty() {
            Vec::new()
        } else {
            (0..members.len()).filter(|at| sharing.contains(&members[*at].address)).collect()
        };
        while chosen.len() < number.div_ceil(2) && !near.is_empty() {
            let at = self.draw(near.len() as u64);
            chosen.push(near.swap_remove(usize::try_from(at).unwrap_or(0)));
        }
        // A few draws more than there are places: members that come twice are few.
        for _ in 0..number * 4 {
            if chosen.len() >= number.min(members.len()) {
                break;
            }
            let at = usize::try_from(self.draw(members.len() as u64)).unwrap_or(0);
            if !chosen.contains(&at) {
                chosen.push(at);
            }
        }
        chosen.into_iter().map(|at| members[at].clone()).collect()
    }

    /// A number below the bound (SplitMix64).
    pub(crate) fn draw(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
