//! Jars by Maven, from wherever this user's Maven gets them, and held against the pinned digests.
//!
//! Owns the call and the comparison. It must not know what the jars are.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::say::say;
use crate::tool::{self, Failed};
use crate::{Code, Failure};

/// How `mvn` gets onto a machine.
pub(crate) const HINT: &str = "Debian's packages `maven` and `default-jre-headless` bring it; \
    `cargo xtask test --install` installs them";
const FETCH_HINT: &str = "it comes from the public Maven repository or the mirror that Maven's own \
    settings name: is that reachable from here?";

/// Fills `home/lib` with the jars of a pom, which have to be those of the pinned list. Blocks.
pub(crate) fn fetch(name: &str, pom: &str, pins: &str, home: &Path) -> Result<(), Failure> {
    say(&format!("fetching {name} by Maven"));
    let file = home.join("pom.xml");
    fs::write(&file, pom).map_err(|error| Failure::system(file.display(), error))?;
    let (lib, log) = (home.join("lib"), home.join("fetch.log"));
    let output = format!("-DoutputDirectory={}", lib.display());
    let words = [
        "mvn",
        "--batch-mode",
        "--no-transfer-progress",
        // A file that differs from the repository's own digest of it is no file.
        "--strict-checksums",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        &output,
    ];
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    if let Err(Failed { account, .. }) = tool::run(&words, home, &log, HINT)? {
        let what = format!("{name} cannot be fetched: {account}");
        return Err(Failure::new(Code::Download, what, FETCH_HINT));
    }
    let found = digests(&lib)?;
    let findings = differences(&pinned(pins), &found);
    if findings.is_empty() {
        return Ok(());
    }
    let what = format!("{name} is not what it should be: {}", findings.join("; "));
    let hint = "a mirror may have another file; take the local repository's copy of it away and \
        try again";
    Err(Failure::new(Code::Checksum, what, hint))
}

/// Lines as `sha256sum` writes them.
fn pinned(pins: &str) -> BTreeMap<String, String> {
    let lines = pins.lines().filter_map(|line| line.split_once("  "));
    lines.map(|(digest, name)| (name.to_owned(), digest.to_owned())).collect()
}

fn digests(lib: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let failed = |error| Failure::system(lib.display(), error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(lib).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let bytes = fs::read(entry.path()).map_err(failed)?;
        found.insert(entry.file_name().to_string_lossy().into_owned(), hex(&Sha256::digest(bytes)));
    }
    Ok(found)
}

/// Bytes as `sha256sum` writes them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all that is written");
        text
    })
}

fn differences(wanted: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, digest) in wanted {
        match found.get(name) {
            None => findings.push(format!("{name} is missing")),
            Some(other) if other != digest => {
                findings.push(format!("the SHA-256 of {name} is {other}, pinned is {digest}"));
            }
            Some(_) => {}
        }
    }
    let more = found.keys().filter(|name| !wanted.contains_key(*name));
    findings.extend(more.map(|name| format!("{name} is not in the pinned list")));
    findings
}

#[cfg(test)]
mod tests;
