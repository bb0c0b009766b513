//! The pages of `specs/`: each outcome block must be what comes out, and the index must be whole.
//!
//! `LATHE_UPDATE_SPECS=1` writes the outcome blocks instead of comparing them.

#[path = "pages/walk.rs"]
mod walk;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lathe_sim::spec::rewritten;

#[test]
fn every_page_says_what_comes_out() {
    walk::compare(("specs", "md"), rewritten, "LATHE_UPDATE_SPECS");
}

#[test]
fn the_index_has_each_page_once_with_a_line_of_its_own() {
    let index = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/README.md"))
        .expect("there is an index");
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
        let files = walk::files(name, ending).into_iter();
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
