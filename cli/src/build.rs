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

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lathe_topology::{CrateSource, Topology};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::failure::{BAD_INPUT, Failure};
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
    fn new(crate_name: &str, version: &str, source: &CrateSource) -> Self {
        let git = source.git.clone().map(|url| (url, source.rev.clone().unwrap_or_default()));
        Self {
            crate_name: crate_name.to_owned(),
            version: version.to_owned(),
            path: source.path.clone(),
            git,
            registry: source.registry.clone(),
            features: source.features.clone(),
        }
    }
}

/// Builds everything that the topology names, and checks that its tasks exist.
pub(crate) async fn build_all(
    printer: &Printer,
    topology: &Topology,
    file: &Path,
) -> Result<Vec<Built>, Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let wishes: BTreeSet<Wish> = topology
        .tasks
        .iter()
        .map(|task| Wish::new(&task.crate_name, &task.version, &task.source))
        .collect();
    let builder = Builder::new(printer)?;
    let mut built = Vec::new();
    for wish in &wishes {
        let found = find::find(wish, folder, &topology.crates_paths)?;
        built.push(builder.build(wish, &found).await?);
    }
    check_tasks(topology, &built)?;
    Ok(built)
}

fn check_tasks(topology: &Topology, built: &[Built]) -> Result<(), Failure> {
    for task in &topology.tasks {
        let of_task = built
            .iter()
            .map(|one| &one.meta)
            .find(|meta| meta.crate_name == task.crate_name && meta.version == task.version);
        let Some(meta) = of_task.filter(|meta| meta.sdk) else { continue };
        if !meta.tasks.contains(&task.task) {
            let text = format!(
                "[LT0303] task `{}`: crate `{}` {} has no task `{}`",
                task.path, task.crate_name, task.version, task.task
            );
            let hint = format!("its tasks are: {}", meta.tasks.join(", "));
            return Err(Failure::new(text).with_code(BAD_INPUT).with_hint(hint));
        }
    }
    Ok(())
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
                return Err(Failure::new(text).with_code(BAD_INPUT));
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
        let meta = inspect::inspect(wish, &binary, source_key).await?;
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
