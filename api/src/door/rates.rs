//! How many requests a second one address may make.
//!
//! Owns the account of each address and the bound on how many accounts are kept. Pure: time is the
//! caller's. It must not know what is asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses with an account of their own; beyond, those without one share one.
const ADDRESSES_MAX: usize = 16_384;
const SECOND_NS: u64 = 1_000_000_000;

/// A limit that each address has for itself: so many requests a second, and so many at once. Clones
/// share the accounts.
#[derive(Clone, Debug)]
pub struct Rates {
    start: Instant,
    accounts: Arc<Mutex<Accounts>>,
}

impl Rates {
    /// No address may make more than this many requests a second; 0 sets no limit.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let accounts = Accounts::new(per_second);
        Self { start: Instant::now(), accounts: Arc::new(Mutex::new(accounts)) }
    }

    /// One request an hour, for tests that are not to depend on how fast they are.
    #[cfg(test)]
    pub(super) fn hourly() -> Self {
        let hour_ns = 3600 * SECOND_NS;
        let accounts = Accounts { pace_ns: hour_ns, window_ns: hour_ns, ..Accounts::new(0) };
        Self { start: Instant::now(), accounts: Arc::new(Mutex::new(accounts)) }
    }

    /// Takes a request into account.
    ///
    /// # Errors
    /// It is one too many; how long it would have to wait.
    pub fn admit(&self, address: IpAddr) -> Result<(), Duration> {
        let now_ns = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.admit(address, now_ns).map_err(Duration::from_nanos)
    }
}

/// For each address the time at which all that it has asked would be due at an even pace.
#[derive(Debug)]
struct Accounts {
    /// Nanoseconds between two requests at an even pace; 0 without a limit.
    pace_ns: u64,
    /// What may come at once: as much as is due in this time.
    window_ns: u64,
    due_ns: BTreeMap<IpAddr, u64>,
    /// Of all that have no account of their own.
    others_due_ns: u64,
}

impl Accounts {
    fn new(per_second: u32) -> Self {
        let pace_ns = SECOND_NS.checked_div(u64::from(per_second)).unwrap_or(0);
        Self { pace_ns, window_ns: SECOND_NS, due_ns: BTreeMap::new(), others_due_ns: 0 }
    }

    fn admit(&mut self, address: IpAddr, now_ns: u64) -> Result<(), u64> {
        if self.pace_ns == 0 {
            return Ok(());
        }
        let address = owner(address);
        if self.due_ns.len() >= ADDRESSES_MAX && !self.due_ns.contains_key(&address) {
            self.due_ns.retain(|_, due| *due > now_ns);
        }
        let due = if self.due_ns.len() < ADDRESSES_MAX || self.due_ns.contains_key(&address) {
            self.due_ns.entry(address).or_default()
        } else {
            &mut self.others_due_ns
        };
        let next = (*due).max(now_ns).saturating_add(self.pace_ns);
        match next.saturating_sub(now_ns).checked_sub(self.window_ns) {
            None | Some(0) => {
                *due = next;
                Ok(())
            }
            Some(early) => Err(early),
        }
    }
}

/// Who has this address: of IPv6, a whole network of 64 bits is one customer's.
fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    //! Who asks too much, and who does not suffer from it.

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_seconds_worth_may_come_at_once_and_then_each_at_its_time() {
        let mut accounts = Accounts::new(4);
        let (one, other) = (ip("10.0.0.1"), ip("10.0.0.2"));
        for _ in 0..4 {
            assert_eq!(accounts.admit(one, 0), Ok(()));
        }
        assert_eq!(accounts.admit(one, 0), Err(SECOND_NS / 4));
        assert_eq!(accounts.admit(other, 0), Ok(()));
        assert_eq!(accounts.admit(one, SECOND_NS / 4), Ok(()));
        assert_eq!(accounts.admit(one, SECOND_NS / 4), Err(SECOND_NS / 4));
        // Who was refused owes nothing for it.
        for _ in 0..4 {
            assert_eq!(accounts.admit(one, 2 * SECOND_NS), Ok(()));
        }
    }

    #[test]
    fn without_a_limit_nobody_is_refused_and_nothing_is_kept() {
        let mut accounts = Accounts::new(0);
        for at in 0..1_000 {
            assert_eq!(accounts.admit(ip("10.0.0.1"), at), Ok(()));
        }
        assert!(accounts.due_ns.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_ipv4_written_as_ipv6_is_ipv4() {
        let mut accounts = Accounts::new(1);
        assert_eq!(accounts.admit(ip("2001:db8::1"), 0), Ok(()));
        assert!(accounts.admit(ip("2001:db8::2"), 0).is_err());
        assert_eq!(accounts.admit(ip("2001:db8:0:1::1"), 0), Ok(()));
        assert_eq!(accounts.admit(ip("::ffff:10.0.0.1"), 0), Ok(()));
        assert!(accounts.admit(ip("10.0.0.1"), 0).is_err());
    }

    #[test]
    fn accounts_are_bounded_and_old_ones_make_room() {
        let mut accounts = Accounts::new(1);
        let nth = |n: u32| IpAddr::from(std::net::Ipv4Addr::from(n));
        for n in 0..=u32::try_from(ADDRESSES_MAX).unwrap() {
            assert_eq!(accounts.admit(nth(n), 0), Ok(()));
        }
        assert_eq!(accounts.due_ns.len(), ADDRESSES_MAX);
        // The last one has no account of its own, and shares with the next.
        assert!(accounts.admit(nth(u32::MAX), 0).is_err());
        assert_eq!(accounts.admit(nth(u32::MAX), SECOND_NS), Ok(()));
        assert_eq!(accounts.due_ns.len(), 1);
    }
}
