//! An agent that has a copy of all 10,000 entries: its memory, and what it takes while nothing changes.
//!
//! Owns the agent's process and the look at it.

use std::time::Duration;

use lathe_child::{Output, Signal};
use serde_json::json;

use super::stand::{self, INSTANCES, Stand, TASKS};
use crate::args::Figure;
use crate::failure::Failure;
use crate::machine::memory_mib;
use crate::programs::Programs;
use crate::row::Measured;
use crate::surroundings::{Surroundings, program};
use crate::{http, say};

/// Changes before the memory is looked at, so that what a change leaves behind is in it.
const CHANGES: u64 = 50;
/// How long nothing changes. A registry is asked for everything about each 30 s, so this has some of that.
const IDLE: Duration = Duration::from_secs(120);

/// Both figures.
pub(super) async fn measure(
    surroundings: &Surroundings,
    lathe: &Programs,
) -> Result<Vec<(Figure, Measured, serde_json::Value)>, Failure> {
    let stand = Stand::start(surroundings, lathe, None).await?;
    let folder = stand.folder().to_owned();
    let config = folder.join("agent.toml");
    let text = format!(
        "registries = [\"http://{}\"]\ndata_dir = {}\ngroups = [\"shop\"]\n",
        stand.address,
        json!(folder.join("agent"))
    );
    std::fs::write(&config, text).map_err(|error| Failure::io("writing a configuration", error))?;
    let spawn = program(lathe.path("lathe-agent")?)
        .args(["--config".as_ref(), config.as_os_str()])
        .stdout(Output::Pipe)
        .stderr(Output::Null);
    let started = spawn.start();
    let mut agent =
        started.map_err(|source| Failure::Start { program: "lathe-agent".to_owned(), source })?;
    let address = stand::listening(&mut agent).await?;
    let mut last = version_of(&address, 1).await?;
    for number in 0..CHANGES {
        last = stand.change(7, number + 1).await?;
    }
    version_of(&address, last).await?;
    say::talk("an agent, idle");
    // The copy is on disk each second.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let pid = agent.id().as_raw();
    let look = |name| memory_mib(pid, name).ok_or_else(|| Failure::Unexpected("it ended".into()));
    let before = stand::cpu_seconds(&agent)?;
    tokio::time::sleep(IDLE).await;
    let spent = stand::cpu_seconds(&agent)? - before;
    let (resident, own, peak) = (look("VmRSS")?, look("RssAnon")?, look("VmHWM")?);
    let _ = agent.signal(Signal::Term);
    let _ = agent.wait().await;
    stand.end().await;
    let entries = TASKS * INSTANCES;
    let memory = Measured {
        value: resident,
        peer: None,
        samples: 1,
        how: format!(
            "VmRSS with one group of {entries} entries after {CHANGES} changes and {} s; {own:.1} MiB of it its \
             own, the peak {peak:.1} MiB",
            IDLE.as_secs()
        ),
    };
    let idle = Measured {
        value: spent / IDLE.as_secs_f64() * 100.0,
        peer: None,
        samples: 1,
        how: format!(
            "{spent:.2} s of a core in {} s in which nothing changed; all is asked for about each 30 s",
            IDLE.as_secs()
        ),
    };
    Ok(vec![
        (Figure::AgentMemory, memory, json!({ "resident": resident, "own": own, "peak": peak })),
        (Figure::AgentIdle, idle, json!({ "seconds": spent })),
    ])
}

/// Waits until the agent shows all entries, at least at this version; which one it is.
async fn version_of(address: &str, least: u64) -> Result<u64, Failure> {
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    // The group itself is longer than these clients take.
    let path = "/v1/groups";
    loop {
        let asked = async {
            let mut connection = http::Connection::open(address).await?;
            connection.ask_for(path).await
        };
        let answer = asked.await.map_err(|error| Failure::io("asking the agent", error))?;
        let all: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let (entries, version) = (all[0]["instances"].as_u64(), all[0]["version"].as_u64());
        let version = version.unwrap_or_default();
        if entries == Some(u64::from(TASKS * INSTANCES)) && version >= least {
            return Ok(version);
        }
        if tokio::time::Instant::now() > end {
            return Err(Failure::Unexpected(format!("the agent answers {}", answer.head)));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
