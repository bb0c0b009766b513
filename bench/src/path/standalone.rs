//! Standalone's start: from the process's start to its line, which comes when its three hosts are
//! registered.
//!
//! Owns the starts and ends. It must not know what standalone does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lathe_api::door::Tokens;
use lathe_child::{Child, Output};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::Stage;
use crate::failure::Failure;
use crate::report::Outcome;
use crate::row::{Series, Unit};
use crate::say;
use crate::surroundings::program;
use crate::up::SOON;

const ROUNDS: usize = 30;
const WHAT: &str = "lathe-standalone";
const GRACE: Duration = Duration::from_secs(20);

/// Starts it again and again, each time in an empty folder. The first start is not counted: it
/// reads the program from the disk.
pub(super) async fn measure(stage: &Stage<'_>) -> Outcome {
    say::talk(&format!("starting standalone {ROUNDS} times"));
    start(stage).await?;
    let mut series = Series::default();
    for _ in 0..ROUNDS {
        series.add(start(stage).await?.as_secs_f64() * 1_000.0);
    }
    Ok((series.latency(Unit::Milliseconds), json!(series)))
}

async fn start(stage: &Stage<'_>) -> Result<Duration, Failure> {
    let folder = stage.surroundings.folder("standalone-")?;
    let started = Store::start(stage, folder.path()).await?;
    let took = started.took;
    started.end().await?;
    Ok(took)
}

/// A standalone that runs, of which only the store may be wanted.
#[derive(Debug)]
pub(super) struct Store {
    child: Child,
    pub(super) socket: PathBuf,
    log: PathBuf,
    took: Duration,
}

impl Store {
    /// Starts it with three hosts and waits for its line.
    pub(super) async fn start(stage: &Stage<'_>, folder: &Path) -> Result<Self, Failure> {
        let token = folder.join("token");
        Tokens::read_or_create(&token)
            .map_err(|error| Failure::Unexpected(crate::failure::with_causes(&error)))?;
        let (socket, log) = (folder.join("store.sock"), folder.join("log"));
        let file = std::fs::File::create(&log);
        let file = file.map_err(|error| Failure::io("making a log", error))?;
        let spawn = program(stage.lathe.path("lathe-standalone")?)
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--hosts", "3", "--token-file"])
            .arg(&token)
            .arg("--store-socket")
            .arg(&socket)
            .stdout(Output::Pipe)
            .stderr(Output::File(file));
        let began = Instant::now();
        let child = spawn.start();
        let mut child =
            child.map_err(|source| Failure::Start { program: WHAT.to_owned(), source })?;
        let mut line = String::new();
        let stdout = child.stdout();
        let read = async {
            match stdout {
                Some(stdout) => BufReader::new(stdout).read_line(&mut line).await.unwrap_or(0),
                None => 0,
            }
        };
        let read = tokio::time::timeout(SOON, read).await;
        let took = began.elapsed();
        let store = Self { child, socket, log, took };
        match read {
            Ok(_) if line.contains("listening") => Ok(store),
            Ok(_) => Err(store.ended(&line).await),
            Err(_) => {
                let _ = store.end().await;
                Err(Failure::Late { what: "standalone's line".to_owned(), limit: SOON })
            }
        }
    }

    /// Ends it; it must end well.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        if self.child.end(GRACE).await.success() { Ok(()) } else { Err(self.ended("").await) }
    }

    async fn ended(mut self, line: &str) -> Failure {
        let exit = self.child.end(GRACE).await;
        let how = format!("code {:?}, signal {:?}", exit.code, exit.signal);
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        Failure::Ended { what: WHAT.to_owned(), how, said: format!("{line}{said}") }
    }
}
