//! Tests of the file beside.

use super::*;

fn defaults(packages: &[&str]) -> usize {
    let default_tree = packages.iter().map(|one| (*one).to_owned()).collect();
    check(&Repo { default_tree, ..Repo::default() }).len()
}

#[test]
fn the_sdks_tree_has_a_bound_with_the_task_itself() {
    let tree = |number: usize| Repo {
        sdk_tree: (0..number).map(|index| format!("a{index} v1.0.0")).collect(),
        ..Repo::default()
    };
    assert_eq!(check(&tree(69)), []);
    assert_eq!(check(&tree(70)).len(), 1);
}

#[test]
fn what_compiles_c_is_found() {
    assert_eq!(defaults(&["serde v1.0.229", "linux-raw-sys v0.12.1", "ccc v1.0.0"]), 0);
    assert_eq!(defaults(&["ring v0.17.14", "openssl-sys v0.9.1", "cc v1.2.0", "zstd-sys v2"]), 4);
}
