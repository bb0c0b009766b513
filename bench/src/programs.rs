//! The programs under measurement: built by cargo, taken from where cargo says they are.
//!
//! Owns the calls of cargo. It must not know what is done with what they yield.

use std::path::{Path, PathBuf};

use cargo_metadata::{Message, MetadataCommand};
use lathe_child::{Child, Output, Spawn};
use tokio::io::AsyncReadExt as _;

use crate::failure::Failure;
use crate::surroundings::program;

/// What `lathe up` needs beside itself, itself, and the agent.
const DAEMONS: [&str; 6] = [
    "lathe",
    "lathe-standalone",
    "lathe-scheduler",
    "lathe-registry",
    "lathe-executor",
    "lathe-agent",
];

/// Names and paths of what cargo built.
#[derive(Clone, Debug)]
pub(crate) struct Programs(Vec<(String, PathBuf)>);

impl Programs {
    /// Where the program of this name is.
    pub(crate) fn path(&self, name: &str) -> Result<&Path, Failure> {
        let found = self.0.iter().find(|(built, _)| built == name);
        let missing = || Failure::Unexpected(format!("cargo built no `{name}`"));
        found.map(|(_, path)| path.as_path()).ok_or_else(missing)
    }
}

/// A call of cargo with the environment that the person at the keyboard has.
pub(crate) fn cargo() -> Spawn {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// All of a stream.
async fn text_of(child: &mut Child) -> Result<String, Failure> {
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout() {
        let read = stdout.read_to_string(&mut text).await;
        read.map_err(|error| Failure::io("reading what cargo says", error))?;
    }
    Ok(text)
}

/// Runs cargo in a folder, its talk on this process's standard error; the result is what it printed.
pub(crate) async fn run_cargo(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let spawn = cargo().args(arguments).dir(folder).stdout(Output::Pipe).stderr(Output::Inherit);
    let mut child =
        spawn.start().map_err(|source| Failure::Start { program: "cargo".to_owned(), source })?;
    let text = text_of(&mut child).await?;
    if child.wait().await.success() {
        return Ok(text);
    }
    let said = "it failed; what it said stands above".to_owned();
    Err(Failure::Cargo { arguments: arguments.join(" "), said })
}

/// The folder that cargo builds into.
pub(crate) async fn target(root: &Path) -> Result<PathBuf, Failure> {
    let text = run_cargo(root, &["metadata", "--no-deps", "--format-version", "1"]).await?;
    let metadata = MetadataCommand::parse(text)
        .map_err(|error| Failure::Unexpected(format!("cargo's metadata: {error}")))?;
    Ok(metadata.target_directory.into())
}

/// `lathe` and its daemons, as the README's command builds them.
pub(crate) async fn lathe(root: &Path) -> Result<Programs, Failure> {
    let mut arguments = vec!["build", "--release"];
    arguments.extend(DAEMONS.iter().flat_map(|name| ["--bin", name]));
    build(root, arguments).await
}

/// The executor that does nothing.
pub(crate) async fn idle_executor(root: &Path) -> Result<PathBuf, Failure> {
    let name = "lathe-bench-executor";
    let built = build(root, vec!["build", "--release", "-p", "lathe-bench", "--bin", name]).await?;
    built.path(name).map(Path::to_owned)
}

/// The smallest task, and the same by hyper alone.
pub(crate) async fn hellos(root: &Path) -> Result<Programs, Failure> {
    let mut arguments = vec!["build", "--release", "-p", "lathe-sdk"];
    arguments.extend(["--example", "hello_task", "--example", "hello_hyper"]);
    build(root, arguments).await
}

async fn build(root: &Path, mut arguments: Vec<&str>) -> Result<Programs, Failure> {
    arguments.extend(["--message-format", "json-render-diagnostics"]);
    let text = run_cargo(root, &arguments).await?;
    let mut built = Vec::new();
    for message in Message::parse_stream(text.as_bytes()) {
        if let Ok(Message::CompilerArtifact(artifact)) = message
            && let Some(executable) = artifact.executable
        {
            built.push((artifact.target.name, executable.into()));
        }
    }
    Ok(Programs(built))
}
