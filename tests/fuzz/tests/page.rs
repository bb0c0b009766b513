//! Each test that docs/doors.md names is there.

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

#[test]
fn the_tests_that_the_page_of_doors_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/doors.md")).expect("the page");
    let quoted = page.split('`').skip(1).step_by(2);
    let names: BTreeSet<&str> = quoted.filter(|name| name.matches('_').count() >= 3).collect();
    assert!(names.len() > 30, "only {} tests are named", names.len());
    let mut text = String::new();
    sources(&root, &mut text);
    let missing: Vec<&&str> =
        names.iter().filter(|name| !text.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no such test: {missing:?}");
}
