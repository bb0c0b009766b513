//! Each test that a page of docs/ names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let skipped = ["target", ".git", "corpus"].iter().any(|skipped| name == *skipped);
        if path.is_dir() && !skipped {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

/// The tests that a page names, each of which must be there.
fn named(page: &str) -> (String, usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs").join(page)).expect("the page");
    let quoted = page.split('`').skip(1).step_by(2);
    let names: BTreeSet<&str> = quoted.filter(|name| name.matches('_').count() >= 3).collect();
    let mut text = String::new();
    sources(&root, &mut text);
    let missing: Vec<&&str> =
        names.iter().filter(|name| !text.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no such test: {missing:?}");
    let count = names.len();
    (page, count)
}

#[test]
fn the_tests_that_the_page_of_doors_names_are_there() {
    let (_, names) = named("doors.md");
    assert!(names > 30, "only {names} tests are named");
}

#[test]
fn the_tests_that_the_contract_of_hooks_names_are_there_and_no_point_is_left_out() {
    let (page, names) = named("hook-contract.md");
    assert!(names > 30, "only {names} tests are named");
    let number = |line: &str| line.strip_prefix("| H")?.split(' ').next()?.parse::<u32>().ok();
    let numbers: Vec<u32> = page.lines().filter_map(number).collect();
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
}

#[test]
fn the_tests_that_the_page_of_conformance_names_are_there_and_no_duty_is_left_out() {
    let (page, names) = named("conformance.md");
    assert!(names > 30, "only {names} tests are named");
    let number = |line: &str| line.strip_prefix("| ")?.split(' ').next()?.parse::<u32>().ok();
    let numbers: Vec<u32> = page.lines().filter_map(number).collect();
    assert_eq!(numbers, (1..=55).collect::<Vec<_>>());
}
