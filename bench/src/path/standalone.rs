//! Standalone's start: from the process's start to its line, which comes when its three hosts are
//! registered.
//!
//! Owns the starts and ends. It must not know what standalone does.

use std::time::{Duration, Instant};

use lathe_api::door::Tokens;
use lathe_child::Output;
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
    let token = folder.path().join("token");
    Tokens::read_or_create(&token)
        .map_err(|error| Failure::Unexpected(crate::failure::with_causes(&error)))?;
    let log = folder.path().join("log");
    let log = std::fs::File::create(log).map_err(|error| Failure::io("making a log", error))?;
    let spawn = program(stage.lathe.path("lathe-standalone")?)
        .arg("--data")
        .arg(folder.path().join("data"))
        .args(["--hosts", "3", "--token-file"])
        .arg(&token)
        .arg("--store-socket")
        .arg(folder.path().join("store.sock"))
        .stdout(Output::Pipe)
        .stderr(Output::File(log));
    let started = Instant::now();
    let what = "lathe-standalone".to_owned();
    let mut child =
        spawn.start().map_err(|source| Failure::Start { program: what.clone(), source })?;
    let mut line = String::new();
    let stdout = child.stdout();
    let read = async {
        match stdout {
            Some(stdout) => BufReader::new(stdout).read_line(&mut line).await.unwrap_or(0),
            None => 0,
        }
    };
    let read = tokio::time::timeout(SOON, read).await;
    let took = started.elapsed();
    let exit = child.end(GRACE).await;
    match read {
        Err(_) => Err(Failure::Late { what: "standalone's line".to_owned(), limit: SOON }),
        Ok(_) if line.contains("listening") && exit.success() => Ok(took),
        Ok(_) => {
            let how = format!("code {:?}, signal {:?}", exit.code, exit.signal);
            let said = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            Err(Failure::Ended { what, how, said: format!("{line}{said}") })
        }
    }
}
