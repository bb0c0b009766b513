//! Tests of the file beside.

use super::super::fixture::{files, places};
use super::*;

fn with_first(source: &str) -> Repo {
    let good = format!("//! Head.\n{ATTRIBUTE}\n\nuse a;\n");
    let mut all: Vec<(&str, &str)> = MACHINES.iter().map(|path| (*path, good.as_str())).collect();
    all[0].1 = source;
    files(&all)
}

#[test]
fn the_attribute_stands_before_the_first_item() {
    let good = format!("//! Head.\n\n#![expect(dead_code)]\n{ATTRIBUTE}\nuse a;\n");
    assert_eq!(check(&with_first(&good)), []);
    let late = format!("//! Head.\nuse a;\n{ATTRIBUTE}\n");
    assert_eq!(places(&check(&with_first(&late))), [format!("{}:1", MACHINES[0])]);
    let commented = format!("//! Head.\n// {ATTRIBUTE}\n");
    assert_eq!(check(&with_first(&commented)).len(), 1);
}

#[test]
fn a_machine_that_is_gone_is_found() {
    assert_eq!(check(&Repo::default()).len(), MACHINES.len());
}
