//! Nothing that was started here outlives this process, however it is ended.
//!
//! Owns the signals to this process and what they mean for everything below it. It must not know
//! what runs there.

use std::time::{Duration, Instant};

use lathe_child::{Pid, Signal, become_subreaper, children, descendants, kill_descendants};
use rustix::process::{Signal as RawSignal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::say;

/// Longer than `lathe up` takes to end an instance that ignores its signal.
const GRACE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Does the work, unless a signal comes first; then ends everything below this process.
pub(crate) async fn or_signal(
    work: impl Future<Output = Result<bool, Failure>>,
) -> Result<bool, Failure> {
    let deaf = |error| Failure::io("listening for signals", error);
    become_subreaper().map_err(|error| Failure::io("becoming a subreaper", error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(deaf)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(deaf)?;
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    say::talk("ending what was started");
    for child in children(Pid::own()) {
        let raw = i32::try_from(child.as_raw()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(raw) = raw {
            // One that has just ended needs no signal.
            let _ = kill_process(raw, RawSignal::TERM);
        }
    }
    let end = Instant::now() + GRACE;
    while !descendants(Pid::own()).is_empty() && Instant::now() < end {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    kill_descendants(Pid::own(), Signal::Kill);
    Err(Failure::Unexpected("ended by a signal; nothing was written".to_owned()))
}
