//! What `lathe-bench` prints: rows on standard output, everything else on standard error.
//!
//! Owns both streams. It must not know what the lines mean.
#![expect(clippy::print_stderr, reason = "this is the file that prints")]

use std::io::{self, Write as _};

/// What is going on.
pub(crate) fn talk(text: &str) {
    eprintln!("{text}");
}

/// The rows.
pub(crate) fn data(text: &str) {
    let mut out = io::stdout().lock();
    // Who closed standard output does not want to read the rest; the exit code still tells.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
