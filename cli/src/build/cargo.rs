//! Cargo, run for its binaries: the paths come from its own messages.

use std::path::{Path, PathBuf};

use cargo_metadata::Message;
use lathe_child::{Child, Output, Signal, Spawn};
use lathe_topology::Code;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::Wish;
use super::find::{Found, not_found};
use crate::failure::{FAILED, Failure, chain};

/// Bytes of cargo's own talk that are kept for an error.
const TALK_MAX: u64 = 64 * 1024;

pub(super) fn rustc_version() -> Result<String, Failure> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = std::process::Command::new(&rustc).arg("-vV").output().map_err(|error| {
        Failure::io(format!("running {rustc}"), &error).with_hint("Rust is needed to build crates")
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Builds the one binary of a crate in release mode.
pub(super) async fn build(
    folder: &Path,
    wish: &Wish,
    target: &Path,
    progress: impl FnMut(usize),
) -> Result<PathBuf, Failure> {
    let mut cargo = cargo().args(["build", "--release", "--bins", "--manifest-path"]);
    cargo = cargo.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(target);
    if !wish.features.is_empty() {
        cargo = cargo.args(["--features", &wish.features.join(",")]);
    }
    let run = run(cargo, progress).await?;
    if !run.success {
        let hint =
            format!("mend what cargo names; `cargo build` in {} says the same", folder.display());
        return Err(not_built(wish, &run).with_hint(hint));
    }
    match run.binaries.as_slice() {
        [(_, only)] => Ok(only.clone()),
        many => {
            let named = many.iter().find(|(name, _)| *name == wish.crate_name);
            named.map(|(_, path)| path.clone()).ok_or_else(|| no_one_binary(wish, many))
        }
    }
}

fn not_built(wish: &Wish, run: &Run) -> Failure {
    let text = format!("crate `{}` {} did not build", wish.crate_name, wish.version);
    Failure::coded(Code::BUILD_FAILED, text).with_output(run.talk.trim_end())
}

fn no_one_binary(wish: &Wish, many: &[(String, PathBuf)]) -> Failure {
    let name = &wish.crate_name;
    let (text, hint) = match many {
        [] => (
            format!("crate `{name}` has no binary"),
            "a task is a program: add src/main.rs".to_owned(),
        ),
        _ => {
            let mut named: Vec<String> = many.iter().map(|(name, _)| format!("`{name}`")).collect();
            named.sort();
            let text = format!("crate `{name}` has {} binaries, none of its own name", many.len());
            (text, format!("call one of them `{name}`; it has {}", named.join(", ")))
        }
    };
    Failure::coded(Code::BUILD_FAILED, text).with_hint(hint)
}

/// Forgets what was built of some packages.
pub(super) async fn clean(folder: &Path, target: &Path, specs: &[String]) -> Result<(), Failure> {
    let mut cargo = cargo().args(["clean", "--release", "--manifest-path"]);
    cargo = cargo.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(target);
    for spec in specs {
        cargo = cargo.args(["-p", spec]);
    }
    let child = cargo.stdout(Output::Null).stderr(Output::Pipe).start();
    let mut child =
        child.map_err(|error| Failure::new(format!("running cargo: {}", chain(&error))))?;
    let talk = child.stderr().map(|stderr| tokio::spawn(last_of(stderr)));
    let exit = child.wait().await;
    if exit.success() {
        return Ok(());
    }
    let talk = match talk {
        Some(talk) => talk.await.unwrap_or_default(),
        None => String::new(),
    };
    Err(Failure::new(format!("cargo clean failed\n{}", talk.trim_end())).with_code(FAILED))
}

/// Builds a crate of a registry or of a git repository.
pub(super) async fn install(wish: &Wish, found: &Found, target: &Path) -> Result<PathBuf, Failure> {
    let root = target.join("installed").join(format!("{}-{}", wish.crate_name, wish.version));
    let mut cargo = cargo().args(["install", "--force", "--no-track", "--locked", "--root"]);
    cargo = cargo.arg(&root).arg("--target-dir").arg(target);
    match found {
        Found::Git { url, rev } => {
            cargo = cargo.args(["--git", url]);
            if !rev.is_empty() {
                cargo = cargo.args(["--rev", rev]);
            }
        }
        _ => {
            cargo = cargo.args(["--version", &format!("={}", wish.version)]);
            if let Some(registry) = &wish.registry {
                cargo = cargo.args(["--registry", registry]);
            }
        }
    }
    if !wish.features.is_empty() {
        cargo = cargo.args(["--features", &wish.features.join(",")]);
    }
    let run = run(cargo.arg(&wish.crate_name), |_| {}).await?;
    if !run.success {
        let missing =
            run.talk.contains("could not find") || run.talk.contains("no matching package");
        if missing {
            let hint = "compare name and version with the crate's Cargo.toml, or name its `path`";
            return Err(not_found(wish).with_hint(hint).with_output(run.talk.trim()));
        }
        return Err(
            not_built(wish, &run).with_hint("mend what cargo names, or take another version")
        );
    }
    Ok(root.join("bin").join(&wish.crate_name))
}

struct Run {
    success: bool,
    binaries: Vec<(String, PathBuf)>,
    talk: String,
}

/// Cargo with our environment, but for variables of the cargo that may have started us: they would
/// confuse the one that we start.
fn cargo() -> Spawn {
    let foreign =
        ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_TARGET_DIR"];
    let own = std::env::vars_os().filter(|(name, _)| !foreign.iter().any(|one| name == one));
    Spawn::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .envs(own)
        .parent_death(Signal::Kill)
        .own_group()
}

/// Ends cargo, its compilers and what build scripts have started, however the build is left.
struct Build(Child);

impl Drop for Build {
    fn drop(&mut self) {
        if self.0.try_wait().is_none() {
            lathe_child::kill_descendants(self.0.id(), Signal::Kill);
            // It may be gone by now.
            let _ = self.0.signal_group(Signal::Kill);
        }
    }
}

async fn run(cargo: Spawn, mut progress: impl FnMut(usize)) -> Result<Run, Failure> {
    let cargo = cargo.args(["--message-format", "json-render-diagnostics"]);
    let child = cargo.stdout(Output::Pipe).stderr(Output::Pipe).start();
    let mut build = Build(child.map_err(|error| {
        let text = format!("running cargo: {}", chain(&error));
        Failure::new(text).with_hint("Rust is needed to build crates")
    })?);
    let stdout = build.0.stdout().expect("it was piped just now");
    let stderr = build.0.stderr().expect("it was piped just now");
    let talk = tokio::spawn(last_of(stderr));
    let mut lines = BufReader::new(stdout).lines();
    let mut binaries = Vec::new();
    let mut done = 0;
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(&line) {
            done += 1;
            progress(done);
            if let Some(path) = artifact.executable {
                binaries.push((artifact.target.name.clone(), path.into()));
            }
        }
    }
    let exit = build.0.wait().await;
    let talk = talk.await.unwrap_or_default();
    Ok(Run { success: exit.success(), binaries, talk })
}

/// The end of a stream, as text.
async fn last_of(mut stream: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length) = stream.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        kept.extend_from_slice(&buffer[..length]);
        let excess = kept.len().saturating_sub(TALK_MAX as usize);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The workspace that this binary was built from, when it runs out of its target folder.
pub(crate) fn checkout() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let own = std::env::current_exe().ok()?;
    let profile = own.parent()?;
    let built_here = profile.join(".cargo-lock").exists() || profile.join("deps").is_dir();
    (built_here && root.join("Cargo.toml").exists()).then(|| root.to_owned())
}

/// Builds the daemons of the checkout in this binary's own profile and folder, and gives the paths
/// of the named binaries.
pub(crate) async fn build_workspace_binaries(
    root: &Path,
    names: &[&str],
    progress: impl FnMut(usize),
) -> Result<Vec<PathBuf>, Failure> {
    let own =
        std::env::current_exe().map_err(|error| Failure::io("finding this binary", &error))?;
    let target = own.parent().and_then(Path::parent).map(Path::to_owned);
    let mut cargo = cargo().dir(root).arg("build");
    if !cfg!(debug_assertions) {
        cargo = cargo.arg("--release");
    }
    if let Some(target) = target {
        cargo = cargo.arg("--target-dir").arg(target);
    }
    for name in names {
        cargo = cargo.args(["--bin", name]);
    }
    let run = run(cargo, progress).await?;
    if !run.success {
        let text = format!("the daemons did not build\n{}", run.talk.trim_end());
        return Err(Failure::new(text).with_code(FAILED));
    }
    let path_of = |name: &&str| {
        let found = run.binaries.iter().find(|(built, _)| built == name);
        found.map(|(_, path)| path.clone()).ok_or_else(|| {
            Failure::new(format!("cargo built no binary `{name}`")).with_code(FAILED)
        })
    };
    names.iter().map(path_of).collect()
}
