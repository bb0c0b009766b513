//! The files and the environment that a task's process finds: what Lathe tells it. Must not know
//! how the process is started.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use lathe_api::rest::{HealthSpec, LaunchSpec};
use lathe_child::User;

use crate::causes::with_causes;
use crate::supervisor::event::Failure;

/// The author's own keys, as a file in the sandbox.
pub const CONFIG_FILE: &str = "config.json";
/// The incarnation's secret, for its user alone.
pub const SECRET_FILE: &str = "secret";
/// The hand-shake socket.
pub const HANDSHAKE_SOCKET: &str = "handshake.sock";
const TEMPORARY_FOLDER: &str = "tmp";
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A file of the sandbox cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file operation failed.
    #[error("cannot write {path}")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The own keys cannot be written as JSON.
    #[error("cannot write the own keys of the task")]
    Config(#[source] serde_json::Error),
    /// The task's user cannot be had.
    #[error(transparent)]
    User(#[from] lathe_child::UserError),
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        Self { message: with_causes(&error), permanent: false }
    }
}

/// Writes the files that a task finds at its start.
///
/// # Errors
/// See [`SandboxError`].
pub fn prepare(sandbox: &Path, spec: &LaunchSpec) -> Result<(), SandboxError> {
    let config = serde_json::to_vec_pretty(&spec.config).map_err(SandboxError::Config)?;
    let temporary = sandbox.join(TEMPORARY_FOLDER);
    fs::create_dir_all(&temporary)
        .map_err(|source| SandboxError::Write { path: temporary.clone(), source })?;
    write(&sandbox.join(CONFIG_FILE), &config, 0o644)?;
    write(&sandbox.join(SECRET_FILE), spec.secret.as_bytes(), 0o600)?;
    for path in [temporary, sandbox.join(CONFIG_FILE), sandbox.join(SECRET_FILE)] {
        give_to_user(&path, spec.user.as_deref())?;
    }
    Ok(())
}

/// Lets the task's own user have a file of this process's user.
///
/// # Errors
/// There is no such user, or the right to do so.
pub fn give_to_user(path: &Path, user: Option<&str>) -> Result<(), SandboxError> {
    let Some(user) = user else { return Ok(()) };
    let user = User::by_name(user)?;
    std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
        .map_err(|source| SandboxError::Write { path: path.to_owned(), source })
}

/// Beside and then over the old one, so that nobody ever reads half of it.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::Write { path: path.to_owned(), source };
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&new).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)
}

/// The whole environment of a task's process. Its author's variables go over the few ordinary
/// ones, never over Lathe's own.
pub fn environment(
    sandbox: &Path,
    spec: &LaunchSpec,
    path: Option<&str>,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        all.insert(name.to_owned(), value.to_owned());
    };
    set("PATH", path.unwrap_or(DEFAULT_PATH));
    set("HOME", &sandbox.to_string_lossy());
    set("TMPDIR", &sandbox.join(TEMPORARY_FOLDER).to_string_lossy());
    set("LANG", "C.UTF-8");
    for (name, value) in &spec.env {
        if !name.starts_with("LATHE_") {
            set(name, value);
        }
    }
    set("LATHE_TASK", &spec.task);
    set("LATHE_TASK_PATH", &spec.task_path);
    set("LATHE_TOPOLOGY", &spec.topology);
    set("LATHE_INSTANCE", &spec.instance);
    set("LATHE_INCARNATION", &spec.incarnation);
    set("LATHE_VERSION", &spec.version);
    set("LATHE_CRATE", &spec.crate_name);
    set("LATHE_HOST", &spec.host);
    set("LATHE_ADDRESS", &spec.address);
    set("LATHE_REGISTRIES", &spec.registries.join(","));
    set("LATHE_SCHEDULERS", &spec.schedulers.join(","));
    set("LATHE_CONFIG", CONFIG_FILE);
    set("LATHE_SECRET_FILE", SECRET_FILE);
    set("LATHE_GRACE_MS", &spec.grace_ms.to_string());
    set("LATHE_SERVED_BY", if spec.served_by { "1" } else { "0" });
    if spec.sdk {
        set("LATHE_HANDSHAKE", HANDSHAKE_SOCKET);
        if let HealthSpec::Beat { interval_ms, .. } = spec.health() {
            set("LATHE_BEAT_MS", &interval_ms.to_string());
        }
    }
    for (name, port) in &spec.ports {
        set(&format!("LATHE_PORT_{}", variable_name(name)), &port.to_string());
    }
    all
}

/// `my-port` becomes `MY_PORT`.
fn variable_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests;
