//! What a hook knows of everything else.
//!
//! Owns who of the registries goes first, and chance, which is drawn from a seed.

use std::collections::BTreeMap;

use super::exchange::Now;
use super::record::Runner;
use super::world::World;

/// What a hook knows of everything else.
pub(super) struct Around<'a> {
    pub(super) now: Now,
    pub(super) world: &'a World,
    pub(super) runners: &'a BTreeMap<String, Runner>,
    /// This life of this registry, and its URL.
    pub(super) by: &'a str,
    pub(super) url: &'a str,
    /// The store is heard, it lists this registry, and this is not the end.
    pub(super) able: bool,
    pub(super) dice: &'a mut u64,
}

impl Around<'_> {
    /// The registry whose turn the hook is: its life and its URL.
    pub(super) fn owner(&self, hook: &str) -> Option<&Runner> {
        let there = || self.runners.values().filter(|one| one.hooks.iter().any(|own| own == hook));
        let first = lathe_catalog::share::first(there().map(|one| one.by.as_str()), hook)?;
        there().find(|one| one.by == first)
    }

    pub(super) fn is_there(&self, by: &str) -> bool {
        self.runners.values().any(|one| one.by == by)
    }

    /// A number from 1 to the bound (SplitMix64).
    pub(super) fn draw(&mut self, bound: u64) -> u64 {
        *self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1) + 1
    }
}
