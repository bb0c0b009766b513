//! Where a task's crate comes from, of the task's keys and the defaults.
//!
//! Owns which of the keys go together.

use super::findings::Findings;
use super::keys::Keys;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::CrateSource;

const ORIGINS: [&str; 3] = ["path", "git", "registry"];

/// A task that names an origin of its own takes none of the defaults' origin keys.
pub(super) fn merge(
    keys: &Keys,
    defaults: &Keys,
    owner: &str,
    findings: &mut Findings,
) -> CrateSource {
    let own = ORIGINS.iter().any(|key| keys.has(key));
    let from = if own { keys } else { defaults };
    let rev = keys.rev.clone().or_else(|| from.rev.clone());
    let features = keys.features.clone().or_else(|| defaults.features.clone());
    let named: Vec<&str> = ORIGINS.into_iter().filter(|key| from.has(key)).collect();
    let place = |key: &str| from.places.get(key).or(keys.places.get(key)).cloned();
    let mut add = |message: String, at: &str, other: Option<&str>, help: &str| {
        let span = place(at).unwrap_or(0..0);
        let mut finding = Diagnostic::error(Code::SOURCE_CONFLICT, span, message)
            .party(owner.trim_matches('`'))
            .help(help);
        if let Some((other, span)) = other.and_then(|other| Some((other, place(other)?))) {
            finding = finding.here(format!("`{at}` here")).and_at(span, format!("`{other}` here"));
        }
        findings.add(finding);
    };
    if let [first, second, ..] = named[..] {
        let message = format!("the crate of {owner} is to come from both `{first}` and `{second}`");
        add(message, second, Some(first), "keep the one that is meant");
    } else if (keys.has("rev") || from.has("rev")) && !from.has("git") {
        let message = format!("{owner} has `rev`, but no `git` that it could be a revision of");
        add(message, "rev", None, "add `git = \"URL\"`, or take `rev` out");
    }
    CrateSource {
        path: from.path.clone(),
        git: from.git.clone(),
        rev,
        registry: from.registry.clone(),
        features: features.unwrap_or_default(),
    }
}
