//! Carrying out a `Spawn`: prepares everything before the fork, and tells failures apart after it.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::pipe::{PipeFlags, pipe_with};

use crate::sys::{self, CStrings, Step, Steps};
use crate::{Child, Output, Pid, Spawn, SpawnError, User, exec_error, known};

/// Where a name without a slash is looked for when the process is given no PATH.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

pub(crate) fn start(mut spawn: Spawn) -> Result<Child, SpawnError> {
    let candidates = candidates(&spawn);
    let (report_reader, report_writer) = pipe_with(PipeFlags::CLOEXEC)
        .map_err(|error| system(&spawn.program, "making a pipe", error.into()))?;
    let steps = steps(&spawn, &candidates, report_writer)?;
    let mut command = Command::new(&spawn.program);
    command
        .stdin(spawn.stdin.take().map_or_else(Stdio::null, Stdio::from))
        .stdout(stdio(std::mem::take(&mut spawn.stdout)))
        .stderr(stdio(std::mem::take(&mut spawn.stderr)));
    sys::install(&mut command, steps);
    sys::keep_child_exits();
    let mut known = known::lock();
    known.sweep();
    let started = command.spawn();
    // Closes this side's end of the report, so that reading it ends.
    drop(command);
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            drop(known);
            return Err(explain(&spawn, &candidates, report_reader, error));
        }
    };
    let pid = Pid::from_raw(child.id()).expect("a started process has an id");
    known.owned.insert(pid);
    drop(known);
    let stdout = child.stdout.take().map(OwnedFd::from);
    let stderr = child.stderr.take().map(OwnedFd::from);
    Child::adopt(pid, spawn.own_group, stdout, stderr).map_err(|error| {
        // Without a handle it could not be followed: better that it does not run at all.
        let _ = child.kill();
        let _ = child.wait();
        known::lock().owned.remove(&pid);
        system(&spawn.program, "following it", error)
    })
}

fn steps(spawn: &Spawn, candidates: &[PathBuf], report: OwnedFd) -> Result<Steps, SpawnError> {
    let identity = match &spawn.user {
        Some(name) => User::by_name(name)?.identity()?,
        None => None,
    };
    let mut argv = vec![c_string(spawn.program.as_os_str(), "the program")?];
    for (index, arg) in spawn.args.iter().enumerate() {
        argv.push(c_string(arg, &format!("argument {}", index + 1))?);
    }
    let mut envp = Vec::with_capacity(spawn.env.len());
    for (name, value) in &spawn.env {
        let what = format!("variable {}", name.display());
        if name.is_empty() || name.as_bytes().contains(&b'=') {
            return Err(SpawnError::Invalid { what });
        }
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        envp.push(c_string(&pair, &what)?);
    }
    let dir = spawn.dir.as_ref().map(|dir| c_string(dir.as_os_str(), "the directory"));
    let mut paths = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        paths.push(c_string(candidate.as_os_str(), "the program")?);
    }
    Ok(Steps {
        own_group: spawn.own_group,
        identity,
        parent_death: spawn.parent_death.map(crate::Signal::inner),
        parent: rustix::process::getpid(),
        dir: dir.transpose()?,
        candidates: paths,
        argv: CStrings::new(argv),
        envp: CStrings::new(envp),
        report,
    })
}

fn c_string(text: &OsStr, what: &str) -> Result<CString, SpawnError> {
    CString::new(text.as_bytes()).map_err(|_| SpawnError::Invalid { what: what.to_owned() })
}

/// The paths that may be the program, in order.
fn candidates(spawn: &Spawn) -> Vec<PathBuf> {
    let program = &spawn.program;
    if program.as_os_str().is_empty() || program.as_os_str().as_bytes().contains(&b'/') {
        return vec![program.clone()];
    }
    let path = spawn.env.get(OsStr::new("PATH")).cloned();
    let path = path.unwrap_or_else(|| OsString::from(DEFAULT_PATH));
    path.as_bytes()
        .split(|byte| *byte == b':')
        // An empty entry would mean the directory that it starts in: never what is meant here.
        .filter(|entry| !entry.is_empty())
        .map(|entry| PathBuf::from(OsString::from_vec(entry.to_vec())).join(program))
        .collect()
}

fn stdio(output: Output) -> Stdio {
    match output {
        Output::Null => Stdio::null(),
        Output::Pipe => Stdio::piped(),
        Output::File(file) => Stdio::from(file),
        Output::Inherit => Stdio::inherit(),
    }
}

fn explain(spawn: &Spawn, candidates: &[PathBuf], report: OwnedFd, error: io::Error) -> SpawnError {
    let mut byte = Vec::new();
    // No report, or none that can be read, means that the fork itself failed.
    let _ = File::from(report).take(1).read_to_end(&mut byte);
    match Step::from_report(&byte) {
        Some(Step::Exec) => {
            let resolve =
                |path: &Path| spawn.dir.as_ref().map_or(path.into(), |dir| dir.join(path));
            let existing = candidates.iter().map(|path| resolve(path)).find(|path| path.exists());
            let file = existing.unwrap_or_else(|| spawn.program.clone());
            exec_error::explain(&spawn.program, &file, error)
        }
        Some(Step::Directory) => {
            let dir = spawn.dir.clone().unwrap_or_default();
            SpawnError::Directory { dir, source: error }
        }
        Some(step) => system(&spawn.program, step.name(), error),
        None => system(&spawn.program, "fork", error),
    }
}

fn system(program: &Path, step: &'static str, source: io::Error) -> SpawnError {
    SpawnError::System { program: program.to_path_buf(), step, source }
}
