//! Hosts on one machine: network namespaces on a bridge, with packets that are lost and ways that are cut.
//!
//! Owns the namespaces and their rules. Whoever uses it is root in namespaces of its own (`unshare -Urnm`), so that
//! everything ends with the process and nothing of the machine's own network is touched.

use std::process::Command;

/// Where whoever looks at the hosts speaks from: none of its packets is lost.
const OBSERVER: &str = "10.77.0.253";
/// Where registries are.
const REGISTRIES: &str = "10.77.1.0/24";

/// Hosts `1` to a number, of which each reaches each and the registries, as far as packets come through.
#[derive(Debug)]
pub struct Hosts {
    number: usize,
    /// Of a hundred packets so many are lost.
    loss: u32,
}

impl Hosts {
    /// Makes them.
    ///
    /// # Panics
    /// When the system does not let us.
    #[must_use]
    pub fn make(number: usize, registries: usize, loss: u32) -> Self {
        run("mount -t tmpfs tmpfs /run && ip link set lo up && ip link add br0 type bridge");
        // The first address is the one that connections are made from.
        run(&format!("ip addr add {OBSERVER}/16 dev br0 && ip link set br0 up"));
        for at in 1..=registries {
            run(&format!("ip addr add 10.77.1.{at}/16 dev br0"));
        }
        for at in 1..=number {
            run(&format!(
                "ip netns add a{at} && ip link add v{at} type veth peer name e0 netns a{at} && \
                 ip link set v{at} master br0 up && ip -n a{at} addr add 10.77.0.{at}/16 dev e0 && \
                 ip -n a{at} link set e0 up && ip -n a{at} link set lo up"
            ));
        }
        let hosts = Self { number, loss };
        hosts.heal();
        hosts
    }

    /// The name of a host's namespace.
    #[must_use]
    pub fn namespace(host: usize) -> String {
        format!("a{host}")
    }

    /// The address of a host.
    #[must_use]
    pub fn address(host: usize) -> String {
        format!("10.77.0.{host}")
    }

    /// Nothing is cut any more; packets are lost as ever.
    pub fn heal(&self) {
        for host in 1..=self.number {
            let lost = f64::from(self.loss) / 100.0;
            run(&format!(
                "ip netns exec a{host} sh -c 'iptables -F INPUT && iptables -A INPUT -i lo -j ACCEPT && \
                 iptables -A INPUT -s {OBSERVER} -j ACCEPT && \
                 iptables -A INPUT -m statistic --mode random --probability {lost} -j DROP'"
            ));
        }
    }

    /// What the one sends does not reach the other.
    pub fn cut(&self, from: usize, to: usize) {
        run(&format!("ip netns exec a{to} iptables -I INPUT 1 -s 10.77.0.{from} -j DROP"));
    }

    /// Nothing of any registry reaches a host.
    pub fn cut_registries(&self, host: usize) {
        run(&format!("ip netns exec a{host} iptables -I INPUT 1 -s {REGISTRIES} -j DROP"));
    }
}

fn run(line: &str) {
    let status = Command::new("sh").args(["-c", line]).status().expect("sh runs");
    assert!(status.success(), "{line}: {status}; it takes ip and iptables");
}
