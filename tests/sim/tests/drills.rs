//! The transcripts of `drills/`: each must be what its commands show now.
//!
//! `LATHE_UPDATE_DRILLS=1` writes them instead of comparing.

use std::fs;
use std::path::{Path, PathBuf};

use lathe_sim::drill::rewritten;

fn drills() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills");
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    files.sort();
    files
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

#[test]
fn every_drill_shows_what_stands_in_it() {
    let update = std::env::var_os("LATHE_UPDATE_DRILLS").is_some();
    let mut wrong = Vec::new();
    for path in drills() {
        let drill = fs::read_to_string(&path).expect("a drill can be read");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match rewritten(&drill) {
            Err(why) => wrong.push(format!("drills/{name}: {why}")),
            Ok(comes) if comes == drill => {}
            Ok(comes) if update => fs::write(&path, comes).expect("a drill can be written"),
            Ok(comes) => wrong.push(format!("drills/{name}, {}", difference(&drill, &comes))),
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nIf that is what should be seen: LATHE_UPDATE_DRILLS=1 cargo test -p lathe-sim --test \
         drills, and read what it wrote.",
        wrong.join("\n")
    );
}
