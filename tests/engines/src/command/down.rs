//! `engines down`: ends all that was started in a folder.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::state::{Process, State};
use crate::{Code, Failure, say, until};

/// Longer than any engine needs to be killed.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) async fn run(dir: &Path) -> Result<bool, Failure> {
    let Some(state) = State::read(dir)? else {
        say::say("nothing is up");
        return Ok(true);
    };
    state.holder.signal(Signal::TERM);
    let end = Instant::now() + PATIENCE;
    while state.holder.runs() && Instant::now() < end {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    // Its death is that of all others.
    state.holder.signal(Signal::KILL);
    let processes: Vec<Process> =
        state.daemons.iter().map(|entry| entry.process).chain([state.holder]).collect();
    let gone = until("the processes to be gone", || async {
        (!processes.iter().any(|process| process.runs())).then_some(())
    });
    gone.await.map_err(|failure| {
        let left: Vec<String> =
            processes.iter().filter(|one| one.runs()).map(|one| one.pid.to_string()).collect();
        let what = format!("{}; left are {}", failure.what, left.join(", "));
        Failure::new(Code::Late, what, "are they another user's?")
    })?;
    State::remove(dir);
    say::say(&format!("{} processes ended; logs are in {}", processes.len() - 1, dir.display()));
    Ok(true)
}
