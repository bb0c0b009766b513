//! What the repository's fuzzer may reach of this crate's inside: what is read of a file. No part of
//! the crate's interface; must not be used by anything else.

use crate::config::{Config, Flags};

/// Reads a configuration file: what is accepted prints to what reads back to the same.
pub fn configuration(text: &str) {
    let read = |text: &str| Config::parse(text, &Flags::default());
    match read(text) {
        Ok(config) => {
            let printed = config.print();
            match read(&printed) {
                Ok(again) => assert_eq!(again, config, "printed: {printed}"),
                Err(refused) => panic!("what is printed is refused: {refused:?}: {printed}"),
            }
        }
        Err(refused) => {
            assert!(!refused.is_empty(), "refused without a reason");
            assert!(!lathe_topology::render("fuzz.toml", text, &refused).is_empty());
        }
    }
}
