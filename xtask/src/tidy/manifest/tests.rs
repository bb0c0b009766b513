//! Tests of the file beside.

use super::*;

#[test]
fn only_the_lines_of_the_section_are_read() {
    let text = "[a]\nx = 1\n[a.b] # c\n# y = 2\nz = \"3\"\n\n[[bin]]\nw = 4\n";
    let found = section(text, "a.b");
    assert_eq!(found, BTreeMap::from([("z".to_owned(), "\"3\"".to_owned())]));
    assert!(section(text, "b").is_empty());
}
