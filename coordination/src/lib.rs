//! Coordination: one client type for the small, strongly ordered store that a cluster agrees through.
//!
//! Owns: records at paths, atomic multis with one rising commit number, sessions with ephemeral
//! records, ordered watches; the `local` store (server and client over a Unix socket) and ZooKeeper
//! behind the same client type.
//! Must not know: what the records mean, any type of the rest of the project, or who calls.
//!
//! ```no_run
//! # async fn example() -> Result<(), lathe_coordination::StoreError> {
//! use lathe_coordination::{Op, Options, Store};
//! let store = Store::connect("local:/run/lathe/store.sock", Options::default()).await?;
//! let commit = store.multi(vec![Op::put("/a/b", "hello")]).await?;
//! let record = store.get("/a/b").await?.expect("written just now");
//! assert_eq!(record.commit, commit);
//! # Ok(()) }
//! ```

mod client;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod election;
mod error;
mod event_queue;
#[doc(hidden)]
pub mod fuzz;
pub mod group;
pub mod limits;
pub mod local;
mod path;
mod records;
mod socket;
mod store;
mod wire;
mod zookeeper;

pub use error::StoreError;
pub use path::check_path;
pub use records::{Listing, Mode, Op, Record, SessionState, WatchEvent};
pub use store::{Options, Store, Watch};
pub use zookeeper::address::without_password;
