//! What the repository's fuzzer may reach of this crate's inside. No part of the crate's interface; must not be used
//! by anything else.

use std::path::Path;

use clap::Parser as _;
use lathe_catalog::sse;

use crate::config::{Config, Flags};
use crate::follower::Told;
use crate::{saved, stream};

/// Reads any bytes as the copy on disk, as they are and as what stands behind a digest that fits: what is believed
/// of it is written as something that reads back to the same.
pub fn copy(bytes: &[u8]) {
    let _ = saved::read(bytes);
    let Ok(loaded) = saved::read(&saved::with_head(bytes)) else { return };
    let again = saved::written(&loaded.kept, loaded.saved_unix_ms);
    let again = saved::read(&again).expect("what was written is read");
    assert_eq!(again.kept, loaded.kept, "read again, it is another");
}

/// Reads any bytes as the stream of a registry: what counts as news is of a history and at a point.
pub fn events(bytes: &[u8]) {
    let mut parser = sse::Parser::default();
    if parser.push(bytes).is_err() {
        return;
    }
    for event in parser.by_ref() {
        if let Ok(Some(Told::News(_, point))) = stream::read(&event) {
            assert!(!point.history.is_empty(), "news of no history");
        }
    }
}

/// Reads a configuration file: what is refused is refused with a reason.
pub fn configuration(text: &str) {
    let flags = Flags::parse_from(["lathe-agent", "--config", "fuzz.toml"]);
    debug_assert_eq!(flags.config, Path::new("fuzz.toml"));
    if let Err(refused) = Config::from_source(&flags, text) {
        assert!(!refused.problems.is_empty(), "refused without a reason");
    }
}
