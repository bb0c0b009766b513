//! One Lathe of a test: a home of its own, `lathe up` in it, commands from a second terminal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::binaries;
use crate::child::{Outcome, Running};
use crate::http::Request;
use crate::process::{Process, Signal};
use crate::status::{Instance, Status};
use crate::turns::Turn;
use crate::waiting::{BUILD, SOON, until};

/// The last thing that `lathe up` says when all is done.
const STANDS: &str = "Ctrl-C ends everything";

/// A home and what runs in it. Whatever that is, it is killed when this is dropped.
#[derive(Debug)]
pub struct Lathe {
    up: Option<Running>,
    folder: TempDir,
    _turn: Turn,
}

impl Lathe {
    /// An empty home; nothing runs yet. Waits for a turn: only so many clusters run at a time.
    ///
    /// # Panics
    /// When the binaries do not build.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it waits and builds; a default would hide it")]
    pub fn new() -> Self {
        binaries();
        let turn = Turn::take();
        let folder = tempfile::Builder::new().prefix("lathe-system-").tempdir();
        Self { up: None, folder: folder.expect("a folder of its own"), _turn: turn }
    }

    /// A home with a topology that runs.
    #[must_use]
    pub fn with(file: &Path) -> Self {
        let mut lathe = Self::new();
        lathe.up(&[text(file)]);
        lathe
    }

    /// `LATHE_HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Where the test may write; gone at its end.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `lathe up` until all is ready. The result is what it printed as data.
    pub fn up(&mut self, arguments: &[&str]) -> String {
        self.start_up(arguments);
        let up = self.up.as_mut().expect("it was started just now");
        up.wait_for_line(STANDS, BUILD);
        up.out()
    }

    /// [`Lathe::up`] with logs as `LATHE_LOG` says.
    pub fn up_logging(&mut self, log: &str, arguments: &[&str]) {
        let mut command = self.command();
        command.env("LATHE_LOG", log).arg("up").args(arguments);
        let up = self.up.insert(Running::start(command));
        up.wait_for_line(STANDS, BUILD);
    }

    /// [`Lathe::up`] with logs as JSON.
    pub fn up_logging_json(&mut self, log: &str, arguments: &[&str]) {
        let mut command = self.command();
        command.env("LATHE_LOG", log).env("LATHE_LOG_FORMAT", "json").arg("up").args(arguments);
        let up = self.up.insert(Running::start(command));
        up.wait_for_line(STANDS, BUILD);
    }

    /// Starts `lathe up` and waits for nothing.
    pub fn start_up(&mut self, arguments: &[&str]) {
        assert!(self.up.is_none(), "it runs already");
        let mut command = self.command();
        command.arg("up").args(arguments);
        self.up = Some(Running::start(command));
    }

    /// The `lathe up` that runs.
    ///
    /// # Panics
    /// When none does.
    pub fn running(&mut self) -> &mut Running {
        self.up.as_mut().expect("`lathe up` runs")
    }

    /// A command from a second terminal, to its end.
    #[must_use]
    pub fn lathe(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command();
        command.args(arguments);
        Running::complete(command, BUILD)
    }

    /// The same from another working folder.
    #[must_use]
    pub fn lathe_in(&self, folder: &Path, arguments: &[&str]) -> Outcome {
        let mut command = self.command();
        command.args(arguments).current_dir(folder);
        Running::complete(command, BUILD)
    }

    /// The command line with this home and without what cargo left in the environment.
    #[must_use]
    pub fn command(&self) -> Command {
        self.command_of(&binaries().installed)
    }

    /// Another program in the same surroundings.
    #[must_use]
    pub fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        clean(&mut command);
        command.env("LATHE_HOME", self.home()).env("LATHE_CACHE", binaries().cache.join("lathe"));
        command.current_dir(self.folder.path());
        command
    }

    /// `lathe status --json`.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn status(&self) -> Status {
        let outcome = self.lathe(&["status", "--json"]).with_code(0);
        serde_json::from_str(&outcome.out).unwrap_or_else(|e| panic!("{e} in {}", outcome.out))
    }

    /// Looks at the status until it is as wanted.
    ///
    /// # Panics
    /// When it is not in time, with the last one.
    pub fn status_when(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let end = Instant::now() + SOON;
        until(what, SOON * 2, || {
            let outcome = self.lathe(&["status", "--json"]);
            let status: Option<Status> = serde_json::from_str(&outcome.out).ok();
            let found = status.filter(|status| wanted(status));
            assert!(
                found.is_some() || Instant::now() < end,
                "waited for {what}; {}\n{}",
                outcome.out,
                self.logs()
            );
            found
        })
    }

    /// Waits until so many instances are ready and none is otherwise.
    pub fn all_ready(&self, number: usize) -> Status {
        self.status_when(&format!("{number} ready"), |now| {
            now.ready() == number && now.instances.len() == number
        })
    }

    /// `run/endpoints.json`.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn endpoints(&self) -> Value {
        let bytes = fs::read(self.home().join("run/endpoints.json")).expect("the endpoints file");
        serde_json::from_slice(&bytes).expect("it is JSON")
    }

    /// The scheduler's address.
    #[must_use]
    pub fn scheduler(&self) -> String {
        self.endpoints()["scheduler"].as_str().expect("a URL").to_owned()
    }

    /// The registry's address.
    #[must_use]
    pub fn registry(&self) -> String {
        self.endpoints()["registries"][0].as_str().expect("a URL").to_owned()
    }

    /// The address of standalone's master.
    #[must_use]
    pub fn master(&self) -> String {
        self.endpoints()["master"].as_str().expect("a URL").to_owned()
    }

    /// The token.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn token(&self) -> String {
        let token = fs::read_to_string(self.home().join("run/token")).expect("the token file");
        token.trim().to_owned()
    }

    /// The instances as the scheduler has them, asked over its REST.
    #[must_use]
    pub fn instances(&self) -> Vec<Instance> {
        let url = format!("{}/v1/instances", self.scheduler());
        Request::get(url).bearer(&self.token()).send().json()
    }

    /// Reads JSON from the registry.
    #[must_use]
    pub fn read_registry(&self, path: &str) -> Value {
        Request::get(format!("{}{path}", self.registry())).send().json()
    }

    /// Ends `lathe up` with a signal and waits for its end.
    ///
    /// # Panics
    /// When it does not run, or does not end in time.
    pub fn end(&mut self, signal: Signal) -> Outcome {
        let up = self.up.take().expect("`lathe up` runs");
        up.signal(signal);
        up.finish(SOON)
    }

    /// Everything that this home has running, by its names in the process table.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        Process::naming(self.folder.path())
    }

    /// The daemon of this name.
    ///
    /// # Panics
    /// When none runs, or several do.
    #[must_use]
    pub fn daemon(&mut self, name: &str) -> Process {
        let up = self.running().process().pid;
        let own = |one: &Process| {
            let program = one.command_line().first().cloned().unwrap_or_default();
            one.parent == up && program.ends_with(&format!("/{name}"))
        };
        let found: Vec<Process> = self.processes().into_iter().filter(own).collect();
        assert_eq!(found.len(), 1, "{name} below `lathe up`: {found:?}");
        found[0].clone()
    }

    /// The processes of instances by incarnation: those that executors started.
    #[must_use]
    pub fn tasks(&self) -> BTreeMap<String, Process> {
        let mut all = self.processes();
        // What a task starts may be adopted by the executor, but it is younger than the task.
        all.sort_by_key(Process::started);
        let mut tasks = BTreeMap::new();
        for one in all {
            let parent = Process::of(one.parent);
            if parent.is_some_and(|parent| parent.name == "lathe-executor")
                && let Some(incarnation) = one.environment().remove("LATHE_INCARNATION")
            {
                tasks.entry(incarnation).or_insert(one);
            }
        }
        tasks
    }

    /// The process of an incarnation.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn task(&self, incarnation: &str) -> Process {
        let mut tasks = self.tasks();
        tasks.remove(incarnation).unwrap_or_else(|| panic!("no {incarnation} in {tasks:?}"))
    }

    /// Waits until nothing of this home is left.
    ///
    /// # Panics
    /// When something stays.
    pub fn nothing_is_left(&self, limit: Duration) {
        let end = Instant::now() + limit;
        until("nothing left", limit * 2, || {
            let left = self.processes();
            let late = Instant::now() >= end;
            assert!(left.is_empty() || !late, "left: {left:#?}\n{}", self.logs());
            left.is_empty().then_some(())
        });
    }

    /// Ends of the daemons' logs, for failures.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for name in ["standalone", "scheduler", "registry"] {
            let log = fs::read_to_string(self.home().join(format!("log/{name}.log")));
            let log = log.unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(40)..].join("\n");
            text.push_str(&format!("--- {name}\n{tail}\n"));
        }
        text
    }
}

impl Drop for Lathe {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.up.as_ref().map(Running::said).unwrap_or_default();
            eprint_all(&format!("{said}\n{}", self.logs()));
        }
        self.up.take();
        let end = Instant::now() + SOON;
        loop {
            let left = self.processes();
            if left.is_empty() || Instant::now() >= end {
                return;
            }
            left.iter().for_each(|one| one.signal(Signal::KILL));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[expect(clippy::print_stderr, reason = "what a failed test needs to be understood")]
fn eprint_all(text: &str) {
    eprintln!("{text}");
}

/// Takes out what `cargo test` puts into the environment and what would lead to another Lathe.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let of_cargo = name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || ["CARGO", "CARGO_TARGET_DIR", "CARGO_CRATE_NAME", "LD_LIBRARY_PATH"].contains(&name);
        if of_cargo || name.starts_with("LATHE_") {
            command.env_remove(name);
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
