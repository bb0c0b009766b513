//! Where it happens: hosts, servers of ZooKeeper and registries, each on a host of its own behind a door that takes
//! its time.
//!
//! Owns their start and their addresses. It must not know what is done to them.

use std::net::SocketAddr;
use std::time::Duration;

use lathe_engines::{Proxy, ZooKeeper, ZooKeeperPlace, ZooKeeperSpec};

use super::{REGISTRIES, ZOOKEEPERS};
use crate::{Host, Hosts, Seat, Site};

/// So much later come bytes between registries and whoever asks them, each way.
const FAR: Duration = Duration::from_millis(60);
/// The same between ZooKeeper and registries.
const NEAR: Duration = Duration::from_millis(20);
const REGISTRY_PORT: u16 = 4700;
/// Of ZooKeeper, as its servers have it.
const STORE_PORT: u16 = 2181;
/// What is listened on before one of the ports.
const BEFORE: u16 = 1;

/// All of it, but the agents.
pub(super) struct Stage {
    pub(super) site: Site,
    pub(super) hosts: Hosts,
    pub(super) zookeeper: ZooKeeper,
    doors: Vec<(Host, Proxy)>,
}

impl Stage {
    pub(super) async fn set(agents: u8, loss: u32) -> Self {
        let registries: Vec<Host> = (1..=REGISTRIES).map(Host::Registry).collect();
        let keepers: Vec<Host> = (1..=ZOOKEEPERS).map(Host::ZooKeeper).collect();
        let all = (1..=agents).map(Host::Agent).chain(registries.clone()).chain(keepers.clone());
        let hosts = Hosts::make(all.collect(), loss);
        let places = keepers.iter().map(|host| place(*host)).collect();
        let zookeeper = ZooKeeper::start(&ZooKeeperSpec::on(places)).await.expect("ZooKeeper");
        let mut doors = Vec::new();
        let mut far = Vec::new();
        for host in &keepers {
            doors.push((*host, door(*host, STORE_PORT, NEAR, &host.runtime()).await));
            far.push(at(*host, STORE_PORT + BEFORE).to_string());
        }
        let mut seats = Vec::new();
        for host in &registries {
            let runtime = host.runtime();
            doors.push((*host, door(*host, REGISTRY_PORT, FAR, &runtime).await));
            let advertise = Some(format!("http://{}", at(*host, REGISTRY_PORT + BEFORE)));
            seats.push(Seat { listen: at(*host, REGISTRY_PORT), advertise, runtime });
        }
        let address = format!("zk://{}/lathe", far.join(","));
        let site = Site::start_on(&zookeeper.url("/lathe"), &address, seats).await;
        Self { site, hosts, zookeeper, doors }
    }

    /// The doors by which nobody has gone.
    pub(super) fn unused(&self) -> Vec<Host> {
        let unused = self.doors.iter().filter(|(_, door)| door.counts().to_client == 0);
        unused.map(|(host, _)| *host).collect()
    }
}

fn at(host: Host, port: u16) -> SocketAddr {
    (host.address(), port).into()
}

fn place(host: Host) -> ZooKeeperPlace {
    let within = ["ip", "netns", "exec", &host.namespace()].map(Into::into).into();
    ZooKeeperPlace { address: host.address(), within }
}

async fn door(host: Host, port: u16, delay: Duration, runtime: &tokio::runtime::Handle) -> Proxy {
    let door = Proxy::start_at(at(host, port + BEFORE), at(host, port).to_string(), runtime).await;
    let door = door.expect("nobody else listens there");
    door.delay(delay);
    door
}
