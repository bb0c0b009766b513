//! Where CP-SAT comes from: wheels of pinned digests, in a virtual environment of their own.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::say::say;
use crate::{Code, Failure, cache, tool};

const NAME: &str = "ortools-9.15";
const PINS: &str = include_str!("../../pins/ortools.txt");
const MODEL: &str = include_str!("../../peers/placement.py");
const HINT: &str = "Debian's packages `python3` and `python3-pip` bring it; `cargo xtask test \
    --install` installs them";

/// The interpreter and the model. Blocks while it is fetched.
pub(super) fn words() -> Result<Vec<OsString>, Failure> {
    let interpreter = interpreter()?;
    let home = cache::provide(&cache::key(NAME, &[PINS, MODEL, &interpreter]), build)?;
    Ok(vec![home.join("venv/bin/python").into(), home.join("placement.py").into()])
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

fn build(home: &Path) -> Result<(), Failure> {
    say(&format!("fetching {NAME}"));
    let write = |name: &str, text: &str| {
        let path = home.join(name);
        fs::write(&path, text).map_err(|error| Failure::system(path.display(), error))
    };
    write("placement.py", MODEL)?;
    write("pins.txt", PINS)?;
    let (venv, log) = (home.join("venv"), home.join("fetch.log"));
    let make = ["python3", "-m", "venv", "--without-pip"].map(OsStr::new);
    let make = [&make[..], &[venv.as_os_str()]].concat();
    if let Err(failed) = tool::run(&make, home, &log, HINT)? {
        let what = format!("{NAME}: no virtual environment: {}", failed.account);
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
        let what = format!("{NAME} is not what it should be: {}", failed.account);
        let hint = "an index may have another file; take pip's copy of it away and try again";
        return Err(Failure::new(Code::Checksum, what, hint));
    }
    let hint = "it comes from the Python package index that pip is configured with, for Python 3.11 \
        to 3.14 on x86-64: is that reachable from here?";
    let what = format!("{NAME} cannot be fetched: {}", failed.account);
    Err(Failure::new(Code::Download, what, hint))
}
