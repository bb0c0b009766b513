//! A node of the store as it was heard.
//!
//! Must not know what stands in it.

/// A node of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub path: String,
    /// Its content; `None` if it was deleted.
    pub content: Option<Content>,
}

/// The content of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Bytes, as stored.
    pub data: Vec<u8>,
    /// How often it was set; what a write expects.
    pub version: u64,
    /// The commit of its last change.
    pub commit: u64,
}
