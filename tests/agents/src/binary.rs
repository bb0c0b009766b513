//! The agent's binary: built once for a test program, taken from where cargo says it is.

use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cargo_metadata::Message;

/// Builds on first use; later calls wait for it and give the same.
///
/// # Panics
/// When it does not build.
pub(crate) fn agent() -> &'static PathBuf {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_ref().expect("the agent builds; cargo says above why not")
}

fn build() -> Option<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    command.args(["build", "-p", "lathe-agent", "--bin", "lathe-agent", "--message-format"]);
    command.arg("json-render-diagnostics").stdin(Stdio::null()).stdout(Stdio::piped());
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(name);
    }
    let mut cargo = command.spawn().expect("cargo runs");
    let messages = BufReader::new(cargo.stdout.take().expect("it was piped just now"));
    let mut built = None;
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message.expect("cargo's own messages") {
            built = artifact.executable.map(PathBuf::from).or(built);
        }
    }
    cargo.wait().expect("cargo ends").success().then_some(built)?
}
