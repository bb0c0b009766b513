//! Cargo manifests, as far as rules read them: sections and the lines in them.
//!
//! Owns a reading that is enough for manifests that cargo has accepted. It must not know any rule.

use std::collections::BTreeMap;

/// Key and value, as written, of each line in one section, such as `[lints.rust]`.
pub(crate) fn section(manifest: &str, name: &str) -> BTreeMap<String, String> {
    let mut within = false;
    let mut found = BTreeMap::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[') {
            within = head.split(']').next() == Some(name);
        } else if within
            && !line.starts_with('#')
            && let Some((key, value)) = line.split_once('=')
        {
            found.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests;
