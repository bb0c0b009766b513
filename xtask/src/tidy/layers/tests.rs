//! Tests of the file beside.

use super::super::fixture::{files, member, places};
use super::*;

const BLOCK: &str =
    "# X\n\n```layers\nlow  :\nhigh : low later?\n```\n\n```layers-later\nlater : low\n```\n";

fn repo(page: &str) -> Repo {
    let manifest = "[dependencies]\nserde.workspace = true\nlathe-high.workspace = true\n";
    let mut repo = files(&[(PAGE, page), ("low/Cargo.toml", manifest)]);
    repo.crates = vec![
        member("lathe-low", "low", &["serde"]),
        member("lathe-high", "high", &["lathe-low", "serde"]),
        member("lathe-sim", "tests/sim", &["lathe-high", "lathe-low"]),
    ];
    repo
}

#[test]
fn a_true_drawing_has_no_breach() {
    assert_eq!(check(&repo(BLOCK)), []);
}

#[test]
fn an_arrow_that_is_not_drawn_is_found_in_the_manifest() {
    let mut repo = repo(BLOCK);
    repo.crates[0] = member("lathe-low", "low", &["lathe-high"]);
    assert_eq!(places(&check(&repo)), ["low/Cargo.toml:3"]);
}

#[test]
fn an_arrow_for_tests_counts_too() {
    let mut repo = repo(BLOCK);
    repo.crates[0] = member("lathe-low", "low", &["lathe-high"]);
    repo.crates[0].dependencies[0].only_for_tests = true;
    assert_eq!(check(&repo).len(), 1);
}

#[test]
fn nothing_may_use_what_stands_beside_the_layers() {
    let mut repo = repo(BLOCK);
    repo.crates[1] = member("lathe-high", "high", &["lathe-low", "lathe-sim"]);
    assert_eq!(places(&check(&repo)), ["high/Cargo.toml:1"]);
}

#[test]
fn an_arrow_that_is_only_drawn_is_found_on_the_page() {
    let mut repo = repo(BLOCK);
    repo.crates[1] = member("lathe-high", "high", &[]);
    assert_eq!(places(&check(&repo)), ["ARCHITECTURE.md:5"]);
}

#[test]
fn crates_and_lines_are_compared_both_ways() {
    let mut one_more = repo(BLOCK);
    one_more.crates.push(member("lathe-new", "new", &[]));
    assert_eq!(places(&check(&one_more)), ["new/Cargo.toml:1"]);
    let mut one_less = repo(BLOCK);
    one_less.crates.remove(1);
    assert_eq!(places(&check(&one_less)), ["ARCHITECTURE.md:5"]);
}

#[test]
fn a_planned_crate_that_came_is_found() {
    let mut repo = repo(BLOCK);
    repo.crates.push(member("lathe-later", "later", &["lathe-low"]));
    assert_eq!(places(&check(&repo)), ["ARCHITECTURE.md:9"]);
}

#[test]
fn names_that_no_line_draws_are_found() {
    let page = BLOCK.replace("later?", "never?");
    assert_eq!(places(&check(&repo(&page))), ["ARCHITECTURE.md:5"]);
}

#[test]
fn a_page_without_the_block_is_no_licence() {
    assert_eq!(check(&repo("# X\n")).len(), 1);
    assert_eq!(check(&Repo::default()).len(), 1);
}

#[test]
fn packages_are_named_after_their_folders() {
    let mut repo = repo(BLOCK);
    repo.crates[2].package = "simulation".to_owned();
    assert_eq!(places(&check(&repo)), ["tests/sim/Cargo.toml:1"]);
}
