//! One input through one target, watched.
//!
//! Owns what counts as a finding. It must not know where inputs come from.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Target;

/// Address space that one input may make a process grow by, in bytes.
const GROWTH_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The most address space after the input before; 0 before the first.
static PEAK: AtomicU64 = AtomicU64::new(0);

/// What one input led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken or refused.
    Fine {
        /// How long that took.
        took: Duration,
    },
    /// Something is wrong with the target.
    Finding(String),
}

/// Runs the target with this input.
#[must_use]
pub fn once(target: &Target, bytes: &[u8]) -> Outcome {
    let start = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    let took = start.elapsed();
    let now = address_space();
    let before = PEAK.swap(now, Ordering::Relaxed);
    let growth = if before == 0 { 0 } else { now.saturating_sub(before) };
    match ended {
        Err(panic) => Outcome::Finding(format!("panics: {}", words(&*panic))),
        Ok(()) if growth > GROWTH_BYTES_MAX => {
            Outcome::Finding(format!("takes {growth} bytes for an input of {}", bytes.len()))
        }
        Ok(()) => Outcome::Fine { took },
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// The most address space that this process has had, in bytes; 0 where the system does not say.
fn address_space() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or_default().saturating_mul(1024)
}
