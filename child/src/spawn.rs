//! How a process is to be started. Owns the description; `start.rs` carries it out.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;

use crate::{Child, Output, Signal, SpawnError};

/// A process that is to be started. Nothing is inherited unless it is said here: the environment is
/// exactly what was given, standard input is empty, no other file stays open.
#[derive(Debug)]
pub struct Spawn {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: BTreeMap<OsString, OsString>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) stdin: Option<File>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) parent_death: Option<Signal>,
    pub(crate) own_group: bool,
    pub(crate) user: Option<String>,
}

impl Spawn {
    /// A process of this program. A name without a slash is looked for in the `PATH` that the process
    /// is given; a relative path with a slash is taken from its directory.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            dir: None,
            stdin: None,
            stdout: Output::Null,
            stderr: Output::Null,
            parent_death: None,
            own_group: false,
            user: None,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_os_string());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_os_string()));
        self
    }

    /// One variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_os_string(), value.as_ref().to_os_string());
        self
    }

    /// Variables of its environment.
    #[must_use]
    pub fn envs(
        mut self,
        vars: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Self {
        for (name, value) in vars {
            self.env.insert(name.as_ref().to_os_string(), value.as_ref().to_os_string());
        }
        self
    }

    /// Gives on this process's value of the variable, if it has one.
    #[must_use]
    pub fn inherit_env(self, name: impl AsRef<OsStr>) -> Self {
        match std::env::var_os(name.as_ref()) {
            Some(value) => self.env(name, value),
            None => self,
        }
    }

    /// Gives on this process's whole environment; what is said after it goes over it.
    #[must_use]
    pub fn inherit_all_env(self) -> Self {
        self.envs(std::env::vars_os())
    }

    /// The directory that it starts in; without, this process's.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Its standard input: this open file.
    #[must_use]
    pub fn stdin(mut self, file: File) -> Self {
        self.stdin = Some(file);
        self
    }

    /// Where its standard output goes.
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Where its standard error goes.
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// The signal that it gets when the *thread* that starts it ends; with a runtime of one thread
    /// that is when this process ends.
    #[must_use]
    pub fn parent_death(mut self, signal: Signal) -> Self {
        self.parent_death = Some(signal);
        self
    }

    /// Makes it the leader of a process group of its own, named by its id.
    #[must_use]
    pub fn own_group(mut self) -> Self {
        self.own_group = true;
        self
    }

    /// Runs it as this user, with the user's groups. Only root may name another than itself.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }

    /// Starts it. Returns once the program itself runs (its `exec` has succeeded). Needs a tokio
    /// runtime with I/O.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing is left behind then.
    pub fn start(self) -> Result<Child, SpawnError> {
        crate::start::start(self)
    }
}
