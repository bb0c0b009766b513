//! Where the Mesos program comes from: built once out of this repository's kit and one fetched file.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::say::say;
use crate::{Code, Failure, cache, tool};

const NAME: &str = "mesos-1.11.0";

macro_rules! kit {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../system/engines/mesos/", $path)))),+]
    };
}

/// The kit, from `tests/system/engines/mesos`.
const KIT: &[(&str, &str)] = kit![
    "setup.sh",
    "src/fetch.py",
    "src/mkstubs.py",
    "src/mesoskit.cpp",
    "libexec/mesos-executor",
    "libexec/mesos-fetcher",
    "libexec/mesos-guard",
];

/// Exit codes of `setup.sh`.
const PACKAGES_MISSING: i32 = 3;
const NOT_FETCHED: i32 = 4;

/// Its folder. Blocks while it is fetched and built.
pub(super) fn home() -> Result<PathBuf, Failure> {
    let sources: Vec<&str> = KIT.iter().map(|(_, text)| *text).collect();
    cache::provide(&cache::key(NAME, &sources), build)
}

fn build(home: &Path) -> Result<(), Failure> {
    say(&format!("fetching and building {NAME}"));
    let kit = home.join("kit");
    for (path, text) in KIT {
        let path = kit.join(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, text))
            .map_err(|error| Failure::system(path.display(), error))?;
    }
    let script = kit.join("setup.sh");
    let words = [OsStr::new("sh"), script.as_os_str(), home.as_os_str()];
    let hint = "a POSIX shell runs the kit's `setup.sh`";
    let Err(failed) = tool::run(&words, &kit, &home.join("build.log"), hint)? else {
        return Ok(());
    };
    let (code, what, hint) = match failed.code {
        Some(PACKAGES_MISSING) => (
            Code::Missing,
            "cannot be built here",
            "`cargo xtask test --install` installs these packages of Debian",
        ),
        Some(NOT_FETCHED) => (
            Code::Download,
            "cannot be fetched",
            "it comes from the Python package index that pip is configured with: is that \
             reachable from here, and has it the project `mesos.scheduler`?",
        ),
        _ => (Code::Build, "cannot be built", "the kit is in tests/system/engines/mesos"),
    };
    Err(Failure::new(code, format!("{NAME} {what}: {}", failed.account), hint))
}
