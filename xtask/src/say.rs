//! What `cargo xtask` prints.
//!
//! Owns standard output and error: everything else comes through here. It must not know what the
//! lines mean.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the file that prints")]

use std::io::{self, Write};
use std::time::Duration;

/// One line on standard output.
pub(crate) fn line(text: &str) {
    put(&format!("{text}\n"));
}

/// A head above what a step prints.
pub(crate) fn head(name: &str) {
    put(&format!("\n==> {name}\n"));
}

/// The outcome of a step and its time.
pub(crate) fn outcome(name: &str, ok: bool, took: Duration) {
    let word = if ok { "ok    " } else { "FAILED" };
    put(&format!("{word}  {name}  ({:.1} s)\n", took.as_secs_f64()));
}

/// Hands on what a child printed, at once.
pub(crate) fn raw(bytes: &[u8]) {
    put(&String::from_utf8_lossy(bytes));
}

/// Why nothing could be done.
pub(crate) fn error(text: &str) {
    eprintln!("error: {text}");
}

fn put(text: &str) {
    if cfg!(test) {
        // What this program's own tests print looks like results of tests: it must be captured.
        print!("{text}");
        return;
    }
    let mut out = io::stdout().lock();
    // Who closed standard output does not want to read the rest; the exit code still tells.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
