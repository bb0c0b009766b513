//! The messages of the Mesos v1 API, compiled from `proto/`. Owns no behaviour and no opinion.
//!
//! Enums are kept as numbers (`i32`), so that a number which a later Mesos adds survives. The
//! accessors (`status.state()`) answer an unknown number with the enum's first value: where that
//! matters, convert with `TaskState::try_from`. Fields marked `required` in Mesos are plain values
//! here, and decoding does not notice when one is missing.

#![allow(missing_docs, unused_qualifications, clippy::all, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/mesos.v1.rs"));

/// The scheduler API.
pub mod scheduler {
    include!(concat!(env!("OUT_DIR"), "/mesos.v1.scheduler.rs"));
}

/// The executor API.
pub mod executor {
    include!(concat!(env!("OUT_DIR"), "/mesos.v1.executor.rs"));
}

/// The master's operator API.
pub mod master {
    include!(concat!(env!("OUT_DIR"), "/mesos.v1.master.rs"));
}

/// What roles may have at the most.
pub mod quota {
    include!(concat!(env!("OUT_DIR"), "/mesos.v1.quota.rs"));
}

/// When machines are planned to be away.
pub mod maintenance {
    include!(concat!(env!("OUT_DIR"), "/mesos.v1.maintenance.rs"));
}

/// The agent's operator API.
pub mod agent {
    include!(concat!(env!("OUT_DIR"), "/mesos.v1.agent.rs"));
}

/// All of the above as a serialised `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mesos_v1.descriptors"));

#[cfg(test)]
mod tests;
