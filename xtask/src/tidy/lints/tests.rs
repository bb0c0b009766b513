//! Tests of the file beside.

use super::super::fixture::{files, member, places};
use super::*;

const ROOT: &str = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n\n[workspace.lints.clippy]\ntodo = \"warn\"\n";
const OWN: &str = "[lints.rust]\nunsafe_code = \"deny\"\n\n[lints.clippy]\ntodo = \"warn\"\nundocumented_unsafe_blocks = \"warn\"\n";

fn repo(api: &str, child: &str) -> Repo {
    let mut repo =
        files(&[("Cargo.toml", ROOT), ("api/Cargo.toml", api), ("child/Cargo.toml", child)]);
    repo.crates = vec![member("lathe-api", "api", &[]), member("lathe-child", "child", &[])];
    repo
}

#[test]
fn lints_are_inherited_or_equal() {
    assert_eq!(check(&repo("[lints]\nworkspace = true\n", OWN)), []);
}

#[test]
fn a_crate_without_the_lints_is_found() {
    assert_eq!(places(&check(&repo("[package]\n", OWN))), ["api/Cargo.toml:1"]);
    assert_eq!(places(&check(&repo(OWN, OWN))), ["api/Cargo.toml:1"]);
}

#[test]
fn a_list_that_differs_is_found_line_by_line() {
    let milder = OWN.replace("todo = \"warn\"", "todo = \"allow\"");
    assert_eq!(
        places(&check(&repo("[lints]\nworkspace = true\n", &milder))),
        ["child/Cargo.toml:5"]
    );
    let shorter = OWN.replace("todo = \"warn\"\n", "");
    assert_eq!(check(&repo("[lints]\nworkspace = true\n", &shorter)).len(), 1);
    let longer = format!("{OWN}unwrap_used = \"allow\"\n");
    assert_eq!(
        places(&check(&repo("[lints]\nworkspace = true\n", &longer))),
        ["child/Cargo.toml:7"]
    );
}
