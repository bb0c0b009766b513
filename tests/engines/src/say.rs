//! What this crate says: talk on standard error, data on standard output.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the file that prints")]

use std::fmt::Display;

/// One line while somebody waits.
pub(crate) fn say(text: &str) {
    eprintln!("engines: {text}");
}

/// Why a command was of no use.
pub(crate) fn error(error: &dyn Display) {
    eprintln!("error: {error}");
}

/// What was asked for.
pub(crate) fn print(text: &str) {
    print!("{text}");
}
