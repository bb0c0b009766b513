//! Why a process could not be started, told apart as people need it.

use std::io;
use std::path::PathBuf;

use crate::UserError;

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no such program.
    #[error("there is no program {program}")]
    NotFound { program: PathBuf },
    /// The program is there; the interpreter or loader that it asks for is not.
    #[error("{program} needs the interpreter {interpreter}, which does not exist")]
    NoInterpreter { program: PathBuf, interpreter: String },
    /// Not executable for this user, a directory, or on a file system that runs nothing.
    #[error("no permission to run {program}")]
    Permission {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file that is no program.
    #[error("{program} is not a program that this system can run: {reason}")]
    Format { program: PathBuf, reason: String },
    /// A program for another kind of machine.
    #[error("{program} is built for {found}, this machine is {wanted}")]
    WrongArchitecture { program: PathBuf, found: String, wanted: &'static str },
    /// The program is being written.
    #[error("{program} is open for writing")]
    Busy { program: PathBuf },
    /// The directory to start in cannot be entered.
    #[error("cannot enter the directory {dir}")]
    Directory {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The user cannot be had.
    #[error(transparent)]
    User(#[from] UserError),
    /// An argument or variable with a zero byte in it, or a variable name with `=`.
    #[error("{what} cannot be given to a process")]
    Invalid { what: String },
    /// Arguments and environment are larger than the system takes.
    #[error("the arguments and environment of {program} are too large")]
    TooLarge { program: PathBuf },
    /// Anything else: no more processes or memory, a limit.
    #[error("cannot start {program} ({step})")]
    System {
        program: PathBuf,
        step: &'static str,
        #[source]
        source: io::Error,
    },
}
