//! The harness of the end-to-end tests: builds the real binaries once, runs `lathe up` in a home of
//! its own, looks at it from a second terminal, over HTTP and through the process table.
//!
//! It knows Lathe only from outside, by its commands, its files and its wire: no crate of Lathe is
//! linked here. [`OnMesos`] is the same on real masters and agents.

mod attrition;
mod binaries;
mod chaos;
mod child;
mod cluster;
mod dice;
mod files;
mod http;
mod journal;
mod lathe;
mod load;
mod neighbours;
mod on_mesos;
mod ordeal;
mod process;
mod schema;
mod several;
mod sse;
mod status;
mod stream;
mod terminal;
mod turns;
mod waiting;

pub use attrition::{Attrition, Measured, Trend, Wear};
pub use binaries::{Binaries, binaries};
pub use chaos::{Account, Chaos};
pub use child::{Outcome, Running};
pub use cluster::{Cluster, Seen, Told};
pub use files::{Scripts, example, examples, fixture, moved_example, write};
pub use http::{Answer, Request};
pub use journal::{Journal, Lived};
pub use lathe::Lathe;
pub use load::{Load, Tally};
pub use neighbours::{Neighbours, Together};
pub use on_mesos::OnMesos;
pub use ordeal::{Course, Ordeal, Passed};
pub use process::{Process, Signal};
pub use schema::{conforms, names as schemas};
pub use several::{Several, Shape};
pub use sse::{Event, Events};
pub use status::{Instance, Status, Topology};
pub use stream::Stream;
pub use terminal::Terminal;
pub use waiting::{BUILD, SOON, until};
