//! Files that tests submit: the examples of the checkout, fixtures, and what tests write.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::root;

/// The folder with the example topologies.
#[must_use]
pub fn examples() -> PathBuf {
    root().join("topologies")
}

/// The README's topology.
#[must_use]
pub fn example() -> PathBuf {
    examples().join("my_topology.toml")
}

/// A crate below `fixtures/`.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/system/fixtures").join(name)
}

/// Writes a file and the folders that it needs.
///
/// # Panics
/// When it cannot be written.
pub fn write(path: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders are made");
    fs::write(path, text).expect("the file is written");
    path.to_owned()
}

/// A topology of scripts: programs without the SDK that run a shell text. One instance each.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    text: String,
}

impl Scripts {
    /// One more task; `keys` are further lines of its section.
    #[must_use]
    pub fn with(mut self, path: &str, script: &str, keys: &str) -> Self {
        let (folder, script) = (fixture("script"), serde_json::json!(script));
        let text = format!(
            "[task.{path}]\ncrate = \"script\"\nversion = \"1.0.0\"\ntask = \"script\"\n\
             path = {}\nargs = [{script}]\nresources = {{ cpus = 0.1, ports = [] }}\n",
            serde_json::json!(folder),
        );
        let tasks = if keys.contains("tasks = ") { "" } else { "tasks = 1\n" };
        self.text.push_str(&format!("{text}{tasks}{keys}\n"));
        self
    }

    /// As it stands in a file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes it.
    #[must_use]
    pub fn write(&self, path: &Path) -> PathBuf {
        write(path, &self.text)
    }
}

/// The README's topology for a place of its own: its crates are named by the whole path.
///
/// # Panics
/// When the example cannot be read.
#[must_use]
pub fn moved_example() -> String {
    let text = fs::read_to_string(example()).expect("the example is there");
    let paths = serde_json::json!([examples().join("tasks/*")]);
    format!("[crates]\npaths = {paths}\n\n{text}")
}
