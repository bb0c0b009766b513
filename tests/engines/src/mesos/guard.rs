//! The process that ends executors, which outlive their agents, also when this one is killed.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use lathe_child::Signal;
use tokio::task::spawn_blocking;

use crate::daemon::Recipe;
use crate::folder::Folder;
use crate::{Code, Daemon, Failure, tool};

/// Longer than the guard's own patience.
const GONE: Duration = Duration::from_secs(20);

/// A running guard; dropping it ends all executors.
#[derive(Debug)]
pub(super) struct Guard(Daemon);

impl Guard {
    pub(super) async fn start(home: &Path, folder: &Folder) -> Result<Self, Failure> {
        let program = home.join("bin/mesos-guard");
        let mut recipe = Recipe::new("guard", program, folder.path()).args([folder.path()]);
        recipe.on_death = Signal::Term;
        let guard = Self(Daemon::new(recipe));
        guard.0.start().await?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Whoever cannot be signalled is gone.
        let _ = self.0.terminate();
        let end = Instant::now() + GONE;
        while self.0.pid().is_some() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Ends at once what the agents of a folder have started.
pub(super) async fn end_all(home: &Path, folder: &Path) -> Result<(), Failure> {
    let (home, folder) = (home.to_owned(), folder.to_owned());
    let ended = spawn_blocking(move || {
        let program = home.join("bin/mesos-guard");
        let words = [program.as_os_str(), OsStr::new("--now"), folder.as_os_str()];
        let log = folder.with_extension("guard.log");
        tool::run(&words, &folder, &log, "it is a part of the built engine")
    });
    match ended.await.expect("ending does not panic")? {
        Ok(()) => Ok(()),
        Err(failed) => Err(Failure::new(
            Code::Process,
            format!("executors do not end: {}", failed.account),
            "end them by hand",
        )),
    }
}
