//! Executors among the processes below one: which there are, and waiting until none is left.
//!
//! Owns the looks at them. It must not know what an executor does.

use std::time::{Duration, Instant};

use lathe_child::{Pid, descendants};

use crate::failure::Failure;
use crate::up::SOON;

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Those that run now.
pub(crate) fn executors(above: Pid) -> Vec<u32> {
    let is_executor = |pid: &u32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.trim() == "lathe-executor")
    };
    descendants(above).into_iter().map(Pid::as_raw).filter(is_executor).collect()
}

/// Waits until none is left: what a removed topology had is free from then on.
pub(crate) async fn gone(above: Pid) -> Result<(), Failure> {
    let end = Instant::now() + SOON;
    while !executors(above).is_empty() {
        if Instant::now() >= end {
            return Err(Failure::Late { what: "the executors' end".to_owned(), limit: SOON });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}
