//! How many streams and waiting look-ups one address may have open.
//!
//! Owns the count; what they do is not known here.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use lathe_api::door::{Caller, Problem};

/// The places of all addresses; clones share them. An address without a place costs nothing.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    each: usize,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Places {
    /// So many for each address.
    pub(crate) fn new(each: usize) -> Self {
        Self { each, taken: Arc::default() }
    }

    /// A place for the caller's address, until it is dropped.
    pub(super) fn take(&self, caller: &Caller) -> Result<Place, Problem> {
        let address = caller.peer.map(|peer| peer.ip().to_canonical());
        if let Some(address) = address {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let number = taken.entry(address).or_default();
            if *number >= self.each {
                let detail = format!("this address has {number} streams and look-ups that wait");
                return Err(Problem::too_many(detail));
            }
            *number += 1;
        }
        Ok(Place { places: self.clone(), address })
    }
}

/// One place of an address.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = taken.get_mut(&address) {
            *number -= 1;
            if *number == 0 {
                taken.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Each address has its own.

    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let places = Places::new(2);
        let caller = |text: &str| Caller::nobody(Some(text.parse().unwrap()));
        let (one, other) = (caller("10.0.0.1:1"), caller("10.0.0.2:1"));
        let held =
            [places.take(&one).unwrap(), places.take(&caller("[::ffff:10.0.0.1]:2")).unwrap()];
        assert_eq!(places.take(&one).unwrap_err().code(), "LT0610");
        let others = places.take(&other).unwrap();
        drop(held);
        let again = places.take(&one).unwrap();
        drop((again, others));
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
