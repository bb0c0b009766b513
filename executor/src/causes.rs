//! An error with everything that caused it, as one line for people who are not here to debug.

use std::error::Error;

/// The error and its causes, from the outside in.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
