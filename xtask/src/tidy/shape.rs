//! How files are called, how they open, and words that must not stay in them.
//!
//! Owns the lists of names and words. It must not know what a file is for.

use super::breach::Breach;
use super::facts::Repo;
use super::rust::{self, Line};

/// Names that say nothing of what they own.
const EMPTY_NAMES: &[&str] =
    &["common", "helper", "helpers", "manager", "managers", "misc", "types", "util", "utils"];
/// Code that was not meant to stay.
const LEFT_IN_CODE: &[&str] = &["todo!", "unimplemented!", "dbg!", "#[ignore"];
/// Comments that were not meant to stay.
const LEFT_IN_COMMENTS: &[&str] = &["FIXME", "XXX", "TODO"];

/// Names, heads and words.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, source) in repo.rust() {
        breaches.extend(name(path));
        if !source.starts_with("//! ") {
            let what = "the file does not open with `//!`";
            let mend = "say what it owns and what it must not know";
            breaches.push(Breach::new(path, 1, what, mend));
        }
        breaches.extend(words(path, &rust::lines(source)));
    }
    breaches
}

fn name(path: &str) -> Option<Breach> {
    if path.ends_with("/mod.rs") {
        let mend = "call it by its folder's name, beside the folder";
        return Some(Breach::new(path, 1, "a mod.rs", mend));
    }
    let parts = path.trim_end_matches(".rs").split('/');
    let empty = parts.into_iter().find(|part| EMPTY_NAMES.contains(part))?;
    let what = format!("the name `{empty}` says nothing");
    Some(Breach::new(path, 1, what, "call it by the noun that it owns"))
}

fn words(path: &str, lines: &[Line]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let code = LEFT_IN_CODE.iter().filter(|word| has_word(&line.code, word));
        let comment = LEFT_IN_COMMENTS.iter().filter(|word| has_word(&line.comment, word));
        breaches.extend(code.chain(comment).map(|word| {
            let what = format!("`{word}` was left here");
            Breach::new(path, index + 1, what, "finish it, or open an issue and take it out")
        }));
    }
    breaches
}

/// Whether the word stands there, and not as the part of another one.
fn has_word(text: &str, word: &str) -> bool {
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    text.match_indices(word).any(|(at, _)| {
        let after = &text[at + word.len()..];
        let goes_on = word.ends_with(is_name) && after.starts_with(is_name);
        !goes_on && !text[..at].ends_with(is_name)
    })
}

#[cfg(test)]
mod tests;
