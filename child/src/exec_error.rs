//! Why a process could not be started, told apart as people need it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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

/// What `exec` of `program` failing with `error` means, by a look at the file.
pub(crate) fn explain(program: &Path, file: &Path, error: io::Error) -> SpawnError {
    use rustix::io::Errno;
    let program = program.to_path_buf();
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    match errno {
        Some(Errno::NOENT | Errno::NOTDIR) => match interpreter(&head(file)) {
            Some(interpreter) => SpawnError::NoInterpreter { program, interpreter },
            None => SpawnError::NotFound { program },
        },
        Some(Errno::ACCESS | Errno::PERM) => SpawnError::Permission { program, source: error },
        Some(Errno::NOEXEC | Errno::LIBBAD | Errno::INVAL) => explain_format(program, &head(file)),
        Some(Errno::TXTBSY) => SpawnError::Busy { program },
        Some(Errno::TOOBIG) => SpawnError::TooLarge { program },
        _ => SpawnError::System { program, step: "exec", source: error },
    }
}

fn explain_format(program: PathBuf, head: &[u8]) -> SpawnError {
    let reason = match Elf::read(head) {
        Some(elf) if elf.machine != OWN_MACHINE.0 => {
            return SpawnError::WrongArchitecture {
                program,
                found: machine_name(elf.machine),
                wanted: OWN_MACHINE.1,
            };
        }
        Some(_) => "a damaged ELF file",
        None if head.is_empty() => "an empty file",
        None if head.starts_with(b"#!") => "a script whose first line names no interpreter",
        None => "neither an ELF file nor a script",
    };
    SpawnError::Format { program, reason: reason.to_owned() }
}

/// The beginning of a file, as far as a header reaches; nothing if it cannot be read.
fn head(file: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = File::open(file) {
        // A directory or a vanished file has no head; the error number says enough then.
        let _ = file.take(HEAD_BYTES).read_to_end(&mut head);
    }
    head
}

const HEAD_BYTES: u64 = 4096;

/// The interpreter of a script or the loader of a dynamic ELF program.
fn interpreter(head: &[u8]) -> Option<String> {
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?;
        let line = line.trim_ascii_start();
        let name = line.split(|byte| matches!(byte, b' ' | b'\t')).next()?;
        return Some(String::from_utf8_lossy(name).escape_debug().to_string());
    }
    Elf::read(head).map(|elf| elf.loader(head).unwrap_or_else(|| "its loader".to_owned()))
}

/// What an ELF header says (System V ABI, "Object Files").
struct Elf {
    machine: u16,
    wide: bool,
    little: bool,
}

impl Elf {
    fn read(head: &[u8]) -> Option<Self> {
        if !head.starts_with(b"\x7fELF") {
            return None;
        }
        let mut elf = Self { machine: 0, wide: *head.get(4)? == 2, little: *head.get(5)? == 1 };
        elf.machine = elf.u16(head, 18)?;
        Some(elf)
    }

    /// The text of the program header of type PT_INTERP, for 64-bit files.
    fn loader(&self, head: &[u8]) -> Option<String> {
        if !self.wide {
            return None;
        }
        let table = self.usize(head, 32)?;
        let size = usize::from(self.u16(head, 54)?);
        let count = usize::from(self.u16(head, 56)?);
        (0..count).find_map(|index| {
            let at = table.checked_add(size.checked_mul(index)?)?;
            if self.u16(head, at)? != 3 || self.u16(head, at.checked_add(2)?)? != 0 {
                return None;
            }
            let from = self.usize(head, at.checked_add(8)?)?;
            let length = self.usize(head, at.checked_add(32)?)?;
            let text = head.get(from..from.checked_add(length)?)?;
            Some(String::from_utf8_lossy(text.strip_suffix(b"\0").unwrap_or(text)).into_owned())
        })
    }

    fn u16(&self, head: &[u8], at: usize) -> Option<u16> {
        let bytes: [u8; 2] = head.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn usize(&self, head: &[u8], at: usize) -> Option<usize> {
        let bytes: [u8; 8] = head.get(at..at.checked_add(8)?)?.try_into().ok()?;
        let value = if self.little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) };
        usize::try_from(value).ok()
    }
}

/// The number and name of the machine that this was built for.
const OWN_MACHINE: (u16, &str) = if cfg!(target_arch = "x86_64") {
    (62, "x86_64")
} else if cfg!(target_arch = "aarch64") {
    (183, "aarch64")
} else if cfg!(target_arch = "riscv64") {
    (243, "riscv64")
} else if cfg!(target_arch = "x86") {
    (3, "x86")
} else if cfg!(target_arch = "arm") {
    (40, "arm")
} else {
    (0, std::env::consts::ARCH)
};

fn machine_name(machine: u16) -> String {
    match machine {
        3 => "x86".to_owned(),
        8 => "mips".to_owned(),
        20 => "powerpc".to_owned(),
        21 => "powerpc64".to_owned(),
        22 => "s390x".to_owned(),
        40 => "arm".to_owned(),
        62 => "x86_64".to_owned(),
        183 => "aarch64".to_owned(),
        243 => "riscv64".to_owned(),
        258 => "loongarch64".to_owned(),
        other => format!("ELF machine {other}"),
    }
}

#[cfg(test)]
mod tests;
