//! Hosts that are killed, and the time until what ran there is there again.
//!
//! Owns who is killed and when. It must not know how it comes back.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use lathe_api::rest::{Endpoints, HostView};
use lathe_child::Output;
use serde_json::{Value, json};

use crate::events::{self, Events};
use crate::failure::Failure;
use crate::kills::PROVED;
use crate::path::Stage;
use crate::row::{Measured, Series, Unit};
use crate::say;
use crate::surroundings::program;
use crate::up::SOON;

const HOST_KILLS: usize = 6;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

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
