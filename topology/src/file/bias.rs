//! Biases as a file writes them: `[tag, word, weight?, domain?]`.
//!
//! Owns the shape of one bias and what a task's own list of them may not say. It must not know
//! other tasks.

use super::check::{complaint, list, text, wrong_type};
use super::findings::Findings;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::{BIASES, NAME_BYTES};
use crate::model::{Bias, DEFAULT_WEIGHT, Target, Word};
use crate::names::{Tag, check_tag};
use crate::near;
use crate::tree::{Item, Node};

const SHAPE: &str =
    "write it as `[\"tag\", \"avoid\"]`; a weight (1 to 100) and the name of a domain may follow";

pub(super) fn read(item: &Item, owner: &str, findings: &mut Findings) -> Option<Vec<Bias>> {
    let items = list("biases", owner, item, BIASES, findings)?;
    let mut biases = Vec::new();
    let mut complete = true;
    for item in items {
        match one(item, owner, findings) {
            Some(bias) => biases.push(bias),
            None => complete = false,
        }
    }
    let biases = without_doubles(biases, owner, findings);
    attributes_agree(&biases, owner, findings);
    complete.then_some(biases)
}

fn one(item: &Item, owner: &str, findings: &mut Findings) -> Option<Bias> {
    let parts = match &item.node {
        Node::Array(parts) => parts,
        _ => {
            let finding = wrong_type("biases", owner, item, "a list of lists");
            findings.add(finding.help(SHAPE));
            return None;
        }
    };
    if !(2..=4).contains(&parts.len()) {
        let what = format!("has a bias of {} parts; two to four make one", parts.len());
        findings.add(complaint(Code::BAD_BIAS, "biases", owner, item, &what).help(SHAPE));
        return None;
    }
    let target = target(&parts[0], owner, findings)?;
    let word = word(&parts[1], owner, findings)?;
    let mut weight = None;
    let mut domain = None;
    for part in &parts[2..] {
        let repeated = match &part.node {
            Node::Integer(_) if weight.is_none() => {
                weight = Some(self::weight(part, word, owner, findings)?);
                continue;
            }
            Node::String(_) if domain.is_none() => {
                domain = Some(self::domain(part, &target, owner, findings)?);
                continue;
            }
            Node::Integer(_) => "two weights",
            Node::String(_) => "two domains",
            _ => {
                let what = format!(
                    "has {} where a weight (an integer) or a domain (a string) may stand",
                    part.node.type_name()
                );
                findings.add(complaint(Code::WRONG_TYPE, "biases", owner, part, &what).help(SHAPE));
                return None;
            }
        };
        let what = format!("has a bias with {repeated}");
        findings.add(complaint(Code::BAD_BIAS, "biases", owner, part, &what).help(SHAPE));
        return None;
    }
    Some(Bias {
        target,
        word,
        weight: weight.unwrap_or(DEFAULT_WEIGHT),
        domain: domain.flatten(),
        span: item.span.clone(),
    })
}

/// `"tag"`, `"task.http.lb"`, `"@attribute"` or `"@attribute=value"`.
fn target(item: &Item, owner: &str, findings: &mut Findings) -> Option<Target> {
    let written = text("biases", owner, item, findings)?;
    let read = match written.strip_prefix('@') {
        Some(attribute) => {
            let (name, value) = match attribute.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (attribute, None),
            };
            check_tag(name).map_err(|error| error.to_string()).and_then(|()| {
                let unfit = |value: &str| {
                    value.is_empty()
                        || value.len() > NAME_BYTES
                        || value.chars().any(char::is_control)
                };
                if value.is_some_and(unfit) {
                    return Err("its value is empty, too long, or has control characters".into());
                }
                let value = value.map(str::to_owned);
                Ok(Target::Attribute { name: name.to_owned(), value })
            })
        }
        None => {
            let tag = written.strip_prefix("task.").unwrap_or(&written);
            tag.parse::<Tag>().map(Target::Tag).map_err(|error| error.to_string())
        }
    };
    match read {
        Ok(target) => Some(target),
        Err(why) => {
            let what = format!("is about {written:?}, which cannot be a tag: {why}");
            findings.add(
                complaint(Code::BAD_NAME, "biases", owner, item, &what)
                    .help("a tag, a task's path, `@attribute` or `@attribute=value`"),
            );
            None
        }
    }
}

fn word(item: &Item, owner: &str, findings: &mut Findings) -> Option<Word> {
    let written = text("biases", owner, item, findings)?;
    let found = Word::ALL.into_iter().find(|word| word.as_str() == written);
    if found.is_none() {
        let words = Word::ALL.map(Word::as_str);
        let what = format!("has the word {written:?}, which is not a known one");
        let finding = complaint(Code::UNKNOWN_WORD, "biases", owner, item, &what);
        findings.add(finding.help(match near::nearest(&written, &words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it can be one of {}", words.join(", ")),
        }));
    }
    found
}

fn weight(item: &Item, word: Word, owner: &str, findings: &mut Findings) -> Option<u8> {
    if word.is_hard() {
        let what = format!("gives a weight to `{word}`, which holds always and needs none");
        findings.add(
            complaint(Code::WEIGHT_ON_HARD_WORD, "biases", owner, item, &what)
                .help("take the weight out, or use `avoid` or `prefer`"),
        );
        return None;
    }
    let inside = match &item.node {
        Node::Integer(Some(weight)) => u8::try_from(*weight).ok().filter(|w| (1..=100).contains(w)),
        _ => None,
    };
    if inside.is_none() {
        let what = "has a weight that is not from 1 to 100";
        let finding = complaint(Code::OUT_OF_RANGE, "biases", owner, item, what);
        findings.add(finding.help("write a whole number from 1 to 100"));
    }
    inside
}

/// `Some(None)` for `host`, which is what holds without a domain.
fn domain(
    item: &Item,
    target: &Target,
    owner: &str,
    findings: &mut Findings,
) -> Option<Option<String>> {
    let name = text("biases", owner, item, findings)?;
    let problem = if matches!(target, Target::Attribute { .. }) {
        Some((Code::BAD_BIAS, "a host's attribute has no domain; take the domain out"))
    } else if name.chars().all(|c| c.is_ascii_digit()) {
        Some((Code::BAD_BIAS, "a weight stands without quotes"))
    } else if check_tag(&name).is_err() {
        Some((Code::BAD_NAME, "a domain is the name of a host's attribute, such as `rack`"))
    } else {
        None
    };
    if let Some((code, help)) = problem {
        let what = format!("has {name:?} where a domain may stand");
        findings.add(complaint(code, "biases", owner, item, &what).help(help));
        return None;
    }
    Some((name != "host").then_some(name))
}

/// One target in one domain twice: the same word is a warning and the first counts, another word
/// is an error.
fn without_doubles(biases: Vec<Bias>, owner: &str, findings: &mut Findings) -> Vec<Bias> {
    let mut kept: Vec<Bias> = Vec::new();
    for bias in biases {
        let before =
            kept.iter().find(|other| other.target == bias.target && other.domain == bias.domain);
        let Some(before) = before else {
            kept.push(bias);
            continue;
        };
        let (target, word) = (&bias.target, bias.word);
        let party = owner.trim_matches('`');
        let finding = if before.word == word {
            let message = format!("{owner} says `{word}` to `{target}` twice; the first counts");
            Diagnostic::warning(Code::SAID_TWICE, bias.span.clone(), message)
                .and_at(before.span.clone(), "the first one")
                .help("take one of the two out")
        } else {
            let message = format!("{owner} says both `{}` and `{word}` to `{target}`", before.word);
            Diagnostic::error(Code::TWO_WORDS, bias.span.clone(), message)
                .here(format!("`{word}` here"))
                .and_at(before.span.clone(), format!("`{}` here", before.word))
                .help("keep the one that is meant")
        };
        findings.add(finding.party(party).party(target.to_string()));
    }
    kept
}

/// A host has one value of an attribute, so `always` cannot ask for two, nor for one of an
/// attribute that `never` forbids.
fn attributes_agree(biases: &[Bias], owner: &str, findings: &mut Findings) {
    for (at, left) in biases.iter().enumerate() {
        for right in &biases[at + 1..] {
            if attributes_contradict(left, right) {
                let message = format!(
                    "{owner} says `{}` to `{}` and `{}` to `{}`; no host can satisfy both",
                    left.word, left.target, right.word, right.target
                );
                findings.add(
                    Diagnostic::error(Code::CONTRADICTION, right.span.clone(), message)
                        .here(format!("`{}` here", right.word))
                        .and_at(left.span.clone(), format!("`{}` here", left.word))
                        .party(owner.trim_matches('`'))
                        .party(left.target.to_string())
                        .party(right.target.to_string())
                        .help("take one of the two out"),
                );
            }
        }
    }
}

fn attributes_contradict(left: &Bias, right: &Bias) -> bool {
    let (Target::Attribute { name, value }, Target::Attribute { name: other, value: second }) =
        (&left.target, &right.target)
    else {
        return false;
    };
    if name != other {
        return false;
    }
    match (left.word, right.word) {
        (Word::Always, Word::Always) => value.is_some() && second.is_some() && value != second,
        (Word::Never, Word::Always) => value.is_none(),
        (Word::Always, Word::Never) => second.is_none(),
        _ => false,
    }
}
