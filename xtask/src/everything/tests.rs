//! Tests of the file beside.

use super::*;

#[test]
fn a_readme_with_both_commands_is_fine() {
    let readme = format!("# X\n\n```sh\n$ {FIRST}\n```\n\ncargo x\n\n```sh\n{SECOND}\n```\n");
    assert!(readme_findings(&readme).is_empty());
}

#[test]
fn another_first_command_is_found() {
    let readme = format!("```sh\ncargo build\n{FIRST}\n{SECOND}\n```\n");
    assert_eq!(readme_findings(&readme).len(), 1);
}

#[test]
fn commands_outside_of_blocks_are_not_shown() {
    assert_eq!(readme_findings(&format!("{FIRST}\n{SECOND}\n")).len(), 2);
}
