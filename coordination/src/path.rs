//! The syntax of paths: flat keys with slashes. Owns what a path may look like.

use crate::StoreError;
use crate::limits::MAX_PATH_BYTES;

/// Checks that `path` may name a record: it starts with a slash, does not end with one, has no empty,
/// `.` or `..` segment, no control character, and is at most [`MAX_PATH_BYTES`] long.
///
/// The syntax is the intersection of what the local store and ZooKeeper take.
///
/// # Errors
/// `Invalid` with the reason, or `TooLarge`.
pub fn check_path(path: &str) -> Result<(), StoreError> {
    if path.len() > MAX_PATH_BYTES {
        return Err(StoreError::TooLarge {
            what: "the path",
            size: path.len() as u64,
            limit: MAX_PATH_BYTES as u64,
        });
    }
    let wrong = |why: &str| Err(StoreError::invalid(format!("path {path:?} {why}")));
    let Some(rest) = path.strip_prefix('/') else {
        return wrong("does not start with a slash");
    };
    if rest.is_empty() {
        return wrong("names no record");
    }
    for segment in rest.split('/') {
        match segment {
            "" => return wrong("has an empty segment"),
            "." | ".." => return wrong("has a relative segment"),
            _ => {}
        }
    }
    if rest.chars().any(is_forbidden) {
        return wrong("has a character that is not allowed");
    }
    Ok(())
}

/// Checks a prefix of a listing or watch: a path, or `/` for everything.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), StoreError> {
    if prefix == "/" { Ok(()) } else { check_path(prefix) }
}

/// Whether `path` is `prefix` itself or stands below it.
#[cfg(any(test, feature = "contract"))]
pub(crate) fn is_within(path: &str, prefix: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Control characters, private use and the specials, as ZooKeeper refuses them.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || ('\u{e000}'..='\u{f8ff}').contains(&c)
        || ('\u{fff0}'..='\u{ffff}').contains(&c)
}

#[cfg(test)]
mod tests;
