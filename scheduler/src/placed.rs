//! What registries are told that the scheduler places: the store, the key, the tokens, and their file of
//! configuration.
//!
//! Owns how all that is read. The file is checked by the registry's own program, which alone knows its
//! keys; what it names, programs of hooks and keys of TLS for example, is on the hosts and stays there.

use std::path::Path;
use std::process::{Command, Stdio};

use lathe_api::rest::PlacedRegistry;
use sha2::{Digest as _, Sha256};

use crate::config::Config;

/// A file of configuration is no longer than this.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// Why registries cannot be told what they need.
#[derive(Debug, thiserror::Error)]
pub enum PlacedError {
    /// A file or program of this machine.
    #[error("{path} cannot be used")]
    File {
        /// Which one.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too long to be told.
    #[error("{0} has more than {FILE_BYTES_MAX} bytes")]
    TooLong(String),
    /// What the registry's program finds wrong with it, with codes and places.
    #[error("registries cannot be placed with this configuration:\n{0}")]
    Config(String),
}

/// What they are told, if the scheduler is to place any.
pub(crate) fn told(config: &Config) -> Result<Option<PlacedRegistry>, PlacedError> {
    if config.registries == 0 {
        return Ok(None);
    }
    Ok(Some(PlacedRegistry {
        store: config.store.clone(),
        key: text(&config.key_file)?,
        tokens: text(&config.token_file)?,
        insecure: config.insecure,
        config: match &config.registry_config {
            Some(file) => checked(&config.registry, file)?,
            None => String::new(),
        },
    }))
}

/// A name for the file as it is: with another one, registries begin anew. None for none.
pub(crate) fn digest(config: &str) -> Option<String> {
    let digest = Sha256::digest(config);
    let first = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
    (!config.is_empty()).then(|| first.collect())
}

fn checked(program: &Path, file: &Path) -> Result<String, PlacedError> {
    let text = text(file)?;
    if text.len() > FILE_BYTES_MAX {
        return Err(PlacedError::TooLong(file.display().to_string()));
    }
    let mut command = Command::new(program);
    command.args(["--placed", "--print-config", "--config"]).arg(file).stdin(Stdio::null());
    let output = command.output().map_err(|source| failed(program, source))?;
    if output.status.success() {
        return Ok(text);
    }
    Err(PlacedError::Config(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
}

fn text(path: &Path) -> Result<String, PlacedError> {
    std::fs::read_to_string(path).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> PlacedError {
    PlacedError::File { path: path.display().to_string(), source }
}
