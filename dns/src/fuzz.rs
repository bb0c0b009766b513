//! What any bytes must not do, for the fuzzer and for its corpus.

use hickory_proto::op::Message;

use crate::names::Known;
use crate::zone::{Way, Zone, origin};

/// Answers any bytes as a question, by both ways: what comes out is an answer to it, and not longer than it may
/// be.
///
/// # Panics
/// When it is not.
pub fn question(known: &dyn Known, packet: &[u8]) {
    let zone = Zone::new(origin("lathe").expect("a zone"), 2);
    for (way, most) in [(Way::Udp, 1232), (Way::Tcp, 65_535)] {
        let answer = zone.answer(known, (packet, way), &mut rand::rng());
        let Some(answer) = answer else { continue };
        assert!((12..=most).contains(&answer.bytes.len()), "{} bytes", answer.bytes.len());
        assert_eq!(answer.bytes[..2], packet[..2], "an answer to something else");
        assert_ne!(answer.bytes[2] & 0x80, 0, "no answer");
        Message::from_vec(&answer.bytes).expect("an answer that can be read");
    }
}
