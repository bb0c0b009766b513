//! Everything real: ZooKeeper, Mesos masters that meet there, several schedulers and a registry, each
//! a process, and faults for each. Knows Lathe from outside only.

mod builds;
mod looking;
mod registries;

use std::path::{Path, PathBuf};
use std::process::Command;

use lathe_engines::{AgentSpec, Mesos, MesosSpec, Proxy, ZooKeeper, ZooKeeperSpec, block_on};
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::binaries;
use crate::child::{Outcome, Running};
use crate::http::Request;
use crate::journal::Journal;
use crate::lathe::clean;
use crate::process::Signal;
use crate::status::Status;
use crate::turns::Turn;
use crate::waiting::{BUILD, SOON, until};
use registries::Registry;

/// The schedulers' sessions with the store.
const SESSION: &str = "2s";

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub zookeepers: usize,
    pub masters: usize,
    pub agents: usize,
    pub schedulers: usize,
    /// After which agents remove the sandboxes of what has ended, such as `2mins`; without, they
    /// keep them for longer than any test.
    pub gc_delay: Option<&'static str>,
}

/// A scheduler, and the way that it has to the store and to the master.
#[derive(Debug)]
struct Scheduler {
    running: Option<Running>,
    url: String,
    /// To ZooKeeper, for the store alone.
    store: Proxy,
    flags: Vec<String>,
}

/// The whole of it. Everything ends with this.
#[derive(Debug)]
pub struct Several {
    // In the order in which they end.
    schedulers: Vec<Scheduler>,
    registries: Vec<Registry>,
    /// After which silence registries that start from now on suspect, where it is not the usual one.
    suspect_after: Option<&'static str>,
    /// Their tables of hooks.
    hooks: String,
    mesos: Mesos,
    zookeeper: ZooKeeper,
    folder: TempDir,
    artifacts_shared: bool,
    /// As many registries as schedulers are told to place.
    placing: usize,
    /// What those are told beside what each has to know.
    placed: Option<PathBuf>,
    /// The folder of what is started from now on.
    build: PathBuf,
    /// Of the first build, as files of configuration outlive an upgrade.
    deployed: PathBuf,
    _turn: Turn,
}

impl Several {
    /// Starts a ZooKeeper, so many masters and agents, and so many schedulers, of which one leads.
    ///
    /// # Panics
    /// When something does not start.
    #[must_use]
    pub fn start(masters: usize, agents: usize, schedulers: usize) -> Self {
        Self::of(&Shape { zookeepers: 1, masters, agents, schedulers, gc_delay: None })
    }

    /// The same with as many of everything as one likes.
    ///
    /// # Panics
    /// When something does not start.
    #[must_use]
    pub fn of(shape: &Shape) -> Self {
        Self::of_build(shape, &binaries().installed.with_file_name(""))
    }

    /// The same with the programs of a folder.
    ///
    /// # Panics
    /// When something does not start.
    #[must_use]
    pub fn of_build(shape: &Shape, build: &Path) -> Self {
        let turn = Turn::take();
        let folder = tempfile::Builder::new().prefix("lathe-system-").tempdir();
        let folder = folder.expect("a folder of its own");
        let zookeeper = block_on(ZooKeeper::start(&ZooKeeperSpec::ensemble_of(shape.zookeepers)));
        let zookeeper = zookeeper.unwrap_or_else(|failure| panic!("{failure}"));
        let agents = (1..=shape.agents).map(|number| AgentSpec::with(&format!("rack:r{number}")));
        let gc_delay = shape.gc_delay.iter().map(|after| ("gc_delay".into(), (*after).into()));
        let spec = MesosSpec {
            masters: shape.masters,
            agents: agents.collect(),
            zookeeper: Some(zookeeper.url("/mesos")),
            dir: Some(folder.path().join("mesos")),
            agent_flags: gc_delay.collect(),
            ..MesosSpec::default()
        };
        let mesos = block_on(Mesos::start(&spec)).unwrap_or_else(|failure| panic!("{failure}"));
        let mut new = Self {
            schedulers: Vec::new(),
            registries: Vec::new(),
            suspect_after: None,
            hooks: String::new(),
            mesos,
            zookeeper,
            folder,
            artifacts_shared: true,
            placing: 0,
            placed: None,
            build: build.to_owned(),
            deployed: builds::deployed(build),
            _turn: turn,
        };
        for _ in 0..shape.schedulers {
            new.add_scheduler(&[]);
        }
        new
    }

    /// One more scheduler; its number. `flags` are its own.
    ///
    /// # Panics
    /// When it does not start.
    pub fn add_scheduler(&mut self, flags: &[&str]) -> usize {
        let number = self.new_scheduler(flags);
        self.start_scheduler(number);
        number
    }

    /// One more scheduler that need not come to answer; its number.
    ///
    /// # Panics
    /// When its process does not start.
    pub fn enrol_scheduler(&mut self) -> usize {
        let number = self.new_scheduler(&[]);
        let running = Running::start(self.scheduler_command(number));
        self.schedulers[number].running = Some(running);
        number
    }

    /// What schedulers that start from now on say of their folder of artifacts.
    pub fn share_artifacts(&mut self, shared: bool) {
        self.artifacts_shared = shared;
    }

    fn new_scheduler(&mut self, flags: &[&str]) -> usize {
        let server = self.schedulers.len() % self.zookeeper.servers().len();
        let store = block_on(Proxy::start(self.zookeeper.address(server)));
        let store = store.unwrap_or_else(|failure| panic!("{failure}"));
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self.schedulers.push(Scheduler { running: None, url: String::new(), store, flags });
        self.schedulers.len() - 1
    }

    /// Starts a scheduler that has ended, and waits until it answers.
    ///
    /// # Panics
    /// When it runs already, or does not start.
    pub fn start_scheduler(&mut self, number: usize) {
        let command = self.scheduler_command(number);
        let scheduler = &mut self.schedulers[number];
        assert!(scheduler.running.is_none(), "it runs already");
        let running = Running::start(command);
        scheduler.url = address(&running.wait_for_line("listening", SOON));
        scheduler.running = Some(running);
        // The first one makes the key that both have.
        if self.registries.is_empty() && self.placing == 0 {
            self.add_registry();
        }
    }

    fn scheduler_command(&self, number: usize) -> Command {
        let scheduler = &self.schedulers[number];
        let data = self.folder.path().join(format!("scheduler-{number}"));
        std::fs::create_dir_all(&data).expect("a folder is made");
        std::fs::create_dir_all(self.folder.path().join("artifacts")).expect("a folder is made");
        // One folder for all, as on a shared disk.
        let link = data.join("artifacts");
        if !link.exists() {
            std::os::unix::fs::symlink("../artifacts", link).expect("a link is made");
        }
        let mut values: Vec<(&str, Value)> = vec![
            ("masters", serde_json::json!([self.zookeeper.url("/mesos")])),
            ("store", format!("zk://{}/lathe", scheduler.store.address()).into()),
            ("listen", "127.0.0.1:0".into()),
            ("data", data.display().to_string().into()),
            ("token_file", self.file("token").display().to_string().into()),
            ("key_file", self.file("key").display().to_string().into()),
            ("user", "root".into()),
            ("artifacts_shared", self.artifacts_shared.into()),
            ("session_timeout", SESSION.into()),
            ("log_format", "text".into()),
        ];
        if self.placing > 0 {
            values.push(("registries", self.placing.into()));
        }
        let config = self.configuration("lathe-scheduler.toml", &data, &values);
        if let Some(path) = &self.placed {
            let text = std::fs::read_to_string(&config).expect("it was just written");
            crate::files::write(&config, &format!("registry_config = {path:?}\n{text}"));
        }
        let mut command = Command::new(self.build.join("lathe-scheduler"));
        clean(&mut command);
        command.arg("--config").arg(config).args(&scheduler.flags).env("LATHE_LOG", "info");
        command
    }

    /// A file of `deploy/` with other values for keys that it has. One of a version of before may have no
    /// `token_file` yet.
    fn configuration(&self, name: &str, folder: &Path, values: &[(&str, Value)]) -> PathBuf {
        let mut text =
            std::fs::read_to_string(self.deployed.join(name)).expect("the file is there");
        for (key, value) in values {
            let start = format!("{key} = ");
            let line = text.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
            let Some(line) = line else {
                assert_eq!(*key, "token_file", "{name} has no such key");
                continue;
            };
            text = text.replacen(&line, &format!("{start}{value}"), 1);
        }
        crate::files::write(&folder.join(name), &text)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the test may write; gone at its end.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The masters and agents.
    #[must_use]
    pub fn mesos(&self) -> &Mesos {
        &self.mesos
    }

    /// The server of the store and of the masters' group.
    #[must_use]
    pub fn zookeeper(&self) -> &ZooKeeper {
        &self.zookeeper
    }

    /// A scheduler's way to the store.
    #[must_use]
    pub fn way_to_store(&self, scheduler: usize) -> &Proxy {
        &self.schedulers[scheduler].store
    }

    /// A scheduler that runs.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn scheduler(&self, number: usize) -> &Running {
        self.schedulers[number].running.as_ref().expect("it runs")
    }

    /// Ends a scheduler by a signal; what it said.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    pub fn end_scheduler(&mut self, number: usize, signal: Signal) -> Outcome {
        let running = self.schedulers[number].running.take().expect("it runs");
        running.signal(signal);
        running.finish(SOON)
    }

    /// Waits until a scheduler has ended by itself; what it said.
    ///
    /// # Panics
    /// When it does not.
    pub fn scheduler_ends(&mut self, number: usize) -> Outcome {
        self.schedulers[number].running.take().expect("it runs").finish(SOON)
    }

    /// What a scheduler's `/readyz` says, if it answers.
    #[must_use]
    pub fn readyz(&self, number: usize) -> Option<String> {
        let url = format!("{}/readyz", self.schedulers[number].url);
        Request::get(url).try_send().ok().map(|answer| answer.text())
    }

    /// A figure of a scheduler, by its whole name; none when it does not answer or has no such figure.
    #[must_use]
    pub fn figure(&self, number: usize, name: &str) -> Option<f64> {
        let url = format!("{}/metrics", self.schedulers[number].url);
        let page = Request::get(url).try_send().ok()?.text();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// Waits until another scheduler than `but` leads and is connected to a master; its number.
    ///
    /// # Panics
    /// When none does in time.
    #[must_use]
    pub fn leader(&self, but: Option<usize>) -> usize {
        until("a leader that is ready", SOON, || {
            let runs = |number: &usize| self.schedulers[*number].running.is_some();
            let mut numbers = (0..self.schedulers.len()).filter(runs);
            numbers.find(|number| {
                Some(*number) != but && self.readyz(*number).as_deref() == Some("ready\n")
            })
        })
    }

    /// Where a scheduler answers.
    #[must_use]
    pub fn url(&self, scheduler: usize) -> &str {
        &self.schedulers[scheduler].url
    }

    /// The token of all schedulers.
    ///
    /// # Panics
    /// When there is none yet.
    #[must_use]
    pub fn token(&self) -> String {
        let text = std::fs::read_to_string(self.file("token")).expect("the token file");
        text.trim().to_owned()
    }

    /// A command by way of a scheduler, whether it leads or not.
    #[must_use]
    pub fn lathe(&self, scheduler: usize, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(self.build.join("lathe"));
        clean(&mut command);
        command.env("LATHE_HOME", self.file("home"));
        command.env("LATHE_CACHE", binaries().cache.join("lathe"));
        command.args(["--scheduler", &self.schedulers[scheduler].url]);
        command.arg("--token-file").arg(self.file("token")).args(arguments);
        Running::complete(command, BUILD)
    }

    /// The state, as a scheduler has it or hands it on.
    #[must_use]
    pub fn status(&self, scheduler: usize) -> Option<Status> {
        let outcome = self.lathe(scheduler, &["status", "--json"]);
        serde_json::from_str(&outcome.out).ok().filter(|_| outcome.code == Some(0))
    }

    /// Waits until so many instances are ready, and no other is there.
    ///
    /// # Panics
    /// When that is not so in time.
    #[must_use]
    pub fn all_ready(&self, scheduler: usize, number: usize) -> Status {
        until(&format!("{number} that are ready"), SOON, || {
            let status = self.status(scheduler)?;
            let all = status.instances.len() == number && status.ready() == number;
            (all && status.scheduler.connected).then_some(status)
        })
    }

    /// What executors have written of their tasks, on all agents that there ever were.
    #[must_use]
    pub fn journal(&self) -> Journal {
        Journal::read(&self.folder.path().join("mesos"))
    }
}

/// Where a daemon listens, of the line that says so.
fn address(line: &str) -> String {
    let said: Value = serde_json::from_str(line).expect("it says where as JSON");
    said["listening"].as_str().expect("a URL").to_owned()
}
