//! Where a record stands in ZooKeeper. Owns the mapping between paths of records and of znodes; must
//! not know what is done with either.
//!
//! The record `/a/b` is the znode `/a/=b`: the last segment is marked, those before it are folders.
//! So every record is a leaf. It can be deleted though there are records below its path, it may be
//! ephemeral though ZooKeeper's ephemerals have no children, its version is that of its znode, and
//! folders need no mark in their data. A folder's segment that begins like one of the marks, or that
//! ZooKeeper has for itself, is escaped.

/// Begins the name of a record's znode.
const RECORD: char = '=';
/// Begins the name of a folder that would be taken for something else.
const ESCAPED: char = '~';
/// Begins what this back end keeps for itself, beside the records.
const OWN: char = '!';

/// The znode that is set by every write, so that its answer tells the commit.
pub(super) const COMMIT: &str = "/!commit";
/// The znode that has the id of the store's life.
pub(super) const HISTORY: &str = "/!history";

/// What a znode is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The record at this path.
    Record(String),
    /// What holds the records below this path; `/` for the root.
    Folder(String),
    /// Something of this back end, or of nobody.
    Other,
}

/// The znode of the record at `path`.
pub(super) fn record(path: &str) -> String {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut node = if parent.is_empty() { String::new() } else { folder(parent) };
    node.push('/');
    node.push(RECORD);
    node.push_str(name);
    node
}

/// The znode that holds the records below `path`; `/` for the root.
pub(super) fn folder(path: &str) -> String {
    let mut node = String::with_capacity(path.len() + 2);
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        node.push('/');
        if segment.starts_with([RECORD, ESCAPED, OWN]) || segment == "zookeeper" {
            node.push(ESCAPED);
        }
        node.push_str(segment);
    }
    if node.is_empty() {
        node.push('/');
    }
    node
}

/// The folders that have to be there for the record at `path`, from the top; the root is not named.
pub(super) fn folders_above(path: &str) -> Vec<String> {
    let ends = path.match_indices('/').skip(1).map(|(at, _)| at);
    ends.map(|end| folder(&path[..end])).collect()
}

/// What the znode at `node` is.
pub(super) fn node(node: &str) -> Node {
    let mut path = String::with_capacity(node.len());
    let mut segments = node.split('/').filter(|segment| !segment.is_empty()).peekable();
    while let Some(segment) = segments.next() {
        path.push('/');
        if let Some(name) = segment.strip_prefix(RECORD) {
            if segments.peek().is_some() || name.is_empty() {
                return Node::Other;
            }
            path.push_str(name);
            return Node::Record(path);
        }
        if segment.starts_with(OWN) || segment == "zookeeper" {
            return Node::Other;
        }
        path.push_str(segment.strip_prefix(ESCAPED).unwrap_or(segment));
    }
    if path.is_empty() {
        path.push('/');
    }
    Node::Folder(path)
}

/// The path of a child of a folder, both as znodes.
pub(super) fn child(folder: &str, name: &str) -> String {
    if folder == "/" { format!("/{name}") } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests;
