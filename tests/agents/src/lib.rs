//! The agent as a process: before real registries on a real store, killed at any moment, and with the real
//! programs that it configures.
//!
//! Owns a site (registries in this process, on a store there or on ZooKeeper), the agent's process, hosts as network namespaces, and the
//! accounts of kills and of lossy networks. It must not know the agent's inside beyond its journal.

mod agent;
mod binary;
mod hosts;
mod kills;
mod networked;
mod site;
mod wire;

pub use agent::Agent;
pub use hosts::{Host, Hosts};
pub use kills::{Account, Kills, Victim};
pub use networked::{Findings, Networked};
pub use site::{Seat, Site, instance, pem};
pub use wire::{Reply, get, post};

use std::time::Duration;

/// Long enough for anything here on a loaded machine; no measure of anything.
pub const SOON: Duration = Duration::from_secs(60);

/// Looks again and again until it is so.
///
/// # Panics
/// When the time is up.
pub async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let end = tokio::time::Instant::now() + SOON;
    while !look().await {
        assert!(tokio::time::Instant::now() < end, "waited {} s for {what}", SOON.as_secs());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
