//! Links between the pages of the repository lead somewhere.
//!
//! Owns the reading of links and heads in Markdown. It must not know where links to the outside
//! lead: they are not looked at.

use std::collections::BTreeSet;

use super::breach::Breach;
use super::facts::Repo;

/// Links to files, folders or heads that are not there.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in repo.files.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (line, target) in links(text) {
            if let Some(what) = judge(repo, path, &target) {
                breaches.push(Breach::new(path, line, what, "mend the link"));
            }
        }
    }
    breaches
}

fn judge(repo: &Repo, page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") || target.is_empty() {
        return None;
    }
    let (file, head) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() { page.to_owned() } else { resolve(page, file) };
    let is_folder = || {
        let folder = format!("{}/", file.trim_end_matches('/'));
        repo.files.keys().any(|one| one.starts_with(&folder))
    };
    match repo.files.get(&file) {
        None if is_folder() && head.is_empty() => None,
        None => Some(format!("the link leads to `{target}`, which is not there")),
        Some(text) if !head.is_empty() && file.ends_with(".md") && !heads(text).contains(head) => {
            Some(format!("`{file}` has no head `#{head}`"))
        }
        Some(_) => None,
    }
}

/// A path as seen from a page's folder.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// Lines, from 1, outside of blocks, with their code left out.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut within = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            within = !within;
            return None;
        }
        let outside = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        (!within).then_some((index + 1, outside))
    })
}

/// `[text](target)`, `[text](target "title")` and `[name]: target`.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            links.push((number, target.to_owned()));
        }
        let named = line.starts_with('[').then(|| line.split_once("]: ")).flatten();
        if let Some((_, target)) = named {
            links.push((number, target.split(' ').next().unwrap_or_default().to_owned()));
        }
    }
    links
}

/// The anchors of a page's heads: lower case, spaces as hyphens, marks left out; the second of the
/// same name gets `-1`.
fn heads(text: &str) -> BTreeSet<String> {
    let mut within = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        within ^= line.trim_start().starts_with("```");
        if within || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|char| char.is_alphanumeric() || "-_ ".contains(*char));
        let anchor: String = kept.map(|char| if char == ' ' { '-' } else { char }).collect();
        let free =
            (1..).map(|number| format!("{anchor}-{number}")).find(|one| !found.contains(one));
        let second = free.filter(|_| found.contains(&anchor));
        found.insert(second.unwrap_or(anchor));
    }
    found
}

#[cfg(test)]
mod tests;
