//! What processes say to one another in JSON: answers, hand-shakes, files.

use lathe_api::rest::{Endpoints, EventView, LaunchSpec, LogPiece, Problem, StatusView};
use serde::de::DeserializeOwned;

/// Everything that is read as JSON, and the data of a registry's events.
pub(super) fn answers(bytes: &[u8]) {
    read::<LaunchSpec>(bytes);
    read::<StatusView>(bytes);
    read::<EventView>(bytes);
    read::<LogPiece>(bytes);
    read::<Problem>(bytes);
    read::<Endpoints>(bytes);
    lathe::fuzz::data(bytes);
}

fn read<T: DeserializeOwned>(bytes: &[u8]) {
    let _ = serde_json::from_slice::<T>(bytes);
}

/// The lines between a program and its executor, both ways.
pub(super) fn handshake(bytes: &[u8]) {
    lathe_executor::fuzz::lines(bytes);
    lathe::fuzz::lines(bytes);
}
