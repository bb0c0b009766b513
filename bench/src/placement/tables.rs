//! Topology files as text: what a family describes, in the language of users.

use std::fmt::Write as _;

/// One `[task.…]` table.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) count: u32,
    /// Thousandths of a cpu, and MiB of memory.
    pub(super) cpus: u64,
    pub(super) mem: u64,
    pub(super) tags: Vec<String>,
    /// Each as it stands in the list: `"db", "prefer", 80`.
    pub(super) biases: Vec<String>,
    /// A fixed port.
    pub(super) port: Option<u16>,
}

/// The file of these tasks.
pub(super) fn file(tables: &[Table]) -> String {
    let mut text = String::from("[defaults]\ncrate = \"it\"\nversion = \"1.0.0\"\ntask = \"it\"\n");
    for table in tables {
        let Table { name, count, cpus, mem, tags, biases, port } = table;
        let ports = port.map_or("[]".to_owned(), |port| format!("{{ http = {port} }}"));
        let tags: Vec<String> = tags.iter().map(|tag| format!("{tag:?}")).collect();
        let biases: Vec<String> = biases.iter().map(|bias| format!("[{bias}]")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "[task.{name}]\ntasks = {count}\nresources = {{ cpus = {}.{:03}, mem = \"{mem}MiB\", \
             disk = 0, ports = {ports} }}\ntags = [{}]\nbiases = [{}]",
            cpus / 1_000,
            cpus % 1_000,
            tags.join(", "),
            biases.join(", ")
        );
    }
    // `crate` marks a task.
    text.replace("\ntasks = ", "\ncrate = \"it\"\ntasks = ")
}
