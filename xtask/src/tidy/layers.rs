//! Which crate may use which: the `layers` block of ARCHITECTURE.md against the workspace.
//!
//! Owns the reading of the block and the comparison, both ways. It must not know any crate by name.
//!
//! A line is `crate : what it uses`; `x?` may be used and need not be. A block `layers-later` has
//! the crates that are planned, so that a line may name them already.

use std::collections::{BTreeMap, BTreeSet};

use super::breach::Breach;
use super::facts::{Crate, Repo};

const PAGE: &str = "ARCHITECTURE.md";
const MEND_PAGE: &str = "the drawing must be true: mend the block or the crate";

/// One line of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    line: usize,
    must: BTreeSet<String>,
    may: BTreeSet<String>,
}

/// A crate that uses what it must not, uses less than is drawn, or is not drawn at all.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let Some(page) = repo.files.get(PAGE) else {
        return vec![Breach::new(PAGE, 1, "the page is missing", "write it, with its layers")];
    };
    let (rows, later) = (block(page, "layers"), block(page, "layers-later"));
    if rows.is_empty() {
        let what = "no block ```layers with at least one crate";
        return vec![Breach::new(PAGE, 1, what, "draw which crate may use which")];
    }
    let mut breaches = Vec::new();
    for (name, row) in rows.iter().chain(&later) {
        breaches.extend(unknown_targets(row, &rows, &later));
        let exists = repo.crates.iter().any(|one| !one.is_free() && one.folder == *name);
        if exists == later.contains_key(name) {
            let what = if exists {
                format!("`{name}` is planned here, but it is in the workspace")
            } else {
                format!("`{name}` is drawn here, but it is not in the workspace")
            };
            let mend = "take it to the other block: layers or layers-later";
            breaches.push(Breach::new(PAGE, row.line, what, mend));
        }
    }
    for one in &repo.crates {
        breaches.extend(name_of(one));
        if !one.is_free() {
            match rows.get(&one.folder) {
                Some(row) => breaches.extend(arrows(repo, one, row)),
                None if later.contains_key(&one.folder) => {}
                None => breaches.push(Breach::new(
                    &one.manifest(),
                    1,
                    "this crate is not in the layers of ARCHITECTURE.md",
                    "draw it there, at its place",
                )),
            }
        }
    }
    breaches
}

/// The lines between ```` ```name ```` and the next fence.
fn block(page: &str, name: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    let mut within = false;
    for (index, line) in page.lines().enumerate() {
        if let Some(language) = line.trim().strip_prefix("```") {
            within = !within && language.trim() == name;
        } else if let (true, Some((crate_name, uses))) = (within, line.split_once(':')) {
            let (may, must): (Vec<&str>, Vec<&str>) =
                uses.split_whitespace().partition(|word| word.ends_with('?'));
            let may = may.iter().map(|word| word.trim_end_matches('?').to_owned());
            let must = must.iter().map(|word| (*word).to_owned());
            let row = Row { line: index + 1, must: must.collect(), may: may.collect() };
            rows.insert(crate_name.trim().to_owned(), row);
        }
    }
    rows
}

fn unknown_targets(
    row: &Row,
    rows: &BTreeMap<String, Row>,
    later: &BTreeMap<String, Row>,
) -> Vec<Breach> {
    let known = |name: &String| rows.contains_key(name) || later.contains_key(name);
    let unknown = row.must.union(&row.may).filter(|name| !known(name));
    unknown
        .map(|name| Breach::new(PAGE, row.line, format!("no line draws `{name}`"), MEND_PAGE))
        .collect()
}

/// What one crate uses against what its line says.
fn arrows(repo: &Repo, one: &Crate, row: &Row) -> Vec<Breach> {
    let used: BTreeMap<&str, &str> = one
        .dependencies
        .iter()
        .filter_map(|dependency| repo.member(&dependency.package))
        .map(|target| (target.folder.as_str(), target.package.as_str()))
        .collect();
    let mut breaches = Vec::new();
    for (folder, package) in &used {
        if !row.must.contains(*folder) && !row.may.contains(*folder) {
            let manifest = one.manifest();
            let line = repo.line_of(&manifest, package);
            let what = format!("`{}` must not use `{folder}`", one.folder);
            let mend = "take it out; ARCHITECTURE.md says which crate may use which";
            breaches.push(Breach::new(&manifest, line, what, mend));
        }
    }
    for name in row.must.iter().filter(|name| !used.contains_key(name.as_str())) {
        let what = format!("`{}` does not use `{name}`", one.folder);
        breaches.push(Breach::new(PAGE, row.line, what, MEND_PAGE));
    }
    breaches
}

/// A package is named after its folder.
fn name_of(one: &Crate) -> Option<Breach> {
    let last = one.folder.rsplit('/').next().unwrap_or(&one.folder);
    let wanted = if last.starts_with("lathe-") || last == "xtask" {
        last.to_owned()
    } else {
        format!("lathe-{last}")
    };
    (one.package != wanted).then(|| {
        let what = format!("the package of this folder is `{}`", one.package);
        Breach::new(&one.manifest(), 1, what, format!("call it `{wanted}`"))
    })
}

#[cfg(test)]
mod tests;
