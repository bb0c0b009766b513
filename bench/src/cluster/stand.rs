//! A real cluster: ZooKeeper with each write on its disk, Mesos with its default times, schedulers and
//! a registry, each a process.
//!
//! Owns what is started and how it ends. It must not know what is measured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lathe_api::rest::Endpoints;
use lathe_child::{Child, Output, Pid, Signal, Spawn};
use lathe_engines::{AgentSpec, Mesos, MesosSpec, ZooKeeper, ZooKeeperSpec};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::events;
use crate::failure::{Failure, with_causes};
use crate::programs::Programs;
use crate::surroundings::{Surroundings, program};
use crate::up::SOON;

/// The session that Mesos has with ZooKeeper by default.
const MESOS_SESSION: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const GRACE: Duration = Duration::from_secs(20);

/// What is wanted.
#[derive(Clone, Debug)]
pub(super) struct Spec<'a> {
    pub(super) schedulers: usize,
    pub(super) agents: usize,
    /// Of each agent.
    pub(super) resources: &'a str,
    /// The schedulers', with ZooKeeper.
    pub(super) session: Duration,
    /// In place of Lathe's own.
    pub(super) executor: Option<&'a Path>,
}

/// A daemon of Lathe that runs. Dropping it does not end it; the end of this process does.
#[derive(Debug)]
struct Server {
    child: Child,
    url: String,
}

/// The whole of it.
#[derive(Debug)]
pub(super) struct Stand {
    // In the order in which they end.
    schedulers: Vec<Option<Server>>,
    registry: Option<Server>,
    pub(super) mesos: Mesos,
    zookeeper: ZooKeeper,
    folder: TempDir,
    lathe: Programs,
    session: Duration,
    executor: Option<PathBuf>,
}

fn engine(error: &lathe_engines::Failure) -> Failure {
    Failure::Unexpected(with_causes(error))
}

impl Stand {
    /// Starts all, and waits until a scheduler leads and has a master.
    pub(super) async fn start(
        surroundings: &Surroundings,
        lathe: &Programs,
        spec: &Spec<'_>,
    ) -> Result<Self, Failure> {
        let folder = surroundings.folder("stand-")?;
        let one = ZooKeeperSpec { force_sync: true, ..ZooKeeperSpec::default() };
        let zookeeper = ZooKeeper::start(&one).await.map_err(|error| engine(&error))?;
        let agents = (1..=spec.agents).map(|number| AgentSpec {
            resources: spec.resources.to_owned(),
            ..AgentSpec::with(&format!("rack:r{number}"))
        });
        let wanted = MesosSpec {
            agents: agents.collect(),
            zookeeper: Some(zookeeper.url("/mesos")),
            quick: false,
            session_timeout: MESOS_SESSION,
            dir: Some(folder.path().join("mesos")),
            ..MesosSpec::default()
        };
        let mesos = Mesos::start(&wanted).await.map_err(|error| engine(&error))?;
        let mut new = Self {
            schedulers: Vec::new(),
            registry: None,
            mesos,
            zookeeper,
            folder,
            lathe: lathe.clone(),
            session: spec.session,
            executor: spec.executor.map(Path::to_owned),
        };
        for number in 0..spec.schedulers {
            new.schedulers.push(None);
            new.start_scheduler(number).await?;
            if number == 0 {
                // The first scheduler has made the key that both have.
                new.registry = Some(new.start_registry().await?);
            }
        }
        new.leader().await?;
        Ok(new)
    }

    /// Starts a scheduler that does not run, and waits until it answers.
    pub(super) async fn start_scheduler(&mut self, number: usize) -> Result<(), Failure> {
        let data = self.folder.path().join(format!("scheduler-{number}"));
        let shared = self.folder.path().join("artifacts");
        let io = |error| Failure::io("making a scheduler's folders", error);
        std::fs::create_dir_all(&data).map_err(io)?;
        std::fs::create_dir_all(&shared).map_err(io)?;
        // One folder for all, as on a shared disk.
        let link = data.join("artifacts");
        if !link.exists() {
            std::os::unix::fs::symlink(&shared, &link).map_err(io)?;
        }
        let config = data.join("lathe-scheduler.toml");
        std::fs::write(&config, "artifacts_shared = true\n").map_err(io)?;
        let mut spawn = program(self.lathe.path("lathe-scheduler")?)
            .arg("--config")
            .arg(config)
            .args(["--master", &self.zookeeper.url("/mesos")])
            .args(["--store", &self.zookeeper.url("/lathe")])
            .args(["--session-timeout", &format!("{}s", self.session.as_secs())])
            .arg("--data")
            .arg(&data)
            .arg("--token-file")
            .arg(self.file("token"))
            .arg("--key-file")
            .arg(self.file("key"));
        if let Some(executor) = &self.executor {
            spawn = spawn.arg("--executor").arg(executor);
        }
        self.schedulers[number] = Some(start(spawn, &data.join("log")).await?);
        Ok(())
    }

    async fn start_registry(&self) -> Result<Server, Failure> {
        let spawn = program(self.lathe.path("lathe-registry")?)
            .args(["--store", &self.zookeeper.url("/lathe")])
            .arg("--key-file")
            .arg(self.file("key"));
        start(spawn, &self.file("registry.log")).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The process of a scheduler that runs.
    pub(super) fn kill(&self, number: usize) -> Result<(), Failure> {
        let io = |error| Failure::io("killing a scheduler", error);
        self.server(number)?.child.signal(Signal::Kill).map_err(io)
    }

    /// Takes a scheduler that was killed off the list.
    pub(super) async fn bury(&mut self, number: usize) {
        if let Some(mut server) = self.schedulers[number].take() {
            server.child.wait().await;
        }
    }

    fn server(&self, number: usize) -> Result<&Server, Failure> {
        let server = self.schedulers[number].as_ref();
        server.ok_or_else(|| Failure::Unexpected(format!("scheduler {number} does not run")))
    }

    /// What a client of a scheduler has to know.
    pub(super) fn endpoints(&self, number: usize) -> Result<Endpoints, Failure> {
        Ok(Endpoints {
            pid: Pid::own().as_raw(),
            scheduler: self.server(number)?.url.clone(),
            registries: self.registry.iter().map(|registry| registry.url.clone()).collect(),
            master: self.zookeeper.url("/mesos"),
            token_file: self.file("token").display().to_string(),
        })
    }

    /// The command line, told of a scheduler.
    pub(super) fn command(&self, number: usize) -> Result<Spawn, Failure> {
        let endpoints = self.endpoints(number)?;
        Ok(program(self.lathe.path("lathe")?)
            .env("LATHE_HOME", self.file("home"))
            .args(["--scheduler", &endpoints.scheduler])
            .args(["--token-file", &endpoints.token_file]))
    }

    /// Waits until a scheduler leads and is subscribed; its number.
    pub(super) async fn leader(&self) -> Result<usize, Failure> {
        self.says("a scheduler that leads", None, |says| says == "ready\n").await
    }

    /// Waits until a scheduler leads and is subscribed, another than the one given.
    pub(super) async fn next_leader(&self, but: usize) -> Result<usize, Failure> {
        self.says("another scheduler that leads", Some(but), |says| says == "ready\n").await
    }

    /// Waits until a scheduler stands by, another than the one given.
    pub(super) async fn standby(&self, but: usize) -> Result<usize, Failure> {
        let stands_by = |says: &str| says.starts_with("ready, stands by");
        self.says("a scheduler that stands by", Some(but), stands_by).await
    }

    async fn says(
        &self,
        what: &str,
        but: Option<usize>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<usize, Failure> {
        let look = async {
            loop {
                for number in 0..self.schedulers.len() {
                    if Some(number) == but || self.schedulers[number].is_none() {
                        continue;
                    }
                    let endpoints = self.endpoints(number)?;
                    let said = events::body(&endpoints, "/readyz").await.unwrap_or_default();
                    if fits(&String::from_utf8_lossy(&said)) {
                        return Ok(number);
                    }
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let late = |_| Failure::Late { what: what.to_owned(), limit: SOON };
        tokio::time::timeout(SOON, look).await.map_err(late)?
    }

    /// Ends all of it.
    pub(super) async fn end(mut self) {
        let servers = self.schedulers.iter_mut().filter_map(Option::as_mut);
        for server in servers.chain(self.registry.as_mut()) {
            server.child.end(GRACE).await;
        }
    }
}

/// Starts a daemon, and waits for the line that says where it listens.
async fn start(spawn: Spawn, log: &Path) -> Result<Server, Failure> {
    let file = std::fs::File::options().create(true).append(true).open(log);
    let file = file.map_err(|error| Failure::io("making a log", error))?;
    let what = log.display().to_string();
    let started = spawn.stdout(Output::Pipe).stderr(Output::File(file)).start();
    let mut child = started.map_err(|source| Failure::Start { program: what.clone(), source })?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout() {
        let mut lines = BufReader::new(stdout);
        let read = lines.read_line(&mut line);
        let late = |_| Failure::Late { what: format!("the line of {what}"), limit: SOON };
        let read = tokio::time::timeout(SOON, read).await.map_err(late)?;
        read.map_err(|error| Failure::io("reading a daemon's line", error))?;
    }
    let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
    if let Some(url) = said["listening"].as_str() {
        return Ok(Server { child, url: url.to_owned() });
    }
    let exit = child.end(GRACE).await;
    let said = std::fs::read_to_string(log).unwrap_or_default();
    Err(Failure::Ended { what, how: exit.to_string(), said })
}
