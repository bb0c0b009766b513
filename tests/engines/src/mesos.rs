//! Mesos: masters and agents.
//!
//! Owns their start, their readiness and their faults. It must not know any framework;
//! `mesos/flags.rs` knows their command lines, `mesos/install.rs` where the program comes from.

mod flags;
mod guard;
mod install;
mod spec;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::folder::Folder;
use crate::http::{self, Answer};
use crate::ports::{Port, Range};
use crate::service::{self, Mends};
use crate::waiting::{until, until_ok};
use crate::{Daemon, Failure};
use flags::Place;
use guard::Guard;
pub use spec::{AgentSpec, Flags, MesosSpec};

const STOP_GRACE: Duration = Duration::from_secs(10);

/// One master or agent.
#[derive(Debug)]
struct Member {
    daemon: Arc<Daemon>,
    port: Port,
}

impl Member {
    fn new(daemon: Daemon, port: Port) -> Self {
        let daemon = Arc::new(daemon);
        service::look_after(&daemon);
        Self { daemon, port }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Not when the last one who looks after it lets go of it.
        self.daemon.end();
    }
}

/// Running masters and agents. They end with this value, and every executor with them.
#[derive(Debug)]
pub struct Mesos {
    // In the order in which they end.
    agents: Vec<Member>,
    masters: Vec<Member>,
    _guard: Guard,
    range: Range,
    folder: Folder,
    home: PathBuf,
    spec: MesosSpec,
}

impl Mesos {
    /// Fetches and builds what is not there yet. Only the first call ever takes long.
    ///
    /// # Errors
    /// It cannot be fetched or built.
    pub async fn install() -> Result<(), Failure> {
        installed().await.map(drop)
    }

    /// Where its programs are, `test-executor` among them: an executor for many tasks, each a command
    /// or, as the JSON of its data, a script of states.
    ///
    /// # Errors
    /// It cannot be fetched or built.
    pub async fn programs() -> Result<PathBuf, Failure> {
        Ok(installed().await?.join("bin"))
    }

    /// Starts masters and agents, and waits until a master leads and all agents are registered.
    ///
    /// # Errors
    /// They cannot be had, or are not ready in time.
    pub async fn start(spec: &MesosSpec) -> Result<Self, Failure> {
        spec.check()?;
        let home = installed().await?;
        let folder = Folder::new(spec.dir.as_deref(), "mesos")?;
        let guard = Guard::start(&home, &folder).await?;
        let range =
            until_ok("ports for tasks, which other clusters have", || async { Range::of(&folder) })
                .await?;
        let mut mesos = Self {
            agents: Vec::new(),
            masters: Vec::new(),
            _guard: guard,
            range,
            folder,
            home,
            spec: spec.clone(),
        };
        for index in 0..spec.masters {
            let asked = spec.port_of(spec.master_port, index);
            let port = Port::of(&mesos.folder, &format!("master-{}", index + 1), asked)?;
            let place = Place { home: &mesos.home, folder: &mesos.folder, number: index + 1 };
            let daemon = Daemon::new(flags::master(spec, &place, port.number)?);
            // Alone, a master that ended stays so: nothing of it says that it should be started again.
            let grouped = spec.zookeeper.is_some();
            let mends = if grouped { Mends::AnyEnd } else { Mends::Crashes };
            mesos.masters.push(Member::new(daemon.mended_after(mends), port));
        }
        for index in 0..spec.agents.len() {
            let agent = mesos.new_agent(index)?;
            mesos.agents.push(agent);
        }
        for member in mesos.masters.iter().chain(&mesos.agents) {
            member.daemon.start().await?;
        }
        mesos.leader().await?;
        if mesos.masters.len() > 1 {
            mesos.logs_are_whole().await?;
        }
        for index in 0..mesos.agents.len() {
            mesos.registered(index).await?;
        }
        Ok(mesos)
    }

    /// Waits until each master's replica of the registry takes part: of replicas that were just made,
    /// none may be lost before, or the others wait for it for ever.
    async fn logs_are_whole(&self) -> Result<(), Failure> {
        for index in 0..self.masters.len() {
            until("a replica of the masters' log to take part", || async move {
                let metrics = self.read_master(index, "/metrics/snapshot").await?;
                (metrics["registrar/log/recovered"] == 1.0).then_some(())
            })
            .await?;
        }
        Ok(())
    }

    /// One more agent; its number. Returns when it is registered.
    ///
    /// # Errors
    /// It cannot be started, or is not registered in time.
    pub async fn add_agent(&mut self, agent: AgentSpec) -> Result<usize, Failure> {
        let index = self.agents.len();
        self.spec.agents.push(agent);
        let agent = self.new_agent(index)?;
        agent.daemon.start().await?;
        self.agents.push(agent);
        self.registered(index).await?;
        Ok(index)
    }

    fn new_agent(&self, index: usize) -> Result<Member, Failure> {
        let asked = self.spec.port_of(self.spec.agent_port, index);
        let port = Port::of(&self.folder, &format!("agent-{}", index + 1), asked)?;
        let place = Place { home: &self.home, folder: &self.folder, number: index + 1 };
        let url = self.url();
        let tasks = self.spec.task_ports(self.range.first, index)?;
        let recipe = flags::agent(&self.spec, &place, port.number, &url, tasks)?;
        Ok(Member::new(Daemon::new(recipe).mended_after(Mends::Crashes), port))
    }

    /// How schedulers and agents find the leader: `zk://…`, or the only master's address.
    #[must_use]
    pub fn url(&self) -> String {
        self.spec.zookeeper.clone().unwrap_or_else(|| self.master_address(0))
    }

    /// Where a master listens, such as `127.0.0.1:5050`. Kept over restarts.
    ///
    /// # Panics
    /// When there is no such master; they are counted from 0.
    #[must_use]
    pub fn master_address(&self, index: usize) -> String {
        format!("127.0.0.1:{}", self.masters[index].port.number)
    }

    /// Where an agent listens. Kept over restarts.
    ///
    /// # Panics
    /// When there is no such agent; they are counted from 0.
    #[must_use]
    pub fn agent_address(&self, index: usize) -> String {
        format!("127.0.0.1:{}", self.agents[index].port.number)
    }

    /// One master, to be killed, stopped, paused, resumed, started.
    ///
    /// # Panics
    /// When there is no such master; they are counted from 0.
    #[must_use]
    pub fn master(&self, index: usize) -> &Daemon {
        &self.masters[index].daemon
    }

    /// One agent, to be killed, stopped, paused, resumed, started. Its executors go on without it.
    ///
    /// # Panics
    /// When there is no such agent; they are counted from 0.
    #[must_use]
    pub fn agent(&self, index: usize) -> &Daemon {
        &self.agents[index].daemon
    }

    /// All masters.
    pub fn masters(&self) -> impl Iterator<Item = &Daemon> {
        self.masters.iter().map(|member| &*member.daemon)
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = &Daemon> {
        self.agents.iter().map(|member| &*member.daemon)
    }

    /// Ends a master in order.
    ///
    /// # Errors
    /// It may not be signalled.
    pub async fn stop_master(&self, index: usize) -> Result<(), Failure> {
        self.masters[index].daemon.stop(STOP_GRACE).await
    }

    /// Ends an agent as a restart of its service would. Its executors go on without it.
    ///
    /// # Errors
    /// It may not be signalled.
    pub async fn stop_agent(&self, index: usize) -> Result<(), Failure> {
        self.agents[index].daemon.stop(STOP_GRACE).await
    }

    /// Ends an agent and everything that it has started, as a power cut of its host would.
    ///
    /// # Errors
    /// Something does not end.
    pub async fn lose_host(&self, index: usize) -> Result<(), Failure> {
        self.agents[index].daemon.kill().await?;
        let folder = self.folder.path().join(self.agents[index].daemon.name());
        guard::end_all(&self.home, &folder).await
    }

    /// Starts a master again on its own data, and waits until it leads or follows.
    ///
    /// # Errors
    /// It runs, or does not come back.
    pub async fn restart_master(&self, index: usize) -> Result<(), Failure> {
        let master = &self.masters[index];
        master.daemon.start().await?;
        until_ok(&format!("{} to serve", master.daemon.name()), || async move {
            master.daemon.check()?;
            Ok(standing_of(master.port.number).await.map(drop))
        })
        .await
    }

    /// Starts an agent again on its own data, and waits until it is registered.
    ///
    /// # Errors
    /// It runs, or does not come back.
    pub async fn restart_agent(&self, index: usize) -> Result<(), Failure> {
        self.agents[index].daemon.start().await?;
        self.registered(index).await
    }

    /// Waits until a master leads and is ready, and says which.
    ///
    /// # Errors
    /// None does in time, or all have ended.
    pub async fn leader(&self) -> Result<usize, Failure> {
        until_ok("a leader among the Mesos masters", || async {
            for (index, master) in self.masters.iter().enumerate() {
                if standing_of(master.port.number).await == Some(LEADS) {
                    return Ok(Some(index));
                }
            }
            let all_ended = self.masters.iter().map(|master| master.daemon.check());
            all_ended.reduce(Result::or).map_or(Ok(None), |ended| ended.map(|()| None))
        })
        .await
    }

    /// Waits until the leading master has an agent as active, and the agent knows it.
    ///
    /// # Errors
    /// It is not in time.
    pub async fn registered(&self, index: usize) -> Result<(), Failure> {
        let agent = &self.agents[index];
        let pid = format!("slave(1)@{}", self.agent_address(index));
        until_ok(&format!("{} to be registered", agent.daemon.name()), || async {
            agent.daemon.check()?;
            // A master that has not missed it yet says `active` of an agent that has just begun.
            let knows = is_registered(agent.port.number).await;
            let known = knows && self.active_agents().await.contains(&pid);
            Ok(known.then_some(()))
        })
        .await
    }

    /// The agents that the leading master has as active, as `slave(1)@address`.
    pub async fn active_agents(&self) -> Vec<String> {
        for master in &self.masters {
            if standing_of(master.port.number).await != Some(LEADS) {
                continue;
            }
            let Some(answer) = read(master, "/master/slaves").await else { continue };
            let agents = answer["slaves"].as_array().cloned().unwrap_or_default();
            let active = agents.iter().filter(|agent| agent["active"] == Value::Bool(true));
            return active.filter_map(|agent| Some(agent["pid"].as_str()?.to_owned())).collect();
        }
        Vec::new()
    }

    /// Waits until the leading master has an agent no longer as active.
    ///
    /// # Errors
    /// It still has in the end.
    pub async fn missed(&self, index: usize) -> Result<(), Failure> {
        let pid = format!("slave(1)@{}", self.agent_address(index));
        until(&format!("the master to miss {}", self.agents[index].daemon.name()), || async {
            self.leader().await.ok()?;
            (!self.active_agents().await.contains(&pid)).then_some(())
        })
        .await
    }

    /// What a master says at a path, such as `/metrics/snapshot`; nothing when it says no JSON.
    pub async fn read_master(&self, index: usize, path: &str) -> Option<Value> {
        read(&self.masters[index], path).await
    }

    /// What an agent says at a path; nothing when it says no JSON.
    pub async fn read_agent(&self, index: usize, path: &str) -> Option<Value> {
        read(&self.agents[index], path).await
    }

    /// The whole answer of a master to a POST of JSON; nothing when there is none.
    pub async fn post_master(&self, index: usize, path: &str, json: &str) -> Option<Answer> {
        http::post(self.masters[index].port.number, path, json).await
    }
}

const LEADS: &str = "leads";
const FOLLOWS: &str = "follows";

/// What the master of a port does; nothing while it is not ready. After its port opens, a master
/// answers 404, then 503 until it has recovered and knows a leader.
pub(crate) async fn standing_of(port: u16) -> Option<&'static str> {
    let answer = http::post(port, "/api/v1/scheduler", "").await?;
    match answer.status {
        400 => Some(LEADS),
        307 => Some(FOLLOWS),
        // Where frameworks have to say who they are, that is asked of them first.
        401 | 403 => match http::get(port, "/master/slaves").await?.status {
            200 => Some(LEADS),
            307 => Some(FOLLOWS),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the agent of a port knows that a master has it.
pub(crate) async fn is_registered(port: u16) -> bool {
    let metrics = http::get(port, "/metrics/snapshot").await;
    let metrics = metrics.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
    metrics.is_some_and(|all| all["slave/registered"].as_f64() == Some(1.0))
}

async fn read(member: &Member, path: &str) -> Option<Value> {
    let answer = http::get(member.port.number, path).await?;
    serde_json::from_slice(&answer.body).ok()
}

async fn installed() -> Result<PathBuf, Failure> {
    spawn_blocking(install::home).await.expect("installing does not panic")
}
