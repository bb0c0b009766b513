//! The resident memory of the executors below a `lathe up`.
//!
//! Owns the looks at them. It must not know what an executor does.

use std::time::Duration;

use lathe_child::Pid;
use serde::Serialize;
use serde_json::{Value, json};

use super::INSTANCES;
use crate::failure::Failure;
use crate::machine::memory_mib;
use crate::processes::executors;
use crate::row::{Measured, Series};
use crate::say;

const LOOKS: usize = 5;
/// What an executor needed for its start has been given back by the first look.
const PAUSE: Duration = Duration::from_secs(2);

/// One executor at one look, in MiB.
#[derive(Clone, Copy, Debug, Serialize)]
struct Look {
    pid: u32,
    resident: f64,
    /// Its own, not a file's.
    anonymous: f64,
    /// The most that it ever had.
    peak: f64,
}

/// Looks at all of them again and again; the largest of all looks counts.
pub(super) async fn memory(up: Pid) -> Result<(Measured, Value), Failure> {
    say::talk("looking at the executors' memory");
    let mut looks = Vec::new();
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        let executors = executors(up);
        if executors.len() != INSTANCES as usize {
            let text = format!("{} executors run, not {INSTANCES}", executors.len());
            return Err(Failure::Unexpected(text));
        }
        for pid in executors {
            let look = look(pid);
            looks.push(look.ok_or_else(|| Failure::Unexpected("an executor ended".to_owned()))?);
        }
    }
    let series = |value: fn(&Look) -> f64| {
        let mut series = Series::default();
        looks.iter().for_each(|look| series.add(value(look)));
        series
    };
    let resident = series(|look| look.resident);
    let how = format!(
        "VmRSS, the largest of {INSTANCES} executors in {LOOKS} looks; median {:.2} MiB, of that \
         {:.2} MiB their own and the rest mapped files; largest peak {:.2} MiB",
        resident.percentile(50),
        series(|look| look.anonymous).percentile(50),
        series(|look| look.peak).percentile(100),
    );
    let value = resident.percentile(100);
    Ok((Measured { value, peer: None, samples: looks.len(), how }, json!(looks)))
}

fn look(pid: u32) -> Option<Look> {
    Some(Look {
        pid,
        resident: memory_mib(pid, "VmRSS")?,
        anonymous: memory_mib(pid, "RssAnon")?,
        peak: memory_mib(pid, "VmHWM")?,
    })
}
