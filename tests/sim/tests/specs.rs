//! The pages of `specs/`: each outcome block must be what comes out, and the index must be whole.
//!
//! `LATHE_UPDATE_SPECS=1` writes the outcome blocks instead of comparing them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lathe_sim::spec::rewritten;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder with that ending, but for its index.
fn files(name: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(name)).expect("the folder can be read");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == ending))
        .filter(|path| !path.ends_with("README.md"))
        .collect();
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
fn every_page_says_what_comes_out() {
    let update = std::env::var_os("LATHE_UPDATE_SPECS").is_some();
    let mut wrong = Vec::new();
    for path in files("specs", "md") {
        let page = fs::read_to_string(&path).expect("a page can be read");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match rewritten(&page) {
            Err(why) => wrong.push(format!("specs/{name}: {why}")),
            Ok(comes) if comes == page => {}
            Ok(comes) if update => fs::write(&path, comes).expect("a page can be written"),
            Ok(comes) => wrong.push(format!("specs/{name}, {}", difference(&page, &comes))),
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nIf that is what should come out: LATHE_UPDATE_SPECS=1 cargo test -p lathe-sim --test \
         specs, and read what it wrote.",
        wrong.join("\n")
    );
}

#[test]
fn the_index_has_each_page_once_with_a_line_of_its_own() {
    let index = fs::read_to_string(folder("specs").join("README.md")).expect("there is an index");
    let listed: Vec<String> = index
        .lines()
        .filter_map(|line| line.strip_prefix("- ["))
        .map(|line| {
            let (link, rest) = line.split_once(") ").unwrap_or((line, ""));
            assert!(!rest.trim().is_empty(), "{line} says nothing about the page");
            link.rsplit('(').next().unwrap_or_default().to_owned()
        })
        .collect();
    let names = |name: &str, ending: &str, before: &str| -> Vec<String> {
        let files = files(name, ending).into_iter();
        files
            .map(|path| {
                format!("{before}{}", path.file_name().unwrap_or_default().to_string_lossy())
            })
            .collect()
    };
    let mut there: BTreeSet<String> = names("specs", "md", "").into_iter().collect();
    there.extend(names("drills", "txt", "../drills/"));
    assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len(), "one is listed twice");
    assert_eq!(listed.into_iter().collect::<BTreeSet<String>>(), there);
}
