//! Pages that show what comes out: each is compared with what comes out now, or written anew.
//!
//! Owns the walk over a folder. It must not know what the pages are about.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder with that ending, but for its index.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == ending))
        .filter(|path| !path.ends_with("README.md"))
        .collect();
    files.sort();
    files
}

/// Each page must be what `rewritten` makes of it; with the variable set it becomes that.
pub(crate) fn compare<E: std::fmt::Display>(
    (folder, ending): (&str, &str),
    rewritten: impl Fn(&str) -> Result<String, E>,
    variable: &str,
) {
    let update = std::env::var_os(variable).is_some();
    let mut wrong = Vec::new();
    for path in files(folder, ending) {
        let page = fs::read_to_string(&path).expect("a page can be read");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match rewritten(&page) {
            Err(why) => wrong.push(format!("{folder}/{name}: {why}")),
            Ok(comes) if comes == page => {}
            Ok(comes) if update => fs::write(&path, comes).expect("a page can be written"),
            Ok(comes) => wrong.push(format!("{folder}/{name}, {}", difference(&page, &comes))),
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nIf that is what should come out: {variable}=1 cargo test -p lathe-sim --test \
         {folder}, and read what it wrote.",
        wrong.join("\n")
    );
}

/// The first line that differs, with both texts.
fn difference(stands: &str, comes: &str) -> String {
    let (mut old, mut new) = (stands.lines(), comes.lines());
    let mut at = 0;
    loop {
        at += 1;
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if old == new => {}
            (old, new) => {
                let text = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
                return format!("line {at}\n  stands: {}\n  comes:  {}", text(old), text(new));
            }
        }
    }
}
