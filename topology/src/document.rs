//! A TOML configuration file whose reader collects every problem with its place.
//!
//! Owns what the configuration files of all daemons have in common: typed reads with defaults,
//! ranges, units, and the refusal of keys that nobody asked for. It must not know which keys a
//! daemon has, nor read files.
//!
//! ```
//! use lathe_topology::document::Document;
//!
//! let source = "listen = \"127.0.0.1:8080\"\ncache = \"64MiB\"\n[tls]\ncert = \"a.pem\"\n";
//! let mut config = Document::parse(source).unwrap().reader();
//! let listen = config.string("listen", "127.0.0.1:0");
//! let cache = config.bytes("cache", 1 << 20);
//! let patience = config.duration_ms("patience", 5_000);
//! let mut tls = config.table("tls");
//! let cert = tls.optional_string("cert");
//! config.finish().unwrap();
//! assert_eq!((listen.as_str(), cache, patience), ("127.0.0.1:8080", 64 << 20, 5_000));
//! assert_eq!(cert.as_deref(), Some("a.pem"));
//! ```

mod open;
mod reader;
mod values;

pub use reader::Reader;

use crate::diagnostic::Diagnostic;
use crate::tree::{self, Table};

/// A configuration file that is valid TOML.
#[derive(Debug)]
pub struct Document {
    root: Table,
}

impl Document {
    /// Reads the text of a configuration file (at most 512 KiB).
    ///
    /// # Errors
    /// Everything that keeps the text from being TOML (`LT0101`, `LT0102`), or the limit that it
    /// is beyond (`LT0103`).
    pub fn parse(source: &str) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self { root: tree::read(source)? })
    }

    /// A document without any key: everything has its default.
    #[must_use]
    pub fn empty() -> Self {
        Self { root: Table::new() }
    }

    /// A reader of the whole file.
    #[must_use]
    pub fn reader(self) -> Reader {
        Reader::new(self.root)
    }
}

#[cfg(test)]
mod tests;
