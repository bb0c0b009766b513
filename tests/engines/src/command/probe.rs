//! Whether a process of an engine is ready, in its engine's own word.

use super::state::{Entry, Kind};
use crate::{kafka, mesos, zookeeper};

/// The word; nothing while it is not ready.
pub(super) async fn word(entry: &Entry) -> Option<String> {
    match entry.kind {
        Kind::Zookeeper => zookeeper::mode_of(entry.port).await,
        Kind::Master => mesos::standing_of(entry.port).await.map(str::to_owned),
        Kind::Agent => mesos::is_registered(entry.port).await.then(|| "registered".to_owned()),
        Kind::Kafka => kafka::is_answered(entry.port).await.then(|| "serves".to_owned()),
    }
}
