//! A registry on a real ZooKeeper with a catalog of 10,000 entries, as a scheduler would have left it.
//!
//! Owns the processes and the writing of changes. It must not know what is measured.

use std::path::Path;

use lathe_catalog::{Entry, State, TaskRecord, paths};
use lathe_child::{Child, Output, Signal};
use lathe_coordination::{Op, Options, Store};
use lathe_engines::{ZooKeeper, ZooKeeperSpec};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::failure::{Failure, with_causes};
use crate::programs::Programs;
use crate::surroundings::{Surroundings, program};

/// Tasks, and instances of each.
pub(super) const TASKS: u32 = 1_000;
pub(super) const INSTANCES: u32 = 10;
/// Entries that are written at one time.
const AT_ONCE: usize = 500;

/// What runs, until it is dropped.
pub(super) struct Stand {
    pub(super) store: Store,
    /// `host:port` of the registry.
    pub(super) address: String,
    registry: Child,
    _zookeeper: ZooKeeper,
    folder: TempDir,
}

impl Stand {
    /// Starts both, and fills the catalog. The registry runs on the cores of `on` where it is named.
    pub(super) async fn start(
        surroundings: &Surroundings,
        lathe: &Programs,
        on: Option<&str>,
    ) -> Result<Self, Failure> {
        let spec = ZooKeeperSpec { force_sync: true, ..ZooKeeperSpec::ensemble_of(1) };
        let zookeeper = ZooKeeper::start(&spec).await;
        let zookeeper = zookeeper.map_err(|error| Failure::Unexpected(with_causes(&error)))?;
        let address = zookeeper.url("/lathe-bench");
        let store = Store::connect(&address, Options::default()).await.map_err(unexpected)?;
        fill(&store).await?;
        let folder = surroundings.folder("discovery-")?;
        let config = configuration(folder.path(), &address)?;
        more_files();
        let registry = lathe.path("lathe-registry")?;
        let spawn = match on {
            Some(cores) => program("taskset").args(["-c", cores]).arg(registry),
            None => program(registry),
        };
        let spawn = spawn.args(["--config".as_ref(), config.as_os_str()]);
        let started = spawn.stdout(Output::Pipe).stderr(Output::Null).start();
        let mut registry = started
            .map_err(|source| Failure::Start { program: "lathe-registry".to_owned(), source })?;
        let address = listening(&mut registry).await?;
        Ok(Self { store, address, registry, _zookeeper: zookeeper, folder })
    }

    /// Has the first instance of a task be another one than before, in one commit with the task's
    /// record, as a scheduler does it. Gives the commit.
    pub(super) async fn change(&self, task: u32, number: u64) -> Result<u64, Failure> {
        let ops = vec![
            put(paths::entry(&incarnation(task, 0)), &entry(task, 0, number)),
            put(paths::task(&name(task)), &record(task, number)),
        ];
        self.store.multi(ops).await.map_err(unexpected)
    }

    /// Seconds of both cores that the registry has taken since its start.
    pub(super) fn cpu_seconds(&self) -> Result<f64, Failure> {
        cpu_seconds(&self.registry)
    }

    /// Where an agent beside it may keep what it has.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) async fn end(mut self) {
        // One that does not end is ended when it is dropped.
        let _ = self.registry.signal(Signal::Term);
        let _ = self.registry.wait().await;
    }
}

/// Seconds of all cores that a process has taken since its start.
pub(super) fn cpu_seconds(process: &Child) -> Result<f64, Failure> {
    cpu_seconds_of(process.id().as_raw())
}

/// The same of a process by its number.
pub(super) fn cpu_seconds_of(pid: u32) -> Result<f64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(|error| Failure::io("reading a process's times", error))?;
    let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
    let ticks = fields.into_iter().flatten().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    // USER_HZ, which is 100 wherever Linux shows it to programs.
    Ok(ticks / 100.0)
}

pub(super) fn unexpected(error: impl std::error::Error) -> Failure {
    Failure::Unexpected(with_causes(&error))
}

async fn fill(store: &Store) -> Result<(), Failure> {
    let tasks = (0..TASKS).map(|task| put(paths::task(&name(task)), &record(task, 0)));
    let entries = (0..TASKS).flat_map(|task| (0..INSTANCES).map(move |slot| (task, slot)));
    let entries = entries
        .map(|(task, slot)| put(paths::entry(&incarnation(task, slot)), &entry(task, slot, 0)));
    let ops: Vec<Op> = entries.chain(tasks).collect();
    for some in ops.chunks(AT_ONCE) {
        store.multi(some.to_vec()).await.map_err(unexpected)?;
    }
    Ok(())
}

fn put<T: serde::Serialize>(path: String, record: &T) -> Op {
    Op::put(path, serde_json::to_vec(record).expect("records have text keys only"))
}

pub(super) fn name(task: u32) -> String {
    format!("shop.page{task:04}")
}

pub(super) fn incarnation(task: u32, slot: u32) -> String {
    format!("{}#{slot}.1", name(task))
}

fn entry(task: u32, slot: u32, number: u64) -> Entry {
    Entry {
        topology: "shop".to_owned(),
        task: name(task),
        slot,
        incarnation: incarnation(task, slot),
        host: format!("host-{}", (task + slot) % 500),
        address: "10.0.0.1".to_owned(),
        ports: [("http".to_owned(), 31_000)].into(),
        tags: vec!["shop".to_owned(), name(task)],
        crate_name: "page".to_owned(),
        version: "1.0.0".to_owned(),
        // Nobody beats here, and who ends is not missed.
        state: State::Draining,
        reason: None,
        since_ms: number,
    }
}

fn record(task: u32, touched: u64) -> TaskRecord {
    TaskRecord {
        topology: "shop".to_owned(),
        task: name(task),
        groups: vec!["shop".to_owned(), name(task)],
        own: json!({ "greeting": "hi" }).as_object().cloned().unwrap_or_default(),
        crate_name: "page".to_owned(),
        version: "1.0.0".to_owned(),
        removed: false,
        touched,
    }
}

/// A registry without limits on one address: all clients have the same.
fn configuration(folder: &Path, store: &str) -> Result<std::path::PathBuf, Failure> {
    let key = folder.join("key");
    lathe_api::door::Key::read_or_create(&key).map_err(unexpected)?;
    let text = format!(
        "store = {}\nkey_file = {}\nlisten = \"127.0.0.1:0\"\nwatchers_max = 20000\n\
         watchers_per_address_max = 20000\nrequests_per_second = 0\n",
        json!(store),
        json!(key)
    );
    let path = folder.join("registry.toml");
    std::fs::write(&path, text).map_err(|error| Failure::io("writing a configuration", error))?;
    Ok(path)
}

/// As many open files as the system allows: one for each connection.
fn more_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is refused, too few connections are told as what they are.
    let _ = setrlimit(Resource::Nofile, limit);
}

pub(super) async fn listening(registry: &mut Child) -> Result<String, Failure> {
    let out = registry.stdout().ok_or_else(|| Failure::Unexpected("no output".to_owned()))?;
    let mut line = String::new();
    let read = BufReader::new(out).read_line(&mut line).await;
    read.map_err(|error| Failure::io("reading where the registry listens", error))?;
    let value: serde_json::Value = serde_json::from_str(&line)
        .map_err(|error| Failure::Unexpected(format!("the registry says {line:?}: {error}")))?;
    let url = value["listening"].as_str().unwrap_or_default();
    Ok(url.trim_start_matches("http://").to_owned())
}
