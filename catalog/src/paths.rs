//! Where the catalog stands in the store.
//!
//! Owns the names of nodes; must not know the store.

/// Id of the store's life.
pub const HISTORY: &str = "/lathe/history";
/// Everything of the catalog stands below this path.
pub const CATALOG: &str = "/lathe/catalog";
/// Entries stand below this path.
pub const ENTRIES: &str = "/lathe/catalog/entries";
/// Records of tasks stand below this path.
pub const TASKS: &str = "/lathe/catalog/tasks";
/// Boards of groups stand below this path.
pub const BOARDS: &str = "/lathe/catalog/boards";
/// What incarnations have acknowledged stands below this path.
pub const ACKS: &str = "/lathe/catalog/acks";
/// Every registry keeps an ephemeral node with its URL below this path.
pub const REGISTRIES: &str = "/lathe/registries";

/// Path of an incarnation's [`crate::Entry`].
#[must_use]
pub fn entry(incarnation: &str) -> String {
    format!("{ENTRIES}/{incarnation}")
}

/// Path of a task's [`crate::TaskRecord`].
#[must_use]
pub fn task(path: &str) -> String {
    format!("{TASKS}/{path}")
}

/// Path of a group's [`crate::Board`].
#[must_use]
pub fn board(group: &str) -> String {
    format!("{BOARDS}/{group}")
}

/// Path of an incarnation's [`crate::Acks`].
#[must_use]
pub fn acks(incarnation: &str) -> String {
    format!("{ACKS}/{incarnation}")
}

/// Path of a registry's node.
#[must_use]
pub fn registry(id: &str) -> String {
    format!("{REGISTRIES}/{id}")
}

/// The incarnation whose entry stands at this path, if it is such a path.
#[must_use]
pub fn entry_of(path: &str) -> Option<&str> {
    below(path, ENTRIES)
}

/// The task whose record stands at this path, if it is such a path.
#[must_use]
pub fn task_of(path: &str) -> Option<&str> {
    below(path, TASKS)
}

/// The group whose board stands at this path, if it is such a path.
#[must_use]
pub fn board_of(path: &str) -> Option<&str> {
    below(path, BOARDS)
}

/// The incarnation whose acknowledgements stand at this path, if it is such a path.
#[must_use]
pub fn acks_of(path: &str) -> Option<&str> {
    below(path, ACKS)
}

/// The registry whose node stands at this path, if it is such a path.
#[must_use]
pub fn registry_of(path: &str) -> Option<&str> {
    below(path, REGISTRIES)
}

fn below<'a>(path: &'a str, parent: &str) -> Option<&'a str> {
    let name = path.strip_prefix(parent)?.strip_prefix('/')?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}
