//! Look-ups by DNS: a question in, an answer out, and the sockets for both.
//!
//! Owns the spelling of names, what is answered to what, and how much of it. It must not know where what is
//! known comes from: registries and agents answer alike.
//!
//! - `settings`: the keys of a configuration file
//! - `names`: which instances a name stands for; `zone`: answers; `serve`: sockets

pub mod fuzz;
mod names;
mod serve;
mod settings;
mod zone;

pub use names::Known;
pub use serve::{Door, Source};
pub use settings::Settings;
pub use zone::{Answer, CODE_NAMES, Way, Zone, origin};
