//! The daemons below `lathe up`: started in their own groups, tied to this process by its death,
//! ended in order.

use std::path::Path;
use std::time::Duration;

use lathe_child::{Child, Exit, Output, Pid, Signal, Spawn};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::failure::{BAD_INPUT, FAILED, Failure};
use crate::home::Home;

/// From start to the line that says where a daemon listens.
const START_TIME: Duration = Duration::from_secs(30);
/// Longer than any instance's grace that standalone waits for.
const END_TIME: Duration = Duration::from_secs(20);
/// A log that is larger than this at a start makes room.
const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Lines of a daemon's log that are shown when it fails.
const LOG_LINES: usize = 12;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Daemon {
    Standalone,
    Scheduler,
    Registry,
}

impl Daemon {
    fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Scheduler => "scheduler",
            Self::Registry => "registry",
        }
    }

    /// Standalone's death must reach everything below it in order; the others have nobody below.
    fn parent_death(self) -> Signal {
        match self {
            Self::Standalone => Signal::Term,
            Self::Scheduler | Self::Registry => Signal::Kill,
        }
    }
}

struct Started {
    daemon: Daemon,
    child: Child,
    log: std::path::PathBuf,
}

/// Those that run, in the order of their start.
#[derive(Default)]
pub(crate) struct Daemons {
    running: Vec<Started>,
}

impl Daemons {
    /// Starts one and waits for its line.
    pub(crate) async fn start(
        &mut self,
        daemon: Daemon,
        binary: &Path,
        arguments: &[String],
        home: &Home,
    ) -> Result<Value, Failure> {
        let log = home.logs().join(format!("{}.log", daemon.name()));
        keep_short(&log);
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(&log);
        let file =
            opened.map_err(|error| Failure::io(format!("opening {}", log.display()), &error))?;
        let spawn = Spawn::new(binary)
            .args(arguments)
            .inherit_all_env()
            .stdout(Output::Pipe)
            .stderr(Output::File(file))
            .parent_death(daemon.parent_death())
            .own_group();
        let mut child = spawn.start().map_err(|error| {
            Failure::new(format!("lathe-{}: {}", daemon.name(), crate::failure::chain(&error)))
        })?;
        let stdout = child.stdout().expect("it was piped just now");
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(START_TIME, lines.next_line()).await;
        self.running.push(Started { daemon, child, log });
        match line {
            Ok(Ok(Some(line))) => serde_json::from_str(&line).map_err(|error| {
                Failure::new(format!("lathe-{} said `{line}`: {error}", daemon.name()))
            }),
            _ => Err(self.first_end_of(daemon).await),
        }
    }

    async fn first_end_of(&mut self, daemon: Daemon) -> Failure {
        let started = self.running.iter_mut().find(|one| one.daemon == daemon);
        let Some(started) = started else { return Failure::new("it was not started") };
        let exit = tokio::time::timeout(Duration::from_secs(2), started.child.wait()).await;
        failure(started, exit.ok())
    }

    /// Waits until one of them ends by itself, which none should.
    pub(crate) async fn first_end(&mut self) -> Failure {
        loop {
            for started in &mut self.running {
                if let Some(exit) = started.child.try_wait() {
                    return failure(started, Some(exit));
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends them in order: the scheduler first, so that it takes no ends for failures.
    pub(crate) async fn end(&mut self) -> String {
        let mut hard = 0;
        for daemon in [Daemon::Scheduler, Daemon::Registry, Daemon::Standalone] {
            if let Some(at) = self.running.iter().position(|one| one.daemon == daemon) {
                let exit = self.running[at].child.end(END_TIME).await;
                hard += usize::from(exit.signal == Some(9));
            }
        }
        let left = self.kill_rest();
        if hard == 0 && left == 0 {
            "nothing is left running".to_owned()
        } else {
            format!("{} had to be killed", hard + left)
        }
    }

    /// Kills everything below this process.
    pub(crate) fn kill(&mut self) -> String {
        let killed = self.running.len();
        self.kill_rest();
        format!("{killed} daemons killed")
    }

    fn kill_rest(&mut self) -> usize {
        let left = lathe_child::descendants(Pid::own()).len();
        lathe_child::kill_descendants(Pid::own(), Signal::Kill);
        self.running.clear();
        left
    }
}

/// A long log makes room for a new one; the one before it is kept.
fn keep_short(log: &Path) {
    if std::fs::metadata(log).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
        // Where it cannot be renamed it grows on; that is no reason not to start.
        let _ = std::fs::rename(log, log.with_extension("log.1"));
    }
}

fn failure(started: &Started, exit: Option<Exit>) -> Failure {
    let name = started.daemon.name();
    let how = match exit {
        Some(Exit { code: Some(code), .. }) => format!("ended with exit code {code}"),
        Some(Exit { signal: Some(signal), .. }) => format!("was ended by signal {signal}"),
        Some(_) => "ended".to_owned(),
        None => "does not say where it listens".to_owned(),
    };
    let log = std::fs::read_to_string(&started.log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
    // A daemon says by this code that what it was told is wrong, and most of that was told to us.
    let wrong_input = exit.and_then(|exit| exit.code) == Some(i32::from(BAD_INPUT));
    Failure::new(format!("lathe-{name} {how}; its log ends:\n  {tail}"))
        .with_code(if wrong_input { BAD_INPUT } else { FAILED })
        .with_hint(format!("the whole log is in {}", started.log.display()))
}

/// The URL in a daemon's line.
pub(crate) fn listening(line: &Value) -> Result<String, Failure> {
    let url = line.get("listening").and_then(Value::as_str);
    url.map(str::to_owned).ok_or_else(|| Failure::new(format!("a daemon said `{line}`")))
}
