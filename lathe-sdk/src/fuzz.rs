//! What the repository's fuzzer may reach of this crate's inside: what registries, the executor and
//! the environment say. No part of the crate's interface; must not be used by anything else.

use lathe_catalog::{ConfigView, GroupView};

use crate::client::Base;
use crate::config::Snapshot;
use crate::environment::Environment;
use crate::live::Parser;
use crate::run::asks_to_drain;

/// Reads a registry's stream: whole, and byte by byte, which must give the same.
pub fn stream(bytes: &[u8]) {
    let mut whole = Parser::default();
    let ended_whole = whole.push(bytes);
    let mut pieces = Parser::default();
    let ended_pieces = bytes.chunks(1).try_for_each(|byte| pieces.push(byte));
    assert_eq!(ended_whole.is_ok(), ended_pieces.is_ok(), "cut differently, it ends differently");
    for event in whole {
        assert_eq!(pieces.next().as_ref(), Some(&event), "cut differently, it says another thing");
        data(event.data.as_bytes());
    }
}

/// Reads what a registry says in one event or answer.
pub fn data(bytes: &[u8]) {
    let _ = serde_json::from_slice::<GroupView>(bytes);
    let urls = serde_json::from_slice::<Vec<String>>(bytes).unwrap_or_default();
    urls.iter().for_each(|url| drop(Base::parse(url)));
    if let Ok(view) = serde_json::from_slice::<ConfigView>(bytes) {
        let keys: Vec<String> = view.keys.keys().cloned().collect();
        let snapshot = Snapshot::new(view);
        keys.iter().for_each(|key| drop(snapshot.lookup(key)));
        let _ = snapshot.named_groups().count();
    }
}

/// Reads lines of the executor.
pub fn lines(bytes: &[u8]) {
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let _ = std::str::from_utf8(line).map(asks_to_drain);
    }
}

/// Reads an environment of lines `NAME=value`.
pub fn environment(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let _ = Environment::read(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
