//! Programs in Python: wheels of pinned digests, in a virtual environment of their own.
//!
//! Owns how an environment is made. It must not know what runs in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::say::say;
use crate::{Code, Failure, cache, tool};

const HINT: &str = "Debian's packages `python3` and `python3-pip` bring it; `cargo xtask test \
    --install` installs them";

/// What is to be had.
#[derive(Debug)]
pub(crate) struct Environment {
    /// With its version.
    pub(crate) name: &'static str,
    /// Requirements as pip reads them, each with its digests.
    pub(crate) pins: &'static str,
    /// Files beside it, by their names.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

impl Environment {
    /// Its folder: `venv/bin/python` and the files. Blocks while it is fetched.
    pub(crate) fn provide(&self) -> Result<PathBuf, Failure> {
        let interpreter = interpreter()?;
        let texts = self.files.iter().map(|(_, text)| *text);
        let made_from: Vec<&str> = [self.pins].into_iter().chain(texts).collect();
        let made_from = [&made_from[..], &[interpreter.as_str()]].concat();
        cache::provide(&cache::key(self.name, &made_from), |home| self.build(home))
    }

    fn build(&self, home: &Path) -> Result<(), Failure> {
        let name = self.name;
        say(&format!("fetching {name}"));
        let write = |name: &str, text: &str| {
            let path = home.join(name);
            fs::write(&path, text).map_err(|error| Failure::system(path.display(), error))
        };
        self.files.iter().try_for_each(|(name, text)| write(name, text))?;
        write("pins.txt", self.pins)?;
        let (venv, log) = (home.join("venv"), home.join("fetch.log"));
        let make = ["python3", "-m", "venv", "--without-pip"].map(OsStr::new);
        let make = [&make[..], &[venv.as_os_str()]].concat();
        if let Err(failed) = tool::run(&make, home, &log, HINT)? {
            let what = format!("{name}: no virtual environment: {}", failed.account);
            return Err(Failure::new(Code::Build, what, HINT));
        }
        let python = venv.join("bin/python");
        let before = ["python3", "-m", "pip", "--python"].map(OsStr::new);
        let after = [
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            // A file of another digest is refused, and so is one that is not in the list.
            "--require-hashes",
            "--only-binary=:all:",
            "--requirement",
            "pins.txt",
        ];
        let words = [&before[..], &[python.as_os_str()], &after.map(OsStr::new)].concat();
        let Err(failed) = tool::run(&words, home, &log, HINT)? else { return Ok(()) };
        if failed.account.contains("DO NOT MATCH THE HASHES") {
            let what = format!("{name} is not what it should be: {}", failed.account);
            let hint = "an index may have another file; take pip's copy of it away and try again";
            return Err(Failure::new(Code::Checksum, what, hint));
        }
        let hint = "it comes from the Python package index that pip is configured with, for Python \
            3.11 to 3.14 on x86-64: is that reachable from here?";
        let what = format!("{name} cannot be fetched: {}", failed.account);
        Err(Failure::new(Code::Download, what, hint))
    }
}

/// Which one it is: wheels fit one version alone.
fn interpreter() -> Result<String, Failure> {
    let mut command = Command::new("python3");
    command.args(["-c", "import sys, pip, venv; print(sys.executable, sys.version)"]);
    let output = command.stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        _ => Err(Failure::new(Code::Missing, "there is no Python 3 with pip and venv", HINT)),
    }
}
