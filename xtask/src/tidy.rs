//! The rules of the repository that no compiler knows.
//!
//! Owns the list of rules; each has a file of its own, with its table of exceptions and the reason
//! of each. A rule looks at a [`Repo`] in memory and yields breaches: it must not read files, start
//! programs or print.

mod breach;
mod codes;
mod facts;
mod foreign;
mod layers;
mod links;
mod lints;
mod load;
mod machines;
mod manifest;
mod places;
mod rust;
mod shape;
mod sizes;
mod trees;

#[cfg(test)]
mod fixture;

use crate::root::{Failure, Root};
use crate::say;
use breach::Breach;
use facts::Repo;

/// Every rule.
const RULES: &[fn(&Repo) -> Vec<Breach>] = &[
    layers::check,
    foreign::check,
    lints::check,
    machines::check,
    sizes::check,
    shape::check,
    places::check,
    codes::check,
    links::check,
    trees::check,
];

/// Checks and prints; true if all is well.
pub(crate) fn run(root: &Root) -> Result<bool, Failure> {
    let breaches = breaches(root)?;
    breaches.iter().for_each(|breach| say::line(&breach.to_string()));
    match breaches.len() {
        0 => say::line("tidy"),
        number => say::line(&format!("{number} breaches")),
    }
    Ok(breaches.is_empty())
}

/// The breaches as lines, and a line if the rules could not be checked.
pub(crate) fn findings(root: &Root) -> Vec<String> {
    match breaches(root) {
        Ok(breaches) => breaches.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

fn breaches(root: &Root) -> Result<Vec<Breach>, Failure> {
    let repo = load::repo(root)?;
    let mut breaches: Vec<Breach> = RULES.iter().flat_map(|rule| rule(&repo)).collect();
    breaches.sort();
    breaches.dedup();
    Ok(breaches)
}
