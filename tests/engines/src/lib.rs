//! Real engines for tests and for trying out: ZooKeeper servers, Mesos masters and agents, a Kafka
//! broker, and a proxy to put before one; programs to compare with, which place tasks too or tell of changes
//! too; and one that holds a listener against its OpenAPI document.
//!
//! Owns how an engine is fetched, kept, started, hurt and ended. It must not know what a test is
//! about, nor any crate of Lathe but `child`.
//!
//! An engine is fetched at its first use and kept in a cache outside the clone ([`cache`] says
//! where), by name and version; a test that cannot have it fails with the reason. Whatever is started
//! here has a folder and ports of its own, listens on the loopback address only, unless it is told where
//! else, and ends with the value that stands for it, and with this process, however that ends.
//!
//! ```no_run
//! # async fn look() -> Result<(), lathe_engines::Failure> {
//! use lathe_engines::{Mesos, MesosSpec, Proxy, ZooKeeper, ZooKeeperSpec};
//!
//! let zookeeper = ZooKeeper::start(&ZooKeeperSpec::ensemble_of(3)).await?;
//! let proxy = Proxy::start(zookeeper.address(0)).await?;
//! println!("{} or, by the proxy, {}", zookeeper.addresses(), proxy.address());
//! proxy.cut().await?;
//! let leader = zookeeper.leader().await?;
//! zookeeper.server(leader).kill().await?;
//! zookeeper.restart(leader).await?;
//!
//! let url = Some(zookeeper.url("/mesos"));
//! let spec = MesosSpec { masters: 3, zookeeper: url, ..MesosSpec::of_agents(2) };
//! let mesos = Mesos::start(&spec).await?;
//! mesos.master(mesos.leader().await?).kill().await?;
//! println!("{} leads now", mesos.leader().await?);
//! # Ok(())
//! # }
//! ```
//!
//! Everything that waits is `async`, for any tokio runtime; a test without one uses [`block_on`].
//! Processes and proxies live on a thread of this crate, so a test may block without stopping them.

pub mod cache;
#[doc(hidden)]
pub mod command;

mod consul;
mod daemon;
mod failure;
mod folder;
mod golang;
mod http;
mod java;
mod kafka;
mod keeper;
mod maven;
mod mesos;
mod peer;
mod ports;
mod proxy;
mod python;
mod say;
mod schemathesis;
mod service;
mod tool;
mod waiting;
mod zookeeper;

pub use consul::{Consul, ConsulTemplate};
pub use daemon::Daemon;
pub use failure::{Code, Failure};
pub use http::Answer;
pub use kafka::{Kafka, KafkaSpec};
pub use keeper::block_on;
pub use lathe_child::Signal;
pub use mesos::{AgentSpec, Flags, Mesos, MesosSpec};
pub use peer::Peer;
pub use proxy::{Counts, Proxy, Way};
pub use schemathesis::Examination;
pub use waiting::{SOON, until};
pub use zookeeper::{ZooKeeper, ZooKeeperPlace, ZooKeeperSpec};
