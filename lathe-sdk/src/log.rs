//! The few lines that the SDK itself says, on standard error.
//!
//! Owns their form: `lathe: text name=value …`. It must not know what is said. Authors log as they
//! like; the SDK brings no logging framework into their builds.

use std::fmt::Display;
use std::io::Write;

/// Writes one line. Values that hold spaces or quotes are quoted.
pub(crate) fn line(text: &str, fields: &[(&str, &dyn Display)]) {
    let mut out = format!("lathe: {text}");
    for (name, value) in fields {
        let value = value.to_string();
        if value.is_empty() || value.contains([' ', '"', '\n', '\r']) {
            out.push_str(&format!(" {name}={value:?}"));
        } else {
            out.push_str(&format!(" {name}={value}"));
        }
    }
    out.push('\n');
    // Nobody can be told when standard error itself fails.
    let _ = std::io::stderr().lock().write_all(out.as_bytes());
}
