//! Where the repository is, what belongs to it, and how cargo is called in it.
//!
//! Owns the root folder, the list of files, and the environment of children. It must not know what
//! the files or the commands are for.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A failure with its text; nothing here is told apart by callers.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Folders that hold no source, where there is no git to ask.
const NO_SOURCE: &[&str] = &[".git", "target", "raw"];

/// The repository.
#[derive(Debug)]
pub(crate) struct Root {
    folder: PathBuf,
}

impl Root {
    /// The repository that this program was started from.
    pub(crate) fn find() -> Result<Self, Failure> {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let folder = Path::new(&own).parent().unwrap_or(Path::new("/")).to_path_buf();
        if folder.join("Cargo.toml").is_file() {
            Ok(Self { folder })
        } else {
            Err(format!("{} is not the repository: no Cargo.toml", folder.display()).into())
        }
    }

    /// A path inside the repository.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }

    /// cargo, in the repository, without what `cargo run` told this program of itself.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(&self.folder);
        let own = ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME", "OUT_DIR"];
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if own.contains(&text.as_ref()) || text.starts_with("CARGO_PKG_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// The files of the repository, with `/` between folders, sorted: what git tracks or would
    /// track, or, without git, everything outside build folders.
    pub(crate) fn files(&self) -> Result<BTreeSet<String>, Failure> {
        let mut files = match self.files_of_git() {
            Some(files) => files,
            None => {
                let mut files = BTreeSet::new();
                self.walk(&self.folder, &mut files)?;
                files
            }
        };
        // A file that was removed and not committed is still in git's list.
        files.retain(|file| self.path(file).is_file());
        Ok(files)
    }

    fn files_of_git(&self) -> Option<BTreeSet<String>> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.current_dir(&self.folder).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let files: BTreeSet<String> =
            text.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect();
        (output.status.success() && !files.is_empty()).then_some(files)
    }

    fn walk(&self, folder: &Path, files: &mut BTreeSet<String>) -> Result<(), Failure> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !NO_SOURCE.iter().any(|word| name == *word) {
                    self.walk(&path, files)?;
                }
            } else if let Some(inside) = path.strip_prefix(&self.folder)?.to_str() {
                files.insert(inside.to_owned());
            }
        }
        Ok(())
    }
}
