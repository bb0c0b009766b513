//! Every crate has the lints of the workspace.
//!
//! Owns the comparison of manifests. It must not know what a lint means.

use std::collections::BTreeMap;

use super::breach::Breach;
use super::facts::Repo;
use super::manifest::section;

/// The crate with a list of its own, and where it differs: it is the one that may have unsafe code,
/// and `forbid` could not be lifted in the one file that has some.
const OWN_LIST: &str = "child";
const OWN_RUST: &[(&str, &str)] = &[("unsafe_code", "\"deny\"")];
const OWN_CLIPPY: &[(&str, &str)] = &[("undocumented_unsafe_blocks", "\"warn\"")];

/// Crates without the workspace's lints.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for one in &repo.crates {
        let path = one.manifest();
        let Some(manifest) = repo.files.get(&path) else { continue };
        let inherits =
            section(manifest, "lints").get("workspace").is_some_and(|value| value == "true");
        if one.folder == OWN_LIST {
            breaches.extend(own_list(repo, &path, manifest, "rust", OWN_RUST));
            breaches.extend(own_list(repo, &path, manifest, "clippy", OWN_CLIPPY));
        } else if !inherits {
            let what = "this crate has not the lints of the workspace";
            breaches.push(Breach::new(&path, 1, what, "add `[lints]` with `workspace = true`"));
        }
    }
    breaches
}

fn own_list(
    repo: &Repo,
    path: &str,
    manifest: &str,
    tool: &str,
    differences: &[(&str, &str)],
) -> Vec<Breach> {
    let root = repo.files.get("Cargo.toml").map_or("", String::as_str);
    let mut wanted = section(root, &format!("workspace.lints.{tool}"));
    wanted.extend(differences.iter().map(|(name, level)| ((*name).into(), (*level).into())));
    let found: BTreeMap<String, String> = section(manifest, &format!("lints.{tool}"));
    let mut names: Vec<&String> = wanted.keys().chain(found.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| wanted.get(*name) != found.get(*name))
        .map(|name| {
            let what = format!("lint `{name}` differs from the workspace's");
            let mend = match wanted.get(name) {
                Some(level) => format!("write `{name} = {level}`"),
                None => "take it out".to_owned(),
            };
            Breach::new(path, repo.line_of(path, name), what, mend)
        })
        .collect()
}

#[cfg(test)]
mod tests;
