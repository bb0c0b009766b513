//! What this crate says while somebody waits, on standard error.
#![expect(clippy::print_stderr, reason = "this is the file that prints")]

/// One line.
pub(crate) fn say(text: &str) {
    eprintln!("engines: {text}");
}
