//! Hosts on which something may be wrong.
//!
//! Owns a set that one can draw from. It has every host where something became wrong, and some where
//! nothing is wrong any more: who draws one looks, and says so.

use crate::random::Random;

#[derive(Debug)]
pub(super) struct Trouble {
    hosts: Vec<usize>,
    /// Where a host stands in the list, counted from one; 0 where it does not.
    at: Vec<usize>,
}

impl Trouble {
    /// Any host may be in trouble at first.
    pub(super) fn new(hosts: usize) -> Self {
        Self { hosts: (0..hosts).collect(), at: (1..=hosts).collect() }
    }

    pub(super) fn suspect(&mut self, host: usize) {
        if self.at[host] == 0 {
            self.hosts.push(host);
            self.at[host] = self.hosts.len();
        }
    }

    /// Nothing is wrong there, or nothing can be moved.
    pub(super) fn settle(&mut self, host: usize) {
        let at = std::mem::take(&mut self.at[host]);
        if at > 0 {
            self.hosts.swap_remove(at - 1);
            if let Some(&other) = self.hosts.get(at - 1) {
                self.at[other] = at;
            }
        }
    }

    pub(super) fn any(&self, random: &mut Random) -> Option<usize> {
        (!self.hosts.is_empty()).then(|| self.hosts[random.below(self.hosts.len())])
    }
}
