//! What the tasks of one file say about each other, judged without any host.
//!
//! Owns the contradictions that no cluster could resolve, and the biases that can have no effect.
//! It must not search for placements, and not know other topologies: a tag that nobody in the
//! file carries may be carried elsewhere, so that is a warning here and decided by `placement`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::findings::Findings;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::{Bias, Target, TaskSpec, Word};
use crate::names::Tag;
use crate::near;

/// Comparisons that are spent on one file. Beyond them the rest is left to `placement`, which
/// judges everything again.
const BUDGET: usize = 2_000_000;
/// Unknown tags for which a similar one is sought, and how many are compared with each.
const GUESSES: usize = 50;
const GUESS_AMONG: usize = 5_000;

pub(super) fn check(tasks: &[TaskSpec], findings: &mut Findings) {
    let carried: Vec<BTreeSet<Tag>> = tasks.iter().map(TaskSpec::carried_tags).collect();
    let mut carriers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, tags) in carried.iter().enumerate() {
        for tag in tags {
            carriers.entry(tag.as_str()).or_default().push(at);
        }
    }
    let mut judge = Judge {
        tasks,
        carried: &carried,
        carriers: &carriers,
        findings,
        budget: BUDGET,
        guesses: GUESSES,
    };
    for (holder, task) in tasks.iter().enumerate() {
        for bias in &task.biases {
            if let Target::Tag(tag) = &bias.target {
                judge.bias(holder, bias, tag);
            }
        }
    }
}

struct Judge<'a> {
    tasks: &'a [TaskSpec],
    /// By task: the tags that its instances carry.
    carried: &'a [BTreeSet<Tag>],
    carriers: &'a BTreeMap<&'a str, Vec<usize>>,
    findings: &'a mut Findings,
    budget: usize,
    guesses: usize,
}

impl<'a> Judge<'a> {
    fn bias(&mut self, holder: usize, bias: &'a Bias, tag: &Tag) {
        if self.tasks[holder].count == 0 {
            return;
        }
        let all = self.carriers.get(tag.as_str()).map_or(&[][..], Vec::as_slice);
        match bias.word {
            Word::Never | Word::Avoid if all.is_empty() => self.perhaps_misspelt(holder, bias, tag),
            Word::Always | Word::Prefer => {
                // An instance is no carrier for itself, but a second one of its task is.
                let others: Vec<usize> = all
                    .iter()
                    .copied()
                    .filter(|at| self.tasks[*at].count > u32::from(*at == holder))
                    .collect();
                if others.is_empty() {
                    self.no_carrier(holder, bias, tag, all);
                } else {
                    self.wanted(holder, bias, tag, &others);
                }
            }
            _ => {}
        }
    }

    /// `always` or `prefer` towards a tag that somebody carries.
    fn wanted(&mut self, holder: usize, bias: &'a Bias, tag: &Tag, others: &[usize]) {
        let mut places: Vec<(Range<usize>, String)> = Vec::new();
        for other in others {
            let Some(budget) = self.budget.checked_sub(1 + self.tasks[*other].biases.len()) else {
                return;
            };
            self.budget = budget;
            match self.excluded(holder, *other, bias.domain.as_deref()) {
                Some((speaker, rule)) => {
                    let name = &self.tasks[speaker].path;
                    places.push((
                        rule.span.clone(),
                        format!("`{name}` says `never` to `{}`", rule.target),
                    ));
                }
                None => {
                    if let [only] = others {
                        self.pointless(holder, bias, *only);
                    }
                    return;
                }
            }
        }
        let name = &self.tasks[holder].path;
        let whom: Vec<String> =
            others.iter().take(5).map(|at| format!("`{}`", self.tasks[*at].path)).collect();
        let whom = whom.join(", ");
        let start = format!("`{name}` says `{}` to `{tag}`", bias.word);
        let rest = format!("but `never` keeps it apart from all that carry it ({whom})");
        let mut finding = if bias.word == Word::Always {
            Diagnostic::error(Code::CONTRADICTION, bias.span.clone(), format!("{start}, {rest}"))
                .help("take out the `always` or the `never`")
        } else {
            Diagnostic::warning(Code::HARD_OVER_SOFT, bias.span.clone(), format!("{start}, {rest}"))
                .help("take out the `prefer`, or make the `never` an `avoid`")
        };
        finding = finding.here(format!("`{}` here", bias.word)).party(name.as_str());
        places.sort_by_key(|(span, _)| span.start);
        places.dedup();
        for (span, text) in places.into_iter().take(3) {
            finding = finding.and_at(span, text);
        }
        finding.parties.extend(others.iter().take(5).map(|at| self.tasks[*at].path.to_string()));
        self.findings.add(finding.party(tag.as_str()));
    }

    /// The `never` that keeps two tasks out of one domain, and who says it.
    fn excluded(
        &self,
        left: usize,
        right: usize,
        domain: Option<&str>,
    ) -> Option<(usize, &'a Bias)> {
        let says = |speaker: usize, about: usize| {
            let rule = self.tasks[speaker].biases.iter().find(|rule| {
                // Who shares a host shares every domain, and nothing else follows.
                let covers = domain.is_none() || rule.domain.as_deref() == domain;
                rule.word == Word::Never && covers && self.carries(about, &rule.target)
            });
            rule.map(|rule| (speaker, rule))
        };
        says(left, right).or_else(|| says(right, left))
    }

    fn carries(&self, task: usize, target: &Target) -> bool {
        match target {
            Target::Tag(tag) => self.carried[task].contains(tag),
            Target::Attribute { .. } => false,
        }
    }

    /// A wish towards the only carrier, which itself (or the holder, by another tag) avoids it.
    fn pointless(&mut self, holder: usize, bias: &'a Bias, only: usize) {
        let avoids = |speaker: usize, about: usize| {
            let rule = self.tasks[speaker].biases.iter().find(|rule| {
                rule.word == Word::Avoid
                    && rule.domain == bias.domain
                    && self.carries(about, &rule.target)
            });
            rule.map(|rule| (speaker, rule))
        };
        let Some((speaker, rule)) = avoids(only, holder).or_else(|| avoids(holder, only)) else {
            return;
        };
        let (name, other) = (&self.tasks[holder].path, &self.tasks[only].path);
        let by = &self.tasks[speaker].path;
        let (code, rest, help) = if bias.word == Word::Always {
            let rest = "the hard one wins and the other only costs";
            (Code::HARD_OVER_SOFT, rest, "take out the `avoid`")
        } else if rule.weight == bias.weight {
            let rest = "with the same weight they cancel each other";
            (Code::CANCELLING, rest, "give one of them more weight, or take both out")
        } else {
            return;
        };
        let message = format!(
            "`{name}` says `{}` to `{}` and `{by}` says `avoid` to `{}`; {rest}",
            bias.word, bias.target, rule.target
        );
        let finding = Diagnostic::warning(code, bias.span.clone(), message)
            .here(format!("`{}` here", bias.word))
            .and_at(rule.span.clone(), "`avoid` here")
            .party(name.as_str());
        let finding = if holder == only { finding } else { finding.party(other.as_str()) };
        self.findings.add(finding.help(help));
    }

    fn no_carrier(&mut self, holder: usize, bias: &Bias, tag: &Tag, all: &[usize]) {
        let name = &self.tasks[holder].path;
        let why = match all {
            [] => "no task of this file carries it".to_owned(),
            _ if all.contains(&holder) => {
                "its one instance is the only one of this file to carry it, and none is a carrier for itself"
                    .to_owned()
            }
            [one, ..] => {
                format!("of `{}`, which carries it, no instance is wanted", self.tasks[*one].path)
            }
        };
        let end = match bias.word {
            Word::Always => "unless another topology has a carrier, there is no place for it",
            _ => "unless another topology has a carrier, it has no effect",
        };
        let message = format!("`{name}` says `{}` to `{tag}`, but {why}; {end}", bias.word);
        let mut finding = Diagnostic::warning(Code::NO_CARRIER, bias.span.clone(), message)
            .party(name.as_str())
            .party(tag.as_str());
        let guess = if all.is_empty() { self.guess(tag) } else { None };
        finding.help = Some(guess.unwrap_or_else(|| {
            format!(
                "give `{tag}` to a task that shall stand there, or leave it to another topology"
            )
        }));
        self.findings.add(finding);
    }

    /// `never` and `avoid` towards nobody are harmless, unless the tag is misspelt.
    fn perhaps_misspelt(&mut self, holder: usize, bias: &Bias, tag: &Tag) {
        if tag.as_str().len() < 5 {
            return;
        }
        let Some(help) = self.guess(tag) else {
            return;
        };
        let name = &self.tasks[holder].path;
        let message = format!(
            "`{name}` says `{}` to `{tag}`, but no task of this file carries it",
            bias.word
        );
        self.findings.add(
            Diagnostic::warning(Code::NO_CARRIER, bias.span.clone(), message)
                .party(name.as_str())
                .party(tag.as_str())
                .help(help),
        );
    }

    fn guess(&mut self, tag: &Tag) -> Option<String> {
        // Among names of two or three letters everything is near everything.
        if tag.as_str().len() < 4 {
            return None;
        }
        self.guesses = self.guesses.checked_sub(1)?;
        let known: Vec<&str> = self.carriers.keys().copied().take(GUESS_AMONG).collect();
        let near = near::nearest(tag.as_str(), &known)?;
        // `v1` and `v2` are near each other and still two things.
        let bare = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
        (bare(near) != bare(tag.as_str())).then(|| format!("did you mean `{near}`?"))
    }
}
