//! Files that stand for a cluster where there is none: hosts, and what runs on them, as JSON.
//!
//! Owns both forms (`docs/json.md`), their limits and what is said of a wrong one. It must not know
//! where the bytes come from, nor what is planned with them. Whatever the bytes are, the answer is
//! values or findings, and no more memory than a small multiple of them.

mod amounts;
mod findings;
mod host;
mod json;
mod runs;
mod stated;

use lathe_placement::{Cluster, Running};
use lathe_topology::Topology;

pub use findings::Finding;
use findings::Findings;

/// Bytes of a file of hosts.
pub const HOSTS_BYTES: usize = 128 << 20;
/// Bytes of a file of what runs.
pub const RUNNING_BYTES: usize = 512 << 20;
/// Hosts in a file.
pub const HOSTS: usize = 200_000;
/// Running instances in a file.
pub const RUNNING: usize = 2_000_000;

/// What a file says, and what its author may have meant otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// The values.
    pub value: T,
    /// Keys that mean nothing, one sentence each.
    pub warnings: Vec<String>,
}

/// Reads a list of hosts, in the form of `docs/json.md` or as `lathe hosts --json` prints it. Hosts that take
/// nothing new are left out.
///
/// # Errors
/// Everything that is wrong with it, as far as it is listed.
pub fn hosts(bytes: &[u8]) -> Result<Read<Cluster>, Vec<Finding>> {
    let mut findings = Findings::default();
    let mut list = host::List::default();
    let most = ("hosts", HOSTS);
    json::each(bytes, most, &mut findings, |at, value, findings| list.add(at, value, findings));
    findings.or_else(|| Cluster { hosts: list.hosts })
}

/// Reads a list of what runs. Instances of the given topologies are as these describe them, unless
/// the list says it itself.
///
/// # Errors
/// Everything that is wrong with it, as far as it is listed.
pub fn running(bytes: &[u8], topologies: &[Topology]) -> Result<Read<Running>, Vec<Finding>> {
    let mut findings = Findings::default();
    let mut list = runs::List::new(topologies);
    let most = ("instances", RUNNING);
    json::each(bytes, most, &mut findings, |at, value, findings| list.add(at, value, findings));
    findings.or_else(|| Running { instances: list.instances })
}

#[cfg(test)]
mod tests;
