//! What the repository's fuzzer may reach of this crate's inside: the lines of a program.
//! No part of the crate's interface; must not be used by anything else.

use crate::handshake;

/// Reads lines as the hand-shake's socket does.
pub fn lines(bytes: &[u8]) {
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let _ = handshake::hear(line);
    }
}
