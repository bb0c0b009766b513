//! Running a hook's program: clean environment, named user, a group of its own, bounded in time and output.
//!
//! Owns what a program is told: variables, and the state with its difference on standard input.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lathe_catalog::Entry;
use lathe_child::{Child, Output, OutputReader, Signal, Spawn, User};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Serialize;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use crate::engine::{End, Start};
use crate::files::{Folder, write_whole};
use crate::recipe::Recipe;
use crate::snapshot::Input;

/// Bytes of output that are kept, the last ones.
const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// Whoever holds the output open after the program's end is not waited for any longer.
const OUTPUT_GRACE: Duration = Duration::from_millis(200);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a program reads.
#[derive(Clone, Debug)]
pub(crate) enum Stdin {
    /// A file, from its beginning.
    File(PathBuf),
    /// This, which stands in no file.
    Text(Vec<u8>),
}

impl Stdin {
    fn open(&self) -> std::io::Result<File> {
        match self {
            Self::File(path) => {
                let named = |error: std::io::Error| {
                    std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                };
                File::open(path).map_err(named)
            }
            Self::Text(text) => {
                let mut file: File = memfd_create("stdin", MemfdFlags::CLOEXEC)?.into();
                file.write_all(text)?;
                file.rewind()?;
                Ok(file)
            }
        }
    }
}

/// A program that is to run, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) words: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) user: Option<String>,
    pub(crate) stdin: Option<Stdin>,
    pub(crate) timeout: Duration,
    pub(crate) kill_after: Duration,
}

impl Program {
    /// A program of a recipe, with its environment.
    pub(crate) fn of(recipe: &Recipe, words: &[String]) -> Self {
        let mut env = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
        env.extend(recipe.env.clone());
        env.insert("LATHE_HOOK".to_owned(), recipe.name.clone());
        Self {
            words: words.to_vec(),
            env,
            user: recipe.user.clone(),
            stdin: None,
            timeout: Duration::from_millis(recipe.timeout_ms),
            kill_after: Duration::from_millis(recipe.kill_after_ms),
        }
    }

    /// The hook's own program, which is told what it is to follow.
    pub(crate) fn told(recipe: &Recipe, folder: &Folder, start: &Start) -> Self {
        let mut program = Self::of(recipe, &recipe.command);
        let path = folder.told().display().to_string();
        for (name, value) in [
            ("LATHE_REASON", start.why.as_str().to_owned()),
            ("LATHE_VERSION", start.version.to_string()),
            ("LATHE_PREV_VERSION", start.from_version.to_string()),
            ("LATHE_HISTORY", start.history.clone()),
            ("LATHE_STALE", u8::from(start.stale).to_string()),
            ("LATHE_STATE", path),
        ] {
            program.env.insert(name.to_owned(), value);
        }
        program.stdin = Some(Stdin::File(folder.told()));
        program
    }

    /// Runs it to its end, or until it is stopped. It ends with this process, too: the next life of this
    /// process begins with nobody of the last one.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) -> End {
        let began = Instant::now();
        let tail = Tail::default();
        let (ok, how) = match self.start() {
            Err(problem) => (false, problem),
            Ok(mut child) => {
                let readers = [child.stdout(), child.stderr()].into_iter().flatten();
                let readers: Vec<_> =
                    readers.map(|one| tokio::spawn(tail.clone().read(one))).collect();
                let told = tokio::select! {
                    exit = child.wait() => Ok(exit),
                    () = tokio::time::sleep(self.timeout) => {
                        Err(format!("no end within {} ms", self.timeout.as_millis()))
                    }
                    _ = stop.wait_for(|stop| *stop) => Err("it was stopped with this process".to_owned()),
                };
                let told = match told {
                    Ok(exit) => (exit.success(), exit.to_string()),
                    Err(why) => {
                        let exit = child.end(self.kill_after).await;
                        (false, format!("{why}; its group was ended ({exit})"))
                    }
                };
                for reader in readers {
                    let abort = reader.abort_handle();
                    if tokio::time::timeout(OUTPUT_GRACE, reader).await.is_err() {
                        abort.abort();
                    }
                }
                told
            }
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        End { ok, how, output: tail.text(), took_ms }
    }

    fn start(&self) -> Result<Child, String> {
        let (program, arguments) = self.words.split_first().ok_or("it has no program")?;
        let mut spawn = Spawn::new(program)
            .args(arguments)
            .envs(&self.env)
            .dir("/")
            .stdout(Output::Pipe)
            .stderr(Output::Pipe)
            .own_group()
            .parent_death(Signal::Kill);
        if let Some(name) = &self.user {
            let user = User::by_name(name).map_err(|error| error.to_string())?;
            spawn = spawn.user(name).env("USER", name).env("HOME", user.home);
        }
        if let Some(stdin) = &self.stdin {
            spawn = spawn.stdin(stdin.open().map_err(|error| error.to_string())?);
        }
        spawn.start().map_err(|error| with_causes(&error))
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The state, and how it differs from the one that was acknowledged.
#[derive(Serialize)]
struct Told<'a> {
    hook: &'a str,
    reason: &'a str,
    history: &'a str,
    from_version: u64,
    version: u64,
    stale: bool,
    added: Vec<&'a Entry>,
    removed: Vec<&'a Entry>,
    changed: Vec<&'a Entry>,
    groups: &'a BTreeMap<String, Vec<Entry>>,
}

/// Writes what the program of a run is told, and gives the state that is to be followed. On the way back the
/// roles are changed.
pub(crate) fn tell(recipe: &Recipe, folder: &Folder, start: &Start) -> Result<Input, String> {
    let back = start.why == crate::engine::Why::Rollback;
    let empty = || Input {
        history: start.history.clone(),
        version: 0,
        hash: String::new(),
        groups: BTreeMap::new(),
    };
    let before = Folder::input(&folder.last()).unwrap_or_else(empty);
    let after = Folder::input(&folder.next()).unwrap_or_else(empty);
    let (before, after) = if back { (after, before) } else { (before, after) };
    let (was, is) = (before.entries(), after.entries());
    let told = Told {
        hook: &recipe.name,
        reason: start.why.as_str(),
        history: &start.history,
        from_version: start.from_version,
        version: start.version,
        stale: start.stale,
        added: is.iter().filter(|(id, _)| !was.contains_key(*id)).map(|(_, one)| *one).collect(),
        removed: was.iter().filter(|(id, _)| !is.contains_key(*id)).map(|(_, one)| *one).collect(),
        changed: is
            .iter()
            .filter(|(id, one)| was.get(*id).is_some_and(|before| before != *one))
            .map(|(_, one)| *one)
            .collect(),
        groups: &after.groups,
    };
    let text = serde_json::to_vec(&told).map_err(|error| error.to_string())?;
    let user = recipe.user.as_deref().map(User::by_name).transpose();
    let user = user.map_err(|error| error.to_string())?;
    let path = folder.told();
    write_whole(&path, &text, (0o600, user)).map_err(|error| wrong(&path, &error))?;
    Ok(after)
}

fn wrong(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// The last of what a program writes; clones share it.
#[derive(Clone, Debug, Default)]
struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    async fn read(self, mut reader: OutputReader) {
        let mut buffer = vec![0; 8 << 10];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&buffer[..count]);
            let over = kept.len().saturating_sub(OUTPUT_BYTES_MAX);
            kept.drain(..over);
        }
    }

    fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

#[cfg(test)]
mod tests;
