//! Instances that are killed, and the time until each is there again.
//!
//! Owns who is killed and when. It must not know how it comes back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lathe_api::rest::Endpoints;
use lathe_child::{Pid, descendants};
use rustix::process::{Signal, kill_process};

use crate::events::{self, Events};
use crate::failure::Failure;
use crate::row::Series;
use crate::say;

/// As many as the rows stand for.
pub(crate) const KILLS: usize = 50;
/// An instance that was ready for so long has proved itself: its end is nobody's fault.
pub(crate) const PROVED: Duration = Duration::from_millis(10_500);

/// kill -9 of the process of one instance after the other, the longest ready first, until the event
/// that says that its next life is ready. In milliseconds. They run somewhere below a process.
pub(crate) async fn instances(
    above: Pid,
    endpoints: &Endpoints,
    kills: usize,
) -> Result<Series, Failure> {
    say::talk(&format!("killing {kills} instances"));
    let mut events = Events::follow(endpoints).await?;
    let mut ready: BTreeMap<String, (Instant, String)> = BTreeMap::new();
    for one in events::instances(endpoints).await? {
        if let (Some(incarnation), true) = (one.incarnation, one.state == "ready") {
            ready.insert(one.instance, (Instant::now(), incarnation));
        }
    }
    let mut series = Series::default();
    for _ in 0..kills {
        let oldest = ready.iter().min_by_key(|(_, (since, _))| *since);
        let (instance, (since, incarnation)) = oldest
            .map(|(instance, life)| (instance.clone(), life.clone()))
            .ok_or_else(|| Failure::Unexpected("no instance is ready".to_owned()))?;
        tokio::time::sleep(PROVED.saturating_sub(since.elapsed())).await;
        events.skip();
        let process = process_of(above, &incarnation)?;
        let killed = Instant::now();
        kill_process(process, Signal::KILL)
            .map_err(|error| Failure::io("killing an instance", error.into()))?;
        let mut parts = BTreeMap::new();
        loop {
            let heard = events.next().await?;
            if heard.event.instance.as_ref() != Some(&instance) {
                continue;
            }
            let took = (heard.at - killed).as_secs_f64() * 1_000.0;
            let kind = heard.event.kind.as_str();
            match (kind, heard.event.incarnation) {
                ("ended", _) => drop(parts.insert("its end was known", took)),
                ("launched", _) => drop(parts.insert("the next was accepted", took)),
                ("starting", _) => drop(parts.insert("its process ran", took)),
                ("ready", Some(next)) if next != incarnation => {
                    series.add_with(took, parts);
                    ready.insert(instance, (heard.at, next));
                    break;
                }
                _ => {}
            }
        }
    }
    Ok(series)
}

/// The process of an incarnation, by its environment; the executor that started it has another.
fn process_of(above: Pid, incarnation: &str) -> Result<rustix::process::Pid, Failure> {
    let wanted = format!("LATHE_INCARNATION={incarnation}");
    let is_it = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes())
    };
    let found = descendants(above).into_iter().map(Pid::as_raw).filter(is_it).min();
    found
        .and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?))
        .ok_or_else(|| Failure::Unexpected(format!("{incarnation} has no process")))
}
