//! Who has the key reads a packet, once; nobody else does anything with it.

use super::*;
use crate::hex;

fn keys(bytes: &[u8]) -> Keys {
    let line = |byte: &u8| format!("k{byte}:{}\n", hex::encode(&[*byte; 32]));
    Keys::parse(&bytes.iter().map(line).collect::<String>()).unwrap()
}

fn two() -> (Seals, Seals) {
    let session = |at| Seals::new(Session::begin(at, [at as u8; 10]));
    (session(1), session(2))
}

const MAX: usize = 2000;

#[test]
fn a_packet_is_opened_once_by_the_one_that_it_is_for() {
    let (mut one, mut other) = two();
    let keys = keys(&[1]);
    let packet = one.seal(&keys, Some(other.own()), b"hello");
    assert_eq!(packet.len(), 5 + OVERHEAD);
    assert!(!packet.windows(5).any(|part| part == b"hello"));
    let opened = other.open(0, &keys, &packet, MAX).unwrap();
    assert_eq!((opened.from, opened.bound, &*opened.text), (*one.own(), true, &b"hello"[..]));
    assert_eq!(other.open(0, &keys, &packet, MAX), Err(Refused::Replay));
    // Another life of the same agent, to which all is new.
    let mut later = Seals::new(Session::begin(3, [2; 10]));
    assert_eq!(later.open(0, &keys, &packet, MAX), Err(Refused::Seal));
    assert_eq!(one.open(0, &keys, &packet, MAX), Err(Refused::Replay), "its own echo");
}

#[test]
fn the_first_packet_to_a_seed_is_bound_to_nobody_and_says_so() {
    let (mut one, mut other) = two();
    let keys = keys(&[1]);
    let packet = one.seal(&keys, None, b"hello");
    assert!(!other.open(0, &keys, &packet, MAX).unwrap().bound);
    let mut marked = one.seal(&keys, None, b"hello");
    marked[1] = BOUND;
    assert_eq!(other.open(0, &keys, &marked, MAX), Err(Refused::Seal));
}

#[test]
fn keys_are_changed_while_packets_go_on() {
    let (mut one, mut other) = two();
    let [old, both, turned, new] = [keys(&[1]), keys(&[1, 2]), keys(&[2, 1]), keys(&[2])];
    let pairs = [(&old, &both), (&both, &old), (&both, &turned), (&turned, &both)];
    for (own, theirs) in pairs.into_iter().chain([(&turned, &new), (&new, &turned)]) {
        let packet = one.seal(own, Some(other.own()), b"x");
        assert!(other.open(0, theirs, &packet, MAX).is_ok());
    }
    let packet = one.seal(&old, Some(other.own()), b"x");
    assert_eq!(other.open(0, &new, &packet, MAX), Err(Refused::Key));
}

#[test]
fn any_change_of_any_byte_and_any_cut_is_refused() {
    let (mut one, mut other) = two();
    let keys = keys(&[1]);
    let packet = one.seal(&keys, Some(other.own()), b"hello");
    for at in 0..packet.len() {
        for bit in 0..8 {
            let mut changed = packet.clone();
            changed[at] ^= 1 << bit;
            assert!(other.open(0, &keys, &changed, MAX).is_err(), "byte {at}, bit {bit}");
        }
        assert!(other.open(0, &keys, &packet[..at], MAX).is_err(), "cut at {at}");
    }
    assert_eq!(other.open(0, &keys, &packet, packet.len() - 1), Err(Refused::Size));
    assert!(other.open(0, &keys, &packet, MAX).is_ok(), "what was refused left no trace");
    assert_eq!(other.remembered(), (1, 0));
}
