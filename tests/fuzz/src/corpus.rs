//! The inputs that are kept: a folder for each target, a file for each input.
//!
//! Owns where they lie and how a new one is named. It must not know what is done with them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the inputs of a target lie.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// One input and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The file's name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// All inputs of a target, in the order of their names.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn load(target: &str) -> io::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder(target))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        inputs.push(Input { name, bytes: fs::read(entry.path())? });
    }
    inputs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(inputs)
}

/// Keeps an input under a name of its own contents.
///
/// # Errors
/// The file cannot be written.
pub fn keep(target: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let path = folder(target).join(format!("found-{sum:016x}"));
    fs::create_dir_all(folder(target))?;
    fs::write(&path, bytes)?;
    Ok(path)
}
