//! The executor of one instance: a pure machine ([`supervisor`]) that decides, and the files that
//! carry out what it decides. Must not know topologies, placement or other instances.

pub mod supervisor;
