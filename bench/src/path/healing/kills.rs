//! Kills, and the time until what was killed is there again.
//!
//! Owns who is killed and when. It must not know how it comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use lathe_api::rest::{Endpoints, HostView};
use lathe_child::{Output, Pid, descendants};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::events::{self, Events};
use crate::failure::Failure;
use crate::path::Stage;
use crate::row::{Measured, Series, Unit};
use crate::say;
use crate::surroundings::program;
use crate::up::SOON;

const KILLS: usize = 50;
const HOST_KILLS: usize = 6;
/// An instance that was ready for so long has proved itself: its end is nobody's fault.
const PROVED: Duration = Duration::from_millis(10_500);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// kill -9 of the process of one instance after the other, the longest ready first, until the event
/// that says that its next life is ready. In milliseconds.
pub(super) async fn instances(up: Pid, endpoints: &Endpoints) -> Result<Series, Failure> {
    say::talk(&format!("killing {KILLS} instances"));
    let mut events = Events::follow(endpoints).await?;
    let mut ready: BTreeMap<String, (Instant, String)> = BTreeMap::new();
    for one in events::instances(endpoints).await? {
        if let (Some(incarnation), true) = (one.incarnation, one.state == "ready") {
            ready.insert(one.instance, (Instant::now(), incarnation));
        }
    }
    let mut series = Series::default();
    for _ in 0..KILLS {
        let oldest = ready.iter().min_by_key(|(_, (since, _))| *since);
        let (instance, (since, incarnation)) = oldest
            .map(|(instance, life)| (instance.clone(), life.clone()))
            .ok_or_else(|| Failure::Unexpected("no instance is ready".to_owned()))?;
        tokio::time::sleep(PROVED.saturating_sub(since.elapsed())).await;
        events.skip();
        let process = process_of(up, &incarnation)?;
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
fn process_of(up: Pid, incarnation: &str) -> Result<rustix::process::Pid, Failure> {
    let wanted = format!("LATHE_INCARNATION={incarnation}");
    let is_it = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes())
    };
    let found = descendants(up).into_iter().map(Pid::as_raw).filter(is_it).min();
    found
        .and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?))
        .ok_or_else(|| Failure::Unexpected(format!("{incarnation} has no process")))
}

/// `lathe hosts kill` of one host after the other, until everything that ran there is ready
/// elsewhere. In seconds.
pub(super) async fn hosts(
    stage: &Stage<'_>,
    home: &Path,
    endpoints: &Endpoints,
) -> Result<(Measured, Value), Failure> {
    say::talk(&format!("killing {HOST_KILLS} hosts"));
    let mut events = Events::follow(endpoints).await?;
    let mut series = Series::default();
    let mut moved = 0;
    for round in 0..HOST_KILLS {
        let hosts = all_hosts(endpoints, 3).await?;
        // What has just come back has nothing: the fullest is killed.
        let host = hosts.iter().max_by_key(|host| host.instances.len());
        let host = host.ok_or_else(|| Failure::Unexpected("there is no host".to_owned()))?;
        let mut missing: BTreeSet<String> = host.instances.iter().cloned().collect();
        moved += missing.len();
        tokio::time::sleep(PROVED).await;
        events.skip();
        let killed = Instant::now();
        lathe(stage, home, &["hosts", "kill", &host.name]).await?;
        let mut last = killed;
        while !missing.is_empty() {
            let heard = events.next().await?;
            if let ("ready", Some(instance)) = (heard.event.kind.as_str(), &heard.event.instance)
                && missing.remove(instance)
            {
                last = heard.at;
            }
        }
        series.add((last - killed).as_secs_f64());
        say::talk(&format!("round {}: {} is gone and replaced", round + 1, host.name));
        lathe(stage, home, &["hosts", "resume", &host.name]).await?;
    }
    let mut measured = series.latency_at(100, Unit::Seconds);
    measured.how = format!("the slowest, {}; {moved} instances were replaced in all", measured.how);
    Ok((measured, json!(series)))
}

async fn all_hosts(endpoints: &Endpoints, wanted: usize) -> Result<Vec<HostView>, Failure> {
    let end = Instant::now() + SOON;
    loop {
        let hosts: Vec<HostView> = events::read(endpoints, "/v1/hosts").await?;
        if hosts.len() == wanted {
            return Ok(hosts);
        }
        if Instant::now() >= end {
            return Err(Failure::Late { what: format!("{wanted} hosts"), limit: SOON });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn lathe(stage: &Stage<'_>, home: &Path, words: &[&str]) -> Result<(), Failure> {
    let what = format!("lathe {}", words.join(" "));
    let spawn = words
        .iter()
        .fold(program(stage.lathe.path("lathe")?), |spawn, word| spawn.arg(*word))
        .env("LATHE_HOME", home)
        .stdout(Output::Null)
        .stderr(Output::Null);
    let child = spawn.start();
    let mut child = child.map_err(|source| Failure::Start { program: what.clone(), source })?;
    let exit = child.wait().await;
    if exit.success() {
        return Ok(());
    }
    let how = format!("code {:?}, signal {:?}", exit.code, exit.signal);
    Err(Failure::Ended { what, how, said: String::new() })
}
