//! Hosts on one machine: network namespaces on a bridge, with packets that are lost and ways that are cut.
//!
//! Owns the namespaces, their rules, and threads that live in one. Whoever uses it is root in namespaces of its own
//! (`unshare -Urnm`), so that everything ends with the process and nothing of the machine's own network is touched.

use std::fmt;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::mpsc::sync_channel;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Handle};

/// Where whoever looks at the hosts speaks from: none of its packets is lost.
const OBSERVER: &str = "10.77.0.253";

/// One host, counted from 1 among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// With an agent.
    Agent(u8),
    /// With a registry.
    Registry(u8),
    /// With a server of ZooKeeper.
    ZooKeeper(u8),
}

impl Host {
    /// The name of its namespace.
    #[must_use]
    pub fn namespace(self) -> String {
        match self {
            Self::Agent(at) => format!("a{at}"),
            Self::Registry(at) => format!("r{at}"),
            Self::ZooKeeper(at) => format!("z{at}"),
        }
    }

    /// Its address.
    #[must_use]
    pub fn address(self) -> Ipv4Addr {
        match self {
            Self::Agent(at) => Ipv4Addr::new(10, 77, 0, at),
            Self::Registry(at) => Ipv4Addr::new(10, 77, 1, at),
            Self::ZooKeeper(at) => Ipv4Addr::new(10, 77, 2, at),
        }
    }

    /// A runtime on a thread that lives there as long as the process does: what it opens is that host's.
    ///
    /// # Panics
    /// When there is no such host.
    #[must_use]
    pub fn runtime(self) -> Handle {
        let (told, runtime) = sync_channel(1);
        let run = move || {
            let path = format!("/run/netns/{}", self.namespace());
            let namespace = File::open(&path).expect("the host was made");
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("it is ours to enter");
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            told.send(runtime.handle().clone()).expect("somebody waits for it");
            runtime.block_on(std::future::pending::<()>());
        };
        std::thread::Builder::new().name(self.namespace()).spawn(run).expect("a thread");
        runtime.recv().expect("the thread has just been started")
    }

    /// What befalls packets that come in, after those of its own and of the observer.
    fn loss(self, percent: u32) -> Option<f64> {
        // Servers of ZooKeeper stand beside each other.
        (!matches!(self, Self::ZooKeeper(_))).then_some(f64::from(percent) / 100.0)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(at) => write!(f, "agent {at}"),
            Self::Registry(at) => write!(f, "registry {at}"),
            Self::ZooKeeper(at) => write!(f, "ZooKeeper {at}"),
        }
    }
}

/// Hosts, of which each reaches each, as far as packets come through.
#[derive(Debug)]
pub struct Hosts {
    all: Vec<Host>,
    /// Of a hundred packets so many are lost that come to agents and to registries.
    loss: u32,
}

impl Hosts {
    /// Makes them.
    ///
    /// # Panics
    /// When the system does not let us.
    #[must_use]
    pub fn make(all: Vec<Host>, loss: u32) -> Self {
        run("mount -t tmpfs tmpfs /run && ip link set lo up && ip link add br0 type bridge");
        run(&format!("ip addr add {OBSERVER}/16 dev br0 && ip link set br0 up"));
        for host in &all {
            let (name, address) = (host.namespace(), host.address());
            run(&format!(
                "ip netns add {name} && ip link add v{name} type veth peer name e0 netns {name} && \
                 ip link set v{name} master br0 up && ip -n {name} addr add {address}/16 dev e0 && \
                 ip -n {name} link set e0 up && ip -n {name} link set lo up"
            ));
        }
        let hosts = Self { all, loss };
        hosts.heal();
        hosts
    }

    /// Nothing is cut any more; packets are lost as ever.
    pub fn heal(&self) {
        for host in &self.all {
            let lossy = host.loss(self.loss).map_or_else(String::new, |lost| {
                format!(
                    " && iptables -A INPUT -i lo -j ACCEPT && iptables -A INPUT -s {OBSERVER} -j ACCEPT && \
                     iptables -A INPUT -m statistic --mode random --probability {lost} -j DROP"
                )
            });
            let name = host.namespace();
            run(&format!("ip netns exec {name} sh -c 'iptables -F INPUT{lossy}'"));
        }
    }

    /// What these send does not reach that one.
    pub fn cut(&self, from: &[Host], to: Host) {
        let from: Vec<String> = from.iter().map(|host| host.address().to_string()).collect();
        let (name, from) = (to.namespace(), from.join(","));
        run(&format!("ip netns exec {name} iptables -I INPUT 1 -s {from} -j DROP"));
    }

    /// Nothing comes through between the ones and the others, whichever way.
    pub fn part(&self, ones: &[Host], others: &[Host]) {
        ones.iter().for_each(|one| self.cut(others, *one));
        others.iter().for_each(|other| self.cut(ones, *other));
    }
}

fn run(line: &str) {
    let status = Command::new("sh").args(["-c", line]).status().expect("sh runs");
    assert!(status.success(), "{line}: {status}; it takes ip and iptables");
}
