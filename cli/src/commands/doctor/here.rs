//! What is on this machine: the home, the token, room on the disk, the tools that builds need.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Findings, Level};
use crate::commands::hosts::bytes;
use crate::home::{Home, cache_home};

/// Less room than this is worth a word; less than a tenth of it is too little.
const ROOM: u64 = 2 * 1024 * 1024 * 1024;

pub(super) fn look(home: &Home, all: &mut Findings) {
    let version = env!("CARGO_PKG_VERSION");
    match std::env::current_exe() {
        Ok(own) => all.ok("lathe", format!("version {version}, {}", own.display())),
        Err(_) => all.ok("lathe", format!("version {version}")),
    }
    folder(home.root(), all);
    stale(home, all);
    room("home", home.root(), all);
    match cache_home() {
        Ok(cache) => room("builds", &cache, all),
        Err(failure) => all.bad("builds", Level::Fail, failure.text, "set LATHE_CACHE"),
    }
    tools(all);
}

fn folder(root: &Path, all: &mut Findings) {
    let shown = root.display();
    match std::fs::metadata(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            all.ok("home", format!("{shown} is not there yet; `lathe up` makes it"));
        }
        Err(error) => {
            all.bad("home", Level::Fail, format!("{shown}: {error}"), "name another by --home");
        }
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            let text = format!("{shown} is open to others");
            all.bad("home", Level::Warn, text, format!("chmod 700 {shown}"));
        }
        Ok(_) => all.ok("home", format!("{shown}, for its owner alone")),
    }
}

/// A `lathe up` that was killed leaves its addresses behind.
fn stale(home: &Home, all: &mut Findings) {
    let Some(up) = home.endpoints() else { return };
    let pid = i32::try_from(up.pid).ok().and_then(rustix::process::Pid::from_raw);
    let alive = pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
    if !alive {
        let file = home.endpoints_file();
        let text = format!("{} names process {}, which has ended", file.display(), up.pid);
        all.bad("up", Level::Fail, text, "start it again with `lathe up`");
    } else {
        all.ok("up", format!("`lathe up` runs as process {}", up.pid));
    }
}

/// Room on the disk of a folder, or of the first one above it that is there.
fn room(check: &'static str, folder: &Path, all: &mut Findings) {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    match rustix::fs::statvfs(there) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} free for {}", bytes(free), folder.display());
            let hint = "make room: a full disk stops the store and every build";
            match free {
                _ if free < ROOM / 10 => all.bad(check, Level::Fail, text, hint),
                _ if free < ROOM => all.bad(check, Level::Warn, text, hint),
                _ => all.ok(check, text),
            }
        }
        Err(error) => {
            let text = format!("{}: {error}", there.display());
            all.bad(check, Level::Warn, text, "its free space cannot be read");
        }
    }
}

fn tools(all: &mut Findings) {
    for (tool, hint) in [
        ("cargo", "install Rust; without it `lathe up` and `submit` build no crate"),
        ("cc", "install a linker, such as gcc; without it no crate is built"),
    ] {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join(tool));
        match found.into_iter().find(|file| file.is_file()) {
            Some(file) => all.ok("tools", format!("{tool}: {}", file.display())),
            None => all.bad("tools", Level::Warn, format!("there is no `{tool}` in PATH"), hint),
        }
    }
}

/// The token that would be shown.
pub(super) fn token(file: Option<&Path>, all: &mut Findings) {
    let Some(file) = file else {
        let hint = "name its file by --token-file, LATHE_TOKEN_FILE or in the configuration";
        all.bad("token", Level::Warn, "no token is known for this scheduler", hint);
        return;
    };
    let shown = file.display();
    match std::fs::read_to_string(file) {
        Err(error) => {
            all.bad("token", Level::Fail, format!("{shown}: {error}"), "name another file");
        }
        Ok(text) if text.trim().is_empty() => {
            all.bad("token", Level::Fail, format!("{shown} is empty"), "name another file");
        }
        Ok(_) => {
            let mode = std::fs::metadata(file).map_or(0, |meta| meta.permissions().mode());
            if mode & 0o077 == 0 {
                all.ok("token", format!("{shown}, for its owner alone"));
            } else {
                let text = format!("others can read {shown}");
                all.bad("token", Level::Warn, text, format!("chmod 600 {shown}"));
            }
        }
    }
}
