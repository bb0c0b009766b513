//! The holder: starts engines, writes what it has started, and ends them when it is told to. It is the
//! process that they all end with.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{SignalKind, signal};

use super::args::{Engines, Wanted};
use super::state::{Entry, Kind, Process, State, Url};
use crate::{
    AgentSpec, Code, Daemon, Failure, Kafka, KafkaSpec, Mesos, MesosSpec, ZooKeeper, ZooKeeperSpec,
};

/// Where masters meet.
const MESOS_PATH: &str = "/mesos";

/// What runs.
struct Held {
    mesos: Option<Mesos>,
    zookeeper: Option<ZooKeeper>,
    kafka: Option<Kafka>,
}

pub(super) async fn run(dir: &Path, wanted: &Wanted) -> Result<bool, Failure> {
    let _lock = lock(dir)?;
    let holder = Process::of(std::process::id()).unwrap_or_default();
    same_numbers(dir, wanted)?;
    State { holder, ..State::default() }.write(dir)?;
    let failed = |error| Failure::system("waiting for signals", error);
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
    // Heard and not heeded: a terminal that closes is no reason to end.
    let _hup = signal(SignalKind::hangup()).map_err(failed)?;
    let ended = async {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    tokio::pin!(ended);
    let held = tokio::select! {
        held = start(dir, wanted) => held,
        () = &mut ended => return Ok(true),
    };
    let held = held.inspect_err(|_| State::remove(dir))?;
    held.state(holder).write(dir)?;
    ended.await;
    drop(held);
    State::remove(dir);
    Ok(true)
}

/// What engines keep in a folder is made for so many of them.
fn same_numbers(dir: &Path, wanted: &Wanted) -> Result<(), Failure> {
    let path = dir.join("numbers");
    let Wanted { zookeepers, masters, agents, .. } = wanted;
    let numbers = format!("{zookeepers} ZooKeeper servers, {masters} masters, {agents} agents\n");
    match fs::read_to_string(&path) {
        Ok(before) if before != numbers => {
            let what = format!("{} is for {}", dir.display(), before.trim_end());
            Err(Failure::new(Code::Asked, what, "ask for the same numbers, or remove the folder"))
        }
        Ok(_) => Ok(()),
        Err(_) => fs::write(&path, numbers).map_err(|error| Failure::system(path.display(), error)),
    }
}

/// One holder for a folder.
fn lock(dir: &Path) -> Result<File, Failure> {
    let path = dir.join("engines.lock");
    let file = File::create(&path).map_err(|error| Failure::system(path.display(), error))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let what = format!("{} is in use", dir.display());
        return Err(Failure::new(Code::Asked, what, "end the other engines first"));
    }
    Ok(file)
}

async fn start(dir: &Path, wanted: &Wanted) -> Result<Held, Failure> {
    let engines = Engines::of(&wanted.engines);
    // Masters meet at ZooKeeper; Kafka meets nobody.
    let first = async {
        let zookeeper = zookeeper(dir, wanted, engines).await?;
        let mesos = mesos(dir, wanted, engines, zookeeper.as_ref()).await?;
        Ok((zookeeper, mesos))
    };
    let ((zookeeper, mesos), kafka) = tokio::try_join!(first, kafka(dir, wanted, engines))?;
    Ok(Held { mesos, zookeeper, kafka })
}

async fn zookeeper(
    dir: &Path,
    wanted: &Wanted,
    engines: Engines,
) -> Result<Option<ZooKeeper>, Failure> {
    if !engines.zookeeper {
        return Ok(None);
    }
    let spec = ZooKeeperSpec {
        servers: wanted.zookeepers,
        force_sync: wanted.production,
        port: wanted.zookeeper_port,
        dir: Some(dir.join("zookeeper")),
        ..ZooKeeperSpec::default()
    };
    ZooKeeper::start(&spec).await.map(Some)
}

async fn mesos(
    dir: &Path,
    wanted: &Wanted,
    engines: Engines,
    zookeeper: Option<&ZooKeeper>,
) -> Result<Option<Mesos>, Failure> {
    if !engines.mesos {
        return Ok(None);
    }
    let agent = |index: usize| {
        let usual = format!("rack:r{}", index + 1);
        AgentSpec::with(wanted.attributes.get(index).unwrap_or(&usual))
    };
    let spec = MesosSpec {
        masters: wanted.masters,
        agents: (0..wanted.agents).map(agent).collect(),
        zookeeper: zookeeper.map(|zookeeper| zookeeper.url(MESOS_PATH)),
        quick: !wanted.production,
        master_port: wanted.master_port,
        agent_port: wanted.agent_port,
        dir: Some(dir.join("mesos")),
        ..MesosSpec::default()
    };
    Mesos::start(&spec).await.map(Some)
}

async fn kafka(dir: &Path, wanted: &Wanted, engines: Engines) -> Result<Option<Kafka>, Failure> {
    if !engines.kafka {
        return Ok(None);
    }
    let dir = Some(dir.join("kafka"));
    let spec = KafkaSpec { port: wanted.kafka_port, dir, ..KafkaSpec::default() };
    Kafka::start(&spec).await.map(Some)
}

impl Held {
    fn state(&self, holder: Process) -> State {
        let mut state = State { holder, started: true, ..State::default() };
        let mut url = |engine: &str, url: String| {
            state.urls.push(Url { engine: engine.to_owned(), url });
        };
        if let Some(zookeeper) = &self.zookeeper {
            url("zookeeper", zookeeper.addresses());
            let servers = zookeeper.servers().iter().enumerate();
            let of = |(index, server)| entry(server, Kind::Zookeeper, &zookeeper.address(index));
            state.daemons.extend(servers.map(of));
        }
        if let Some(mesos) = &self.mesos {
            state.urls.push(Url { engine: "mesos".to_owned(), url: mesos.url() });
            let masters = mesos.masters().enumerate();
            let of = |(index, master)| entry(master, Kind::Master, &mesos.master_address(index));
            state.daemons.extend(masters.map(of));
            let agents = mesos.agents().enumerate();
            let of = |(index, agent)| entry(agent, Kind::Agent, &mesos.agent_address(index));
            state.daemons.extend(agents.map(of));
        }
        if let Some(kafka) = &self.kafka {
            state.urls.push(Url { engine: "kafka".to_owned(), url: kafka.address() });
            state.daemons.push(entry(kafka.broker(), Kind::Kafka, &kafka.address()));
        }
        state
    }
}

fn entry(daemon: &Daemon, kind: Kind, address: &str) -> Entry {
    Entry {
        name: daemon.name().to_owned(),
        kind,
        port: address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default(),
        process: daemon.pid().and_then(Process::of).unwrap_or_default(),
        log: daemon.log().to_owned(),
    }
}
