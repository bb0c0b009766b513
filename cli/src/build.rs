//! From the crates that a topology names to binaries that can be uploaded.
//!
//! Each crate is found, its source gets a key, and only an unknown key is built. Builds go one
//! after another through a shared target folder, since two versions of one crate would overwrite
//! each other's binaries.

mod cargo;
mod find;
mod inspect;
mod key;
mod stale;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lathe_topology::{Code, CrateSource, Health, TaskPath, TaskSpec, Topology};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::home::{cache_home, write_whole};
use crate::printer::Printer;

pub(crate) use cargo::{build_workspace_binaries, checkout};
use find::Found;

/// Between two looks whether another command has ended its builds.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A built crate: its binary in the cache, and what the scheduler is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub file: PathBuf,
    pub meta: Meta,
}

/// What is known of a binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub crate_name: String,
    pub version: String,
    pub sha256: String,
    pub size: u64,
    pub source_key: String,
    pub tasks: Vec<String>,
    pub sdk: bool,
}

/// One crate as tasks name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    crate_name: String,
    version: String,
    path: Option<String>,
    git: Option<(String, String)>,
    registry: Option<String>,
    features: Vec<String>,
}

impl Wish {
    fn of(task: &TaskSpec) -> Self {
        let source: &CrateSource = &task.source;
        let git = source.git.clone().map(|url| (url, source.rev.clone().unwrap_or_default()));
        Self {
            crate_name: task.crate_name.clone(),
            version: task.version.clone(),
            path: source.path.clone(),
            git,
            registry: source.registry.clone(),
            features: source.features.clone(),
        }
    }
}

/// Builds everything that the topology names, and checks that its tasks exist. All crates are
/// found, or all that are not are told, before the first is built.
pub(crate) async fn build_all(
    printer: &Printer,
    topology: &Topology,
    file: &Path,
) -> Result<Vec<Built>, Vec<Failure>> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let mut wishes: BTreeMap<Wish, Vec<TaskPath>> = BTreeMap::new();
    for task in &topology.tasks {
        wishes.entry(Wish::of(task)).or_default().push(task.path.clone());
    }
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for (wish, tasks) in &wishes {
        match find::find(wish, folder, &topology.crates_paths) {
            Ok(one) => found.push((wish, one)),
            Err(failure) => failures.push(failure.with_tasks(tasks.clone())),
        }
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let builder = Builder::new(printer).map_err(|failure| vec![failure])?;
    let mut built = BTreeMap::new();
    for (wish, place) in &found {
        let one = builder.build(wish, place).await;
        let tasks = || wishes.get(*wish).cloned().unwrap_or_default();
        let one = one.map_err(|failure| vec![failure.with_tasks(tasks())])?;
        built.insert((*wish).clone(), one);
    }
    let lacking: Vec<Failure> = topology
        .tasks
        .iter()
        .filter_map(|task| {
            let meta = &built.get(&Wish::of(task))?.meta;
            lacks(task, meta).or_else(|| cannot_beat(task, meta))
        })
        .collect();
    if lacking.is_empty() { Ok(built.into_values().collect()) } else { Err(lacking) }
}

/// The refusal of a task that its binary does not have.
fn lacks(task: &TaskSpec, meta: &Meta) -> Option<Failure> {
    if !meta.sdk || meta.tasks.contains(&task.task) {
        return None;
    }
    let text = format!("crate `{}` {} has no task `{}`", task.crate_name, task.version, task.task);
    let hint = match meta.tasks.as_slice() {
        [] => "it has no tasks at all: name them in `lathe::tasks!`".to_owned(),
        tasks => format!("its tasks are: {}", tasks.join(", ")),
    };
    let failure = Failure::coded(Code::TASK_NOT_IN_BINARY, text).at_key("task").with_hint(hint);
    Some(failure.with_tasks(vec![task.path.clone()]))
}

/// The refusal of a task that is to beat and whose program cannot.
fn cannot_beat(task: &TaskSpec, meta: &Meta) -> Option<Failure> {
    if meta.sdk || !matches!(task.health, Some(Health::Beat { .. })) {
        return None;
    }
    let (name, version) = (&task.crate_name, &task.version);
    let text =
        format!("crate `{name}` {version} has no SDK, whose beat its health check waits for");
    let failure = Failure::coded(Code::BEAT_WITHOUT_SDK, text).at_key("health");
    let failure =
        failure.with_hint("ask it by `http`, `tcp` or a `command`, or leave `health` out");
    Some(failure.with_tasks(vec![task.path.clone()]))
}

/// A source that is edited while it is built is built again, so many times.
const TRIES: u32 = 3;

struct Builder<'a> {
    printer: &'a Printer,
    artifacts: PathBuf,
    target: PathBuf,
    rustc: String,
}

impl<'a> Builder<'a> {
    fn new(printer: &'a Printer) -> Result<Self, Failure> {
        let cache = cache_home()?;
        let artifacts = cache.join("artifacts");
        std::fs::create_dir_all(&artifacts)
            .map_err(|error| Failure::io(format!("making {}", artifacts.display()), &error))?;
        let target = cache.join("build");
        Ok(Self { printer, artifacts, target, rustc: cargo::rustc_version()? })
    }

    async fn build(&self, wish: &Wish, found: &Found) -> Result<Built, Failure> {
        let mut key = key::of(wish, found, &self.rustc)?;
        let mut tries = 0;
        loop {
            let built = self.build_once(wish, found, &key).await?;
            // A source that was edited meanwhile must not be kept under the key from before.
            let now = key::of(wish, found, &self.rustc)?;
            if now == key {
                return Ok(built);
            }
            let _ = std::fs::remove_file(self.artifacts.join(format!("{}.json", key.text)));
            tries += 1;
            if tries == TRIES {
                let text = format!("the source of `{}` changes all the time", wish.crate_name);
                let failure = Failure::coded(Code::BUILD_FAILED, text);
                return Err(failure.with_hint("try again when nobody writes into its folder"));
            }
            key = now;
        }
    }

    async fn build_once(
        &self,
        wish: &Wish,
        found: &Found,
        key: &key::Key,
    ) -> Result<Built, Failure> {
        let source_key = key.text.clone();
        let file = self.artifacts.join(&source_key);
        let meta_file = self.artifacts.join(format!("{source_key}.json"));
        if let Some(meta) = known(&file, &meta_file) {
            return Ok(Built { file, meta });
        }
        let _turn = self.turn().await?;
        if let Some(meta) = known(&file, &meta_file) {
            return Ok(Built { file, meta });
        }
        let name = format!("{} {}", wish.crate_name, wish.version);
        let start = Instant::now();
        let progress = self.printer.progress(&format!("building {name}"));
        let binary = match found {
            Found::Folder(folder) => {
                let mut sources = stale::Sources::read(&self.target);
                sources.prepare(key, folder, &self.target).await?;
                let built = cargo::build(folder, wish, &self.target, |done| {
                    progress.now(format!("building {name} ({done} crates)"));
                })
                .await;
                if built.is_ok() {
                    sources.built(key)?;
                }
                built
            }
            Found::Registry | Found::Git { .. } => cargo::install(wish, found, &self.target).await,
        };
        let binary = match binary {
            Ok(binary) => binary,
            Err(failure) => {
                progress.clear();
                return Err(failure);
            }
        };
        let meta = inspect::inspect(wish, &binary, source_key, self.printer).await?;
        // The target folder's binary is overwritten by the next version of the crate.
        let part = self.artifacts.join(format!("{}.{}.part", meta.source_key, std::process::id()));
        std::fs::copy(&binary, &part)
            .and_then(|_| std::fs::rename(&part, &file))
            .map_err(|error| Failure::io(format!("keeping {}", file.display()), &error))?;
        let text = serde_json::to_vec(&meta).expect("plain values always serialise");
        write_whole(&meta_file, &text)?;
        progress.done(&format!("built {name} in {:.1} s", start.elapsed().as_secs_f64()));
        Ok(Built { file, meta })
    }
}

impl Builder<'_> {
    /// Held from a build to the copy of its binary: another command that builds another version of
    /// the crate at that moment would have its binary taken for this one's.
    async fn turn(&self) -> Result<File, Failure> {
        let path = self.artifacts.with_file_name("lock");
        let lock = File::create(&path)
            .map_err(|error| Failure::io(format!("opening {}", path.display()), &error))?;
        let mut told = false;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(lock),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    if !told {
                        self.printer.say("waiting for another command's builds");
                        told = true;
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => {
                    return Err(Failure::io(format!("locking {}", path.display()), &error.into()));
                }
            }
        }
    }
}

fn known(file: &Path, meta_file: &Path) -> Option<Meta> {
    let meta: Meta = serde_json::from_slice(&std::fs::read(meta_file).ok()?).ok()?;
    let size = std::fs::metadata(file).ok()?.len();
    (size == meta.size).then_some(meta)
}
