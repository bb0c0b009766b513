//! A scheduler on a real Mesos, and commands to it: as [`crate::Lathe`], with the parts started one by
//! one.
//!
//! Its store is the local one, in a process of its own, so that schedulers may die without it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lathe_engines::{Mesos, MesosSpec, block_on};
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::binaries;
use crate::child::{Outcome, Running};
use crate::http::{Answer, Request};
use crate::lathe::clean;
use crate::process::{Process, Signal};
use crate::status::Status;
use crate::turns::Turn;
use crate::waiting::{BUILD, SOON, until};

/// Masters, agents, a store and a scheduler. Everything ends with this.
#[derive(Debug)]
pub struct OnMesos {
    // In the order in which they end.
    scheduler: Option<Running>,
    url: String,
    mesos: Mesos,
    store: Running,
    folder: TempDir,
    flags: Vec<String>,
    _turn: Turn,
}

impl OnMesos {
    /// Starts a Mesos and a scheduler, and waits until that is subscribed.
    #[must_use]
    pub fn with(spec: &MesosSpec) -> Self {
        let mut new = Self::without_scheduler(spec);
        new.start_scheduler(&["--master", &new.mesos.url()]);
        new.connected();
        new
    }

    /// Starts a Mesos and a store.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn without_scheduler(spec: &MesosSpec) -> Self {
        let built = &binaries().built;
        let turn = Turn::take();
        let folder = tempfile::Builder::new().prefix("lathe-system-").tempdir();
        let folder = folder.expect("a folder of its own");
        let mut command =
            std::process::Command::new(built.with_file_name("lathe-store-test-server"));
        let socket = folder.path().join("store.sock");
        command.args([folder.path().join("store"), socket.clone()]);
        let store = Running::start(command);
        // A scheduler waits for it no longer than it has to where the disk is not busy.
        until("the socket of the store", SOON, || socket.exists().then_some(()));
        let mesos = block_on(Mesos::start(spec)).unwrap_or_else(|failure| panic!("{failure}"));
        let (url, flags) = (String::new(), Vec::new());
        Self { scheduler: None, url, mesos, store, folder, flags, _turn: turn }
    }

    /// The masters and agents.
    #[must_use]
    pub fn mesos(&self) -> &Mesos {
        &self.mesos
    }

    /// Where the test may write; gone at its end.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the scheduler answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process of the store.
    #[must_use]
    pub fn store(&self) -> Process {
        self.store.process()
    }

    /// Starts a scheduler with these flags beside those that every one has, and waits until it answers.
    pub fn start_scheduler(&mut self, flags: &[&str]) {
        self.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self.start_again();
    }

    /// Starts the scheduler as it was started last.
    ///
    /// # Panics
    /// When one runs.
    pub fn start_again(&mut self) {
        assert!(self.scheduler.is_none(), "one runs already");
        let scheduler = Running::start(self.scheduler_command());
        let line = scheduler.wait_for_line("listening", SOON);
        let said: Value = serde_json::from_str(&line).expect("it says where as JSON");
        self.url = said["listening"].as_str().expect("a URL").to_owned();
        self.scheduler = Some(scheduler);
    }

    fn scheduler_command(&self) -> std::process::Command {
        let program = binaries().installed.with_file_name("lathe-scheduler");
        let mut command = std::process::Command::new(program);
        clean(&mut command);
        let data = self.folder.path().join("scheduler");
        command.arg("--data").arg(&data).arg("--token-file").arg(self.token_file());
        let store = self.folder.path().join("store.sock");
        command.arg("--store").arg(format!("local:{}", store.display()));
        // Where it listened before: so it knows its own place in the election.
        let listen = self.url.strip_prefix("http://").unwrap_or("127.0.0.1:0");
        command.args(["--listen", listen, "--session-timeout", "2s"]);
        command.args(&self.flags).env("LATHE_LOG", "info");
        command
    }

    /// The scheduler that runs.
    ///
    /// # Panics
    /// When none does.
    #[must_use]
    pub fn scheduler(&self) -> &Running {
        self.scheduler.as_ref().expect("a scheduler runs")
    }

    /// Ends the scheduler by a signal; what it said.
    ///
    /// # Panics
    /// When none runs, or it does not end.
    pub fn end_scheduler(&mut self, signal: Signal) -> Outcome {
        let scheduler = self.scheduler.take().expect("a scheduler runs");
        scheduler.signal(signal);
        scheduler.finish(SOON)
    }

    /// Waits until the scheduler ends by itself.
    ///
    /// # Panics
    /// When none runs, or it does not end.
    pub fn scheduler_ends(&mut self) -> Outcome {
        self.scheduler.take().expect("a scheduler runs").finish(SOON)
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// A command to the scheduler, to its end.
    #[must_use]
    pub fn lathe(&self, arguments: &[&str]) -> Outcome {
        let mut command = std::process::Command::new(&binaries().installed);
        clean(&mut command);
        command.env("LATHE_HOME", self.folder.path().join("home"));
        command.env("LATHE_CACHE", binaries().cache.join("lathe"));
        command.env("LATHE_SCHEDULER", &self.url).env("LATHE_TOKEN_FILE", self.token_file());
        command.args(arguments).current_dir(self.folder.path());
        Running::complete(command, BUILD)
    }

    /// Submits a file, and waits until it stands.
    ///
    /// # Panics
    /// When it is refused.
    pub fn submit(&self, file: &Path) {
        let file = file.to_str().expect("paths of tests are UTF-8");
        let _ = self.lathe(&["submit", file]).with_code(0);
    }

    /// `lathe status --json`, looked at until it is as wanted.
    ///
    /// # Panics
    /// When it is not in time, with the last one.
    pub fn status_when(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let end = std::time::Instant::now() + SOON;
        until(what, SOON * 2, || {
            let outcome = self.lathe(&["status", "--json"]);
            let status: Option<Status> = serde_json::from_str(&outcome.out).ok();
            let found = status.filter(|status| wanted(status));
            let late = std::time::Instant::now() >= end;
            assert!(found.is_some() || !late, "waited for {what}; {} {}", outcome.out, self.log());
            found
        })
    }

    /// Waits until so many instances are ready and none is otherwise.
    pub fn all_ready(&self, number: usize) -> Status {
        self.status_when(&format!("{number} ready"), |now| {
            now.ready() == number && now.instances.len() == number
        })
    }

    /// Waits until the scheduler is subscribed; the framework's id.
    pub fn connected(&self) -> String {
        let status = self.status_when("a subscription", |now| {
            now.scheduler.connected && now.scheduler.framework_id.is_some()
        });
        status.scheduler.framework_id.expect("it was there just now")
    }

    /// A figure of the scheduler's metrics; of those with labels, by the whole name.
    #[must_use]
    pub fn figure(&self, name: &str) -> f64 {
        let page = Request::get(format!("{}/metrics", self.url)).send().text();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |text| text.trim().parse().expect("a figure is a number"))
    }

    /// All figures of the leading master.
    ///
    /// # Panics
    /// When no master answers.
    #[must_use]
    pub fn master_figures(&self) -> BTreeMap<String, f64> {
        let page = self.master_page("/metrics/snapshot");
        let all = page.as_object().expect("an object").iter();
        all.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
    }

    /// The framework's figure at the leading master, such as `calls/revive`.
    #[must_use]
    pub fn framework_figure(&self, name: &str) -> f64 {
        let all = self.master_figures();
        let ours = |(have, _): &(&String, &f64)| {
            have.starts_with("master/frameworks/lathe/") && have.ends_with(&format!("/{name}"))
        };
        all.iter().find(ours).map_or(0.0, |(_, value)| *value)
    }

    /// What the leading master says at a path.
    ///
    /// # Panics
    /// When no master answers.
    #[must_use]
    pub fn master_page(&self, path: &str) -> Value {
        block_on(async {
            let leader = self.mesos.leader().await.expect("a master leads");
            self.mesos.read_master(leader, path).await.expect("it answers with JSON")
        })
    }

    /// An operator's call, as JSON, which must be taken.
    ///
    /// # Panics
    /// When it is not.
    pub fn operate(&self, call: &Value) -> Answer {
        let leader = block_on(self.mesos.leader()).expect("a master leads");
        let url = format!("http://{}/api/v1", self.mesos.master_address(leader));
        let post = Request::post(url, call.to_string()).header("content-type", "application/json");
        let answer = post.header("accept", "application/json").send();
        assert!(matches!(answer.status, 200 | 202), "{} {}", answer.status, answer.text());
        answer
    }

    /// The framework as the master lists it.
    ///
    /// # Panics
    /// When it does not list exactly one.
    #[must_use]
    pub fn framework(&self) -> Value {
        let page = self.master_page("/master/frameworks");
        let all = page["frameworks"].as_array().expect("a list");
        assert_eq!(all.len(), 1, "{page}");
        all[0].clone()
    }

    /// The states that the leading master has of a task's instances, those included that have ended
    /// and are not acknowledged.
    ///
    /// # Panics
    /// When it does not list exactly one framework.
    #[must_use]
    pub fn states_of(&self, task: &str) -> Vec<String> {
        let page = self.master_page("/master/state");
        let tasks = page["frameworks"][0]["tasks"].as_array().expect("one framework with tasks");
        let prefix = format!("{task}#");
        let ours =
            |one: &&Value| one["name"].as_str().is_some_and(|name| name.starts_with(&prefix));
        let states = tasks.iter().filter(ours).filter_map(|one| one["state"].as_str());
        states.map(str::to_owned).collect()
    }

    /// The id that the master knows an agent by.
    ///
    /// # Panics
    /// When it does not know it.
    #[must_use]
    pub fn agent_id(&self, agent: usize) -> String {
        let pid = format!("slave(1)@{}", self.mesos.agent_address(agent));
        let page = self.master_page("/master/slaves");
        let all = page["slaves"].as_array().expect("a list");
        let found = all.iter().find(|one| one["pid"] == pid.as_str());
        found.and_then(|one| one["id"].as_str()).expect("it is listed").to_owned()
    }

    /// The processes of instances by incarnation.
    #[must_use]
    pub fn tasks(&self) -> BTreeMap<String, Process> {
        let mut tasks = BTreeMap::new();
        let executors: BTreeSet<u32> = self.executors().iter().map(|one| one.pid).collect();
        let mut all = Process::all();
        all.sort_by_key(Process::started);
        for one in all.into_iter().filter(|one| executors.contains(&one.parent)) {
            if let Some(incarnation) = one.environment().remove("LATHE_INCARNATION") {
                tasks.entry(incarnation).or_insert(one);
            }
        }
        tasks
    }

    /// The processes of executors.
    #[must_use]
    pub fn executors(&self) -> Vec<Process> {
        let framework = self.connected();
        let is_ours = |one: &Process| {
            let of = || one.environment().remove("MESOS_FRAMEWORK_ID");
            one.name == "lathe-executor" && of().as_ref() == Some(&framework)
        };
        Process::all().into_iter().filter(is_ours).collect()
    }

    fn log(&self) -> String {
        let said = self.scheduler.as_ref().map(Running::said).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for OnMesos {
    #[expect(clippy::print_stderr, reason = "what a failed test needs to be understood")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- scheduler\n{}", self.log());
        }
    }
}
