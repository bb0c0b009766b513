//! What a hook would do, without doing it.
//!
//! Owns the comparison of what would be rendered with what stands in its place. It takes no lock and writes nothing,
//! so it may be asked beside a process that has the hook.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use similar::TextDiff;

use crate::files::read_bounded;
use crate::recipe::Recipe;
use crate::render::{RenderError, Setting};
use crate::snapshot::{Input, Snapshot};

/// Lines around a change that are shown.
const AROUND: usize = 3;

/// Why it cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// A template renders to nothing.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// What stands in a place cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a hook would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Its name.
    pub hook: String,
    /// Entries that it sees.
    pub entries: usize,
    /// Its files.
    pub files: Vec<FilePreview>,
    /// What it would run then, in words; nothing where it runs nothing.
    pub runs: Option<String>,
}

/// What would become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePreview {
    /// Where it stands.
    pub path: PathBuf,
    /// The unified diff; nothing where the file would be the same.
    pub diff: Option<String>,
}

impl Preview {
    /// What a hook would do where groups are like this; nothing before all of its groups are known. `stale` and
    /// `age_ms` are what its templates are told.
    ///
    /// # Errors
    /// [`PreviewError`]
    pub fn of(
        recipe: &Recipe,
        snapshot: &Snapshot,
        (stale, age_ms): (bool, u64),
    ) -> Result<Option<Self>, PreviewError> {
        let Some(input) = Input::of(snapshot, recipe, &recipe.digest()) else { return Ok(None) };
        let (entries, input) = (input.entries().len(), Arc::new(input));
        let setting = Setting { hook: recipe.name.clone(), stale, age_ms };
        let mut files = Vec::with_capacity(recipe.files.len());
        for file in &recipe.files {
            let then = file.template.render(&input, &setting)?;
            let path = file.path.clone();
            let now = read_bounded(&path);
            let now = now.map_err(|source| PreviewError::Read { path: path.clone(), source })?;
            let is_new = now.is_none();
            let now = now.unwrap_or_default();
            let diff = (is_new || now != then).then(|| diff(&path, is_new, (&now, &then)));
            files.push(FilePreview { path, diff });
        }
        Ok(Some(Self { hook: recipe.name.clone(), entries, files, runs: runs(recipe) }))
    }

    /// Files that would be others than they are.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.files.iter().filter(|file| file.diff.is_some()).count()
    }
}

fn diff(path: &std::path::Path, is_new: bool, (now, then): (&[u8], &[u8])) -> String {
    let (now, then) = (String::from_utf8_lossy(now), String::from_utf8_lossy(then));
    let from = if is_new { "/dev/null".to_owned() } else { path.display().to_string() };
    let diff = TextDiff::from_lines(&*now, &*then);
    let mut unified = diff.unified_diff();
    unified.context_radius(AROUND).header(&from, &path.display().to_string()).to_string()
}

fn runs(recipe: &Recipe) -> Option<String> {
    let haproxy = recipe.haproxy.as_ref().map(|_| "HAProxy is told by its socket".to_owned());
    let command = (!recipe.command.is_empty()).then(|| format!("runs {:?}", recipe.command));
    let all: Vec<String> = haproxy.into_iter().chain(command).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (changes, files) = (self.changes(), self.files.len());
        writeln!(
            f,
            "{}: {} entries, {changes} of {files} files would change",
            self.hook, self.entries
        )?;
        for file in &self.files {
            match &file.diff {
                Some(diff) => write!(f, "{diff}")?,
                None => writeln!(f, "{} stays as it is", file.path.display())?,
            }
        }
        match (&self.runs, files > 0 && changes == 0) {
            (None, _) => Ok(()),
            (Some(_), true) => writeln!(f, "nothing would run: the files are as they would be"),
            (Some(runs), false) if files > 0 => writeln!(f, "then: {runs}"),
            (Some(runs), false) => writeln!(f, "{runs}, unless it has followed this state already"),
        }
    }
}

#[cfg(test)]
mod tests {
    //! What is said of files that are there, are not there, and stay.

    use super::*;
    use crate::recipe::FileRecipe;
    use crate::render::Template;

    fn recipe(path: &std::path::Path) -> Recipe {
        let text = "{% for one in entries %}\nserver {{ one.address }}\n{% endfor %}\n";
        let file = FileRecipe {
            template: Template::parse("t", text).unwrap(),
            path: path.to_owned(),
            mode: 0o600,
            owner: None,
            check: Vec::new(),
        };
        let command = vec!["true".to_owned()];
        Recipe { files: vec![file], command, ..Recipe::new("web", &["g"]) }
    }

    fn snapshot() -> Snapshot {
        let entry = serde_json::json!({
            "topology": "d", "task": "g", "slot": 0, "incarnation": "g#0.1", "host": "h",
            "address": "10.0.0.1", "crate_name": "c", "version": "1", "state": "ready", "since_ms": 1,
        });
        let view =
            serde_json::json!({ "group": "g", "history": "h", "version": 3, "entries": [entry] });
        let view = Arc::new(serde_json::from_value(view).unwrap());
        Snapshot { history: "h".to_owned(), groups: [("g".to_owned(), view)].into() }
    }

    #[test]
    fn a_diff_shows_what_would_become_of_a_file_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("servers");
        let of = || Preview::of(&recipe(&path), &snapshot(), (false, 0)).unwrap().unwrap();
        let new = of();
        assert_eq!((new.entries, new.changes()), (1, 1));
        let text = new.to_string();
        assert!(text.contains("--- /dev/null") && text.contains("+server 10.0.0.1"), "{text}");
        assert!(text.ends_with("then: runs [\"true\"]\n"), "{text}");
        assert!(!path.exists());

        std::fs::write(&path, "server 10.0.0.9\n").unwrap();
        let text = of().to_string();
        assert!(text.contains("-server 10.0.0.9\n+server 10.0.0.1"), "{text}");
        std::fs::write(&path, "server 10.0.0.1\n").unwrap();
        let same = of();
        assert_eq!(same.changes(), 0, "{same}");
        assert!(same.to_string().contains("nothing would run"), "{same}");
        let unknown = Snapshot { history: "h".to_owned(), ..Snapshot::default() };
        assert_eq!(Preview::of(&recipe(&path), &unknown, (false, 0)).unwrap(), None);
    }
}
