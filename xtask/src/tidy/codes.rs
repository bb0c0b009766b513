//! Codes of findings, their pages, and who names them.
//!
//! Owns the comparison of `topology/src/code.rs` with `docs/errors/` and with the codes that stand
//! as text in other crates. It must not know what a code means.

use std::collections::BTreeMap;

use super::breach::Breach;
use super::facts::{Repo, is_test_file};
use super::rust;

const TABLE: &str = "topology/src/code.rs";
const PAGES: &str = "docs/errors/";

/// A code of the table: where, its name there, and its title.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    line: usize,
    name: String,
    title: String,
}

/// Codes without pages, pages without codes, and texts that name neither.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let codes = repo.files.get(TABLE).map(|text| table(text)).unwrap_or_default();
    if codes.is_empty() {
        return vec![Breach::new(TABLE, 1, "no codes can be read here", "mend xtask's reading")];
    }
    let mut breaches = pages(repo, &codes);
    breaches.extend(untested(repo, &codes));
    for (path, source) in repo.rust().filter(|(path, _)| !is_test_file(path)) {
        if !source.contains("\"LT") || path == TABLE {
            continue;
        }
        let lines = rust::lines(source);
        for (index, line) in lines[..rust::before_tests(&lines)].iter().enumerate() {
            let unknown = codes_in(&line.text).into_iter().filter(|code| !codes.contains_key(code));
            breaches.extend(unknown.map(|code| {
                let what = format!("{code} is no code");
                Breach::new(path, index + 1, what, format!("add it to {TABLE}, with a page"))
            }));
        }
    }
    breaches
}

fn pages(repo: &Repo, codes: &BTreeMap<String, Entry>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (code, Entry { line, title, .. }) in codes {
        let path = format!("{PAGES}{code}.md");
        let head = format!("# {code}: {title}");
        match repo.files.get(&path).map(|page| page.lines().next().unwrap_or_default()) {
            None => {
                let what = format!("{code} has no page");
                breaches.push(Breach::new(TABLE, *line, what, format!("write {path}")));
            }
            Some(found) if found != head => {
                let what = "the page does not begin with its code and title";
                breaches.push(Breach::new(&path, 1, what, format!("begin with `{head}`")));
            }
            Some(_) => {}
        }
    }
    for path in repo.files.keys() {
        let name = path.strip_prefix(PAGES).and_then(|file| file.strip_suffix(".md"));
        if name.is_some_and(|name| name.starts_with("LT") && !codes.contains_key(name)) {
            let what = "the page belongs to no code";
            breaches.push(Breach::new(path, 1, what, format!("add it to {TABLE}, or remove it")));
        }
    }
    breaches
}

/// Codes that no test provokes: neither a text `ui/LTnnnn-what.txt` nor a test that names one.
fn untested(repo: &Repo, codes: &BTreeMap<String, Entry>) -> Vec<Breach> {
    let is_test = |path: &str| is_test_file(path) || path.contains("/tests/");
    let tests: Vec<&str> =
        repo.rust().filter(|(path, _)| is_test(path)).map(|(_, source)| source).collect();
    let shown = |code: &str| {
        let begin = format!("/ui/{code}-");
        repo.files.keys().any(|path| path.contains(&begin) && path.ends_with(".txt"))
    };
    let named = |code: &str, name: &str| {
        let name = format!("Code::{name}");
        tests.iter().any(|test| test.contains(code) || names(test, &name))
    };
    let absent = codes.iter().filter(|(code, one)| !shown(code) && !named(code, &one.name));
    let breach = |(code, Entry { line, .. }): (&String, &Entry)| {
        let help = format!("provoke it, and keep its text as ui/{code}-what.txt");
        Breach::new(TABLE, *line, format!("{code} has no test"), help)
    };
    absent.map(breach).collect()
}

/// Whether a name stands in a text, and not as the beginning of a longer one.
fn names(text: &str, name: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| !text[at + name.len()..].starts_with(goes_on))
}

/// Lines such as `SYNTAX = 101, "the file is not valid TOML";`.
fn table(text: &str) -> BTreeMap<String, Entry> {
    let entry = |line: &str| {
        let (name, rest) = line.split_once(" = ")?;
        let (number, title) = rest.split_once(", \"")?;
        let number: u16 = number.parse().ok()?;
        let title = title.strip_suffix("\";")?.to_owned();
        Some((format!("LT{number:04}"), name.to_owned(), title))
    };
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let (code, name, title) = entry(line.trim())?;
            Some((code, Entry { line: index + 1, name, title }))
        })
        .collect()
}

/// Every `LT` with four digits behind it.
fn codes_in(text: &str) -> Vec<String> {
    text.match_indices("LT")
        .filter_map(|(at, _)| text.get(at..at + 6))
        .filter(|code| code[2..].bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
