//! The programs and the configuration of another commit: its files taken out of the history, built in folders outside the
//! clone, and kept there.
//!
//! Owns those folders. It must not know what the programs are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binaries::root;

const NAMES: [&str; 4] = ["lathe", "lathe-scheduler", "lathe-registry", "lathe-executor"];
/// The folder with the files of configuration.
const DEPLOY: &str = "deploy";

/// The commit that is meant, in short.
pub(super) fn commit(revision: Option<&str>) -> Result<String, String> {
    let tag = || git(&["describe", "--tags", "--abbrev=0"]).ok();
    let wanted = revision.map(str::to_owned).or_else(tag).unwrap_or_else(|| "HEAD~1".to_owned());
    git(&["rev-parse", "--short", "--verify", &format!("{wanted}^{{commit}}")])
        .map_err(|said| format!("no commit {wanted}: {said}"))
}

fn git(words: &[&str]) -> Result<String, String> {
    let ran = Command::new("git").arg("-C").arg(root()).args(words).output();
    let ran = ran.map_err(|error| format!("git does not run: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if ran.status.success() { Ok(text(&ran.stdout)) } else { Err(text(&ran.stderr)) }
}

/// The folder with its programs. What was built before is taken as it is.
pub(super) fn build(commit: &str) -> Result<PathBuf, String> {
    let engines = lathe_engines::cache::folder().map_err(|failure| failure.to_string())?;
    let kept = engines.with_file_name("versions");
    let programs = kept.join(commit);
    if NAMES.iter().chain([&DEPLOY]).all(|name| programs.join(name).exists()) {
        return Ok(programs);
    }
    let doing = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let sources = kept.join(format!("{commit}.{}", std::process::id()));
    fs::create_dir_all(&sources).map_err(|error| doing("making a folder", error))?;
    let built = unpack(commit, &[], &sources).and_then(|()| cargo(&sources, &kept.join("target")));
    let copied = built.and_then(|profile| {
        fs::create_dir_all(&programs).map_err(|error| doing("making a folder", error))?;
        unpack(commit, &[DEPLOY], &programs)?;
        // Whole or not there: a name is given when the copy is.
        NAMES.iter().try_for_each(|name| {
            let part = programs.join(format!("{name}.{}", std::process::id()));
            fs::copy(profile.join(name), &part)
                .and_then(|_| fs::rename(&part, programs.join(name)))
                .map_err(|error| doing(&format!("copying {name}"), error))
        })
    });
    // Only these are kept; another run would take the sources out again.
    let _ = fs::remove_dir_all(&sources);
    copied.map(|()| programs)
}

/// All of a commit, or some folders of it.
fn unpack(commit: &str, what: &[&str], folder: &Path) -> Result<(), String> {
    let mut archive = Command::new("git");
    archive.arg("-C").arg(root()).args(["archive", commit]).args(what).stdout(Stdio::piped());
    let mut archive = archive.spawn().map_err(|error| format!("git does not run: {error}"))?;
    let stream = archive.stdout.take().map_or_else(Stdio::null, Stdio::from);
    // As new as they are here (`-m`): with the time of their commit they would be older than what was
    // built of another commit, and cargo would take that for theirs.
    let unpacked = Command::new("tar").args(["-x", "-m", "-C"]).arg(folder).stdin(stream).status();
    let unpacked = unpacked.map_err(|error| format!("tar does not run: {error}"))?;
    let archived = archive.wait().map_err(|error| format!("git does not end: {error}"))?;
    if unpacked.success() && archived.success() {
        Ok(())
    } else {
        Err(format!("the files of {commit} cannot be taken out of the history"))
    }
}

/// Builds, and says into which folder.
fn cargo(sources: &Path, target: &Path) -> Result<PathBuf, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(sources).args(["build", "--locked", "--quiet"]);
    command.args(NAMES.iter().flat_map(|name| ["--bin", name]));
    command.env("CARGO_TARGET_DIR", target).stdin(Stdio::null());
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(name);
    }
    let built = command.status().map_err(|error| format!("cargo does not run: {error}"))?;
    if built.success() {
        Ok(target.join("debug"))
    } else {
        Err("it does not build; cargo says above why not".to_owned())
    }
}
