//! Programs that fetch and build: run to their end, their output kept for the case that they fail.
//!
//! Owns running one within a time. It must not know what it does.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use lathe_child::{Output, Signal, Spawn, SpawnError};

use crate::{Code, Failure, folder, keeper};

/// Most of what is fetched or built here does not take so long.
const LONGEST: Duration = Duration::from_secs(900);
const GRACE: Duration = Duration::from_secs(2);

/// What a program that failed left.
pub(crate) struct Failed {
    /// The end of what it printed, and how it ended.
    pub(crate) account: String,
    pub(crate) code: Option<i32>,
}

/// Runs a program with this process's whole environment, for its proxies and settings; what it
/// prints goes to `log`. Blocks.
pub(crate) fn run(
    words: &[&OsStr],
    dir: &Path,
    log: &Path,
    hint: &str,
) -> Result<Result<(), Failed>, Failure> {
    run_within(LONGEST, words, dir, log, hint)
}

/// The same with another time after which it is ended.
pub(crate) fn run_within(
    longest: Duration,
    words: &[&OsStr],
    dir: &Path,
    log: &Path,
    hint: &str,
) -> Result<Result<(), Failed>, Failure> {
    let opened = File::create(log).and_then(|out| Ok((out.try_clone()?, out)));
    let (out, err) = opened.map_err(|error| Failure::system(log.display(), error))?;
    let program = Path::new(words[0]);
    let spawn = Spawn::new(program)
        .args(&words[1..])
        .inherit_all_env()
        .dir(dir)
        .stdout(Output::File(out))
        .stderr(Output::File(err))
        .parent_death(Signal::Kill)
        .own_group();
    keeper::block_on(async {
        let mut child = match keeper::start(spawn).await {
            Ok(child) => child,
            Err(error @ SpawnError::NotFound { .. }) => {
                return Err(Failure::new(Code::Missing, error.to_string(), hint));
            }
            Err(error) => return Err(Failure::system(program.display(), error)),
        };
        let ended = tokio::time::timeout(longest, child.wait()).await;
        let exit = match ended {
            Ok(exit) if exit.success() => return Ok(Ok(())),
            Ok(exit) => exit,
            Err(_) => child.end(GRACE).await,
        };
        let tail = folder::tail(log);
        let account = format!("{} ended with {exit}:\n{tail}", program.display());
        Ok(Err(Failed { account, code: exit.code }))
    })
}
