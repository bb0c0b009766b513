//! Refusals in words: the code, the statements as they stand in the file, the arithmetic, a hint.
//!
//! Owns the text. It gets statements that were shown to exclude each other and counts again what is
//! worth saying about them. Must not decide anything.

use std::collections::BTreeSet;

use lathe_topology::{
    Bias, Code, DEFAULT_WEIGHT, Resources, Tag, Target, Word, format_bytes, format_cpus,
};

use crate::explain::attribute_biases;
use crate::input::Input;
use crate::model::{Holding, Model, Statement};
use crate::parties::Parties;
use crate::verdict::{Plan, Reason, Refusal};

mod arithmetic;
mod weighed;

use arithmetic::{missing_room, pigeonhole, together, too_large, totals};
use weighed::weighed;

/// How many rules of others a sentence has.
const RULES_SHOWN: usize = 3;

/// A finding in words.
struct Finding {
    code: Code,
    sentence: String,
    hint: String,
}

type Set = BTreeSet<Statement>;

pub(crate) fn impossible(input: &Input<'_>, set: &Set) -> Refusal {
    let model = Model::new(input, Holding::Only(set));
    let finding = no_host(input, set)
        .or_else(|| attributes(input, set))
        .or_else(|| no_carrier(input, set))
        .or_else(|| contradiction(input, set))
        .or_else(|| too_large(input, set, &model))
        .or_else(|| totals(input, set, &model))
        .or_else(|| pigeonhole(input, set, &model))
        .or_else(|| together(input, set, &model))
        .or_else(|| weighed(input, set, &model))
        .unwrap_or_else(|| Finding {
            code: Code::IMPOSSIBLE,
            sentence: format!(
                "no placement on the {} satisfies {} together; every way was tried",
                hosts_known(input),
                counted(set.len(), "statement")
            ),
            hint: "weaken one of the statements, or add hosts".to_owned(),
        });
    refusal(input, set, finding)
}

fn no_host(input: &Input<'_>, set: &Set) -> Option<Finding> {
    let kind = *counts(set).first()?;
    let none = input.hosts.iter().all(|row| row.known.is_none());
    none.then(|| Finding {
        code: Code::IMPOSSIBLE,
        sentence: format!("{} to be placed, and no host is known", counted_instances(input, kind)),
        hint: "name hosts that take work, or wait until there are some".to_owned(),
    })
}

pub(crate) fn blocked(input: &Input<'_>, set: &Set) -> Refusal {
    let mut others = BTreeSet::new();
    let mut pinned = BTreeSet::new();
    for statement in set {
        match statement {
            Statement::Others(name) => drop(others.insert(name.as_str())),
            Statement::Pins(kind) => drop(pinned.insert(input.wanted[*kind].spec.path.as_str())),
            _ => {}
        }
    }
    let mut parts = Vec::new();
    if !others.is_empty() {
        let how = if sizes(set).is_empty() { "is in the way" } else { "takes the room" };
        parts.push(format!("what runs of {} {how}", listed(&others)));
    }
    if !pinned.is_empty() {
        parts.push(format!("running instances of {} may not move", listed(&pinned)));
    }
    let missing = missing_room(input, set).or_else(|| in_the_way(input, set, &others));
    let missing = missing.map_or_else(String::new, |text| format!("; {text}"));
    let hint = if pinned.is_empty() {
        "wait until something ends, stop something, or add a host".to_owned()
    } else {
        "allow moves (--max-moves), stop something, or add a host".to_owned()
    };
    let sentence = format!(
        "there would be a placement on the {} if nothing else ran there, but {}{missing}",
        hosts_known(input),
        parts.join(" and ")
    );
    refusal(input, set, Finding { code: Code::BLOCKED, sentence, hint })
}

/// What of that which runs stands in the way where no size does: carriers of what a named rule keeps
/// away from, or hard rules of their own.
fn in_the_way(input: &Input<'_>, set: &Set, others: &BTreeSet<&str>) -> Option<String> {
    if !sizes(set).is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    for (_, bias) in biases(input, set).iter().filter(|(_, bias)| bias.word == Word::Never) {
        let Target::Tag(tag) = &bias.target else { continue };
        let mut found = Parties::default();
        for (host, one) in &input.fixed {
            if others.contains(one.topology.as_str()) && one.tags.contains(tag) {
                found.add(|| format!("{}#{} on {}", one.task, one.slot, input.hosts[*host].name));
            }
        }
        if found.count > 0 {
            let carries = found.verb("carries", "carry");
            parts.push(format!("{} {carries} \"{tag}\"", found.listed()));
        }
    }
    parts.extend(rules_of_others(input, others));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The hard rules of what runs about something that a given task carries, or has carried.
fn rules_of_others(input: &Input<'_>, others: &BTreeSet<&str>) -> Vec<String> {
    let of_given = input.before.iter().filter(|(_, one)| !others.contains(one.topology.as_str()));
    let mut carried: BTreeSet<&Tag> = of_given.flat_map(|(_, one)| &one.tags).collect();
    let wanted: Vec<BTreeSet<Tag>> =
        input.wanted.iter().map(|wanted| wanted.spec.carried_tags()).collect();
    carried.extend(wanted.iter().flatten());
    let fixed = input.fixed.iter().filter(|(_, one)| others.contains(one.topology.as_str()));
    let said: BTreeSet<String> = fixed
        .flat_map(|(_, one)| one.biases.iter().map(move |bias| (one, bias)))
        .filter(|(_, bias)| bias.word.is_hard())
        .filter(|(_, bias)| matches!(&bias.target, Target::Tag(tag) if carried.contains(tag)))
        .map(|(one, bias)| format!("{} says {}", one.task, bias_text(bias)))
        .collect();
    said.into_iter().take(RULES_SHOWN).collect()
}

/// What can be said of a search that ended early. `best`: as much as could be placed.
pub(crate) fn unknown(input: &Input<'_>, steps: u64, proved: bool, best: &Plan) -> Refusal {
    let state = if proved {
        "there is no placement beside what runs now; whether there is one on empty hosts is open"
    } else {
        "no placement was found, and none was shown to be missing"
    };
    let wanted: u64 = input.wanted.iter().map(|one| u64::from(one.spec.count)).sum();
    let placed = best.assignments.len();
    let bound = best.bound.map_or(String::new(), |bound| format!(" of at most {bound}"));
    Refusal {
        sentence: format!(
            "the search ended after {steps} steps: {state}; {placed} of {wanted} instances were \
             placed, with score {}{bound}",
            best.score
        ),
        hint: "make it easier: more hosts, fewer hard rules, or the file in two; `lathe plan --hosts` \
               takes a larger --budget"
            .to_owned(),
        ..Refusal::default()
    }
}

fn refusal(input: &Input<'_>, set: &Set, finding: Finding) -> Refusal {
    let reasons = set.iter().map(|statement| reason(input, statement, finding.code)).collect();
    let Finding { sentence, hint, .. } = finding;
    Refusal { reasons, sentence, hint, repairs: Vec::new() }
}

fn reason(input: &Input<'_>, statement: &Statement, code: Code) -> Reason {
    let of = |kind: &usize, text: String| {
        let wanted = &input.wanted[*kind];
        Reason {
            code,
            task: Some(wanted.spec.path.clone()),
            statement: text,
            span: Some(wanted.spec.span.clone()),
            topology: Some(wanted.topology.to_owned()),
        }
    };
    match statement {
        Statement::Count(kind) => of(kind, format!("tasks = {}", input.wanted[*kind].spec.count)),
        Statement::Resources(kind) => of(kind, resources_text(&input.wanted[*kind].spec.resources)),
        Statement::Pins(kind) => of(kind, "running instances stay where they are".to_owned()),
        Statement::Bias(kind, at) => {
            let bias = &input.wanted[*kind].spec.biases[*at];
            Reason { span: Some(bias.span.clone()), ..of(kind, bias_text(bias)) }
        }
        Statement::Others(name) => Reason {
            code,
            task: None,
            statement: format!("what runs of {name} stays where it is"),
            span: None,
            topology: Some(name.clone()),
        },
    }
}

/// A bias as it may stand in a file.
pub(crate) fn bias_text(bias: &Bias) -> String {
    let mut text = format!("[\"{}\", \"{}\"", bias.target, bias.word);
    if !bias.word.is_hard() && bias.weight != DEFAULT_WEIGHT {
        text.push_str(&format!(", {}", bias.weight));
    }
    if let Some(domain) = &bias.domain {
        text.push_str(&format!(", \"{domain}\""));
    }
    text + "]"
}

/// What an instance needs, as it may stand in a file.
pub(crate) fn resources_text(needs: &Resources) -> String {
    let mut text = format!(
        "resources = {{ cpus = {}, mem = \"{}\", disk = \"{}\"",
        format_cpus(needs.cpus_milli),
        format_bytes(needs.mem_bytes),
        format_bytes(needs.disk_bytes)
    );
    if !needs.ports.is_empty() {
        let port = |port: &lathe_topology::Port| match port.fixed {
            Some(number) => format!("\"{}\" at {number}", port.name),
            None => format!("\"{}\"", port.name),
        };
        let names: Vec<String> = needs.ports.iter().map(port).collect();
        text.push_str(&format!(", ports = [{}]", names.join(", ")));
    }
    text + " }"
}

fn path<'i>(input: &'i Input<'_>, kind: usize) -> &'i str {
    input.wanted[kind].spec.path.as_str()
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn hosts_known(input: &Input<'_>) -> String {
    let known = input.hosts.iter().filter(|row| row.known.is_some()).count();
    counted(known, "known host")
}

fn listed(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<&str>>().join(", ")
}

fn biases<'i>(input: &'i Input<'_>, set: &Set) -> Vec<(usize, &'i Bias)> {
    set.iter()
        .filter_map(|statement| match statement {
            Statement::Bias(kind, at) => Some((*kind, &input.wanted[*kind].spec.biases[*at])),
            _ => None,
        })
        .collect()
}

fn kinds(set: &Set, with: impl Fn(&Statement) -> Option<usize>) -> BTreeSet<usize> {
    set.iter().filter_map(with).collect()
}

fn counts(set: &Set) -> BTreeSet<usize> {
    kinds(set, |one| if let Statement::Count(kind) = one { Some(*kind) } else { None })
}

fn sizes(set: &Set) -> BTreeSet<usize> {
    kinds(set, |one| if let Statement::Resources(kind) = one { Some(*kind) } else { None })
}

fn attributes(input: &Input<'_>, set: &Set) -> Option<Finding> {
    let by_kind = attribute_biases(input, set);
    let (kind, rules) = by_kind.first_key_value().filter(|_| by_kind.len() == 1)?;
    if rules.len() != biases(input, set).len() || !sizes(set).is_empty() {
        return None;
    }
    let all: Vec<String> =
        rules.iter().map(|at| bias_text(&input.wanted[*kind].spec.biases[*at])).collect();
    let lacking = rules.iter().filter_map(|at| {
        let domain = input.wanted[*kind].spec.biases[*at].domain.as_ref()?;
        let has = |row: &crate::input::HostRow<'_>| {
            row.known.is_some_and(|host| host.attributes.contains_key(domain))
        };
        (!input.hosts.iter().any(has)).then_some(domain)
    });
    let targets = rules
        .iter()
        .all(|at| matches!(input.wanted[*kind].spec.biases[*at].target, Target::Attribute { .. }));
    let why = match lacking.into_iter().next() {
        Some(domain) => format!("none of the {} has the attribute {domain}", hosts_known(input)),
        None if targets => format!("none of the {} is one where that holds", hosts_known(input)),
        None => return None,
    };
    Some(Finding {
        code: Code::NO_SUCH_ATTRIBUTE,
        sentence: format!("{} says {}; {why}", path(input, *kind), all.join(" and ")),
        hint: "give a host the attribute, or weaken the rule to prefer or avoid".to_owned(),
    })
}

fn carriers(input: &Input<'_>, bias: &Bias) -> Vec<usize> {
    let Target::Tag(tag) = &bias.target else { return Vec::new() };
    let carries = |kind: &usize| {
        let spec = input.wanted[*kind].spec;
        spec.count > 0 && spec.carried_tags().contains(tag)
    };
    (0..input.wanted.len()).filter(carries).collect()
}

fn no_carrier(input: &Input<'_>, set: &Set) -> Option<Finding> {
    let rules = biases(input, set);
    let [(kind, bias)] = rules.as_slice() else { return None };
    if bias.word != Word::Always || !sizes(set).is_empty() {
        return None;
    }
    let carriers = carriers(input, bias);
    let (name, target) = (path(input, *kind), &bias.target);
    let sentence = if carriers.is_empty() {
        format!("{name} says always \"{target}\", and nothing carries \"{target}\"")
    } else if carriers == [*kind] && input.wanted[*kind].spec.count == 1 {
        format!(
            "{name} says always \"{target}\", a tag that only itself carries, and has 1 instance; \
             an instance does not count for itself, so it needs at least 2"
        )
    } else {
        return None;
    };
    Some(Finding {
        code: Code::ALWAYS_WITHOUT_CARRIER,
        sentence,
        hint: format!("add another carrier of \"{target}\", or weaken the rule to prefer"),
    })
}

fn contradiction(input: &Input<'_>, set: &Set) -> Option<Finding> {
    let rules = biases(input, set);
    let has = |word: Word| rules.iter().any(|(_, bias)| bias.word == word);
    if !has(Word::Always) || !has(Word::Never) || !sizes(set).is_empty() {
        return None;
    }
    let said: Vec<String> = rules
        .iter()
        .map(|(kind, bias)| format!("{} says {}", path(input, *kind), bias_text(bias)))
        .collect();
    let asked: Vec<String> =
        counts(set).iter().map(|&kind| counted_instances(input, kind)).collect();
    Some(Finding {
        code: Code::CONTRADICTION,
        sentence: format!("{}; not all of that can hold for {}", said.join(", "), asked.join(", ")),
        hint: "weaken one of the rules to prefer or avoid".to_owned(),
    })
}

fn counted_instances(input: &Input<'_>, kind: usize) -> String {
    let count = usize::try_from(input.wanted[kind].spec.count).unwrap_or(usize::MAX);
    format!("{} of {}", counted(count, "instance"), path(input, kind))
}
