//! Checks a plan by counting everything again from the input.
//!
//! Shares no code with the search: an error there must not hide here. It is written instance by
//! instance and pair by pair, the slow and plain way. Must not know how a plan was found, nor
//! improve it.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Bias, Resources, Tag, Target, TaskPath, TaskSpec, Topology, Word};
use serde::{Deserialize, Serialize};

use crate::{Assignment, Change, Cluster, Host, Options, Plan, Running, RunningInstance};

mod room;

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Breach {
    /// What is wrong, with the parties by name.
    pub text: String,
}

/// Checks a plan against everything that [`place`](crate::place()) promises of it.
///
/// # Errors
/// Every breach that was found, sorted.
pub fn verify(
    cluster: &Cluster,
    topologies: &[Topology],
    running: &Running,
    options: &Options,
    plan: &Plan,
) -> Result<(), Vec<Breach>> {
    let case = Case::new(cluster, topologies, running, options);
    let mut breaches = BTreeSet::new();
    let mut say = |text: String| {
        breaches.insert(Breach { text });
    };
    bookkeeping(&case, plan, &mut say);
    let end = end_state(&case, plan, &mut say);
    rules(&case, &end, &mut say);
    room::check(&case, &end, &mut say);
    let score = score(&case, &end);
    if score != plan.score {
        say(format!("the score is {score}, the plan says {}", plan.score));
    }
    if plan.bound.is_some_and(|bound| bound < score) {
        say(format!("the score {score} is beyond the bound {:?}", plan.bound));
    }
    if breaches.is_empty() { Ok(()) } else { Err(breaches.into_iter().collect()) }
}

type TaskKey<'a> = (&'a str, &'a TaskPath);
/// Topology, task, slot and host.
type Place<'a> = (&'a str, &'a TaskPath, u32, &'a str);

struct Case<'a> {
    hosts: BTreeMap<&'a str, &'a Host>,
    specs: BTreeMap<TaskKey<'a>, &'a TaskSpec>,
    given: BTreeSet<&'a str>,
    /// One record for each topology, task, slot, host and state.
    running: Vec<&'a RunningInstance>,
    /// Those that may stay, where they are.
    keepable: BTreeMap<Place<'a>, &'a RunningInstance>,
    options: &'a Options,
}

/// An instance in the end state.
struct Live<'a> {
    name: String,
    host: &'a str,
    tags: BTreeSet<Tag>,
    biases: &'a [Bias],
    resources: &'a Resources,
    /// It is one of the given ones.
    given: bool,
    ending: bool,
    /// It is new on its host, or needs more there than it uses now.
    fresh: bool,
}

impl<'a> Case<'a> {
    fn new(
        cluster: &'a Cluster,
        topologies: &'a [Topology],
        running: &'a Running,
        options: &'a Options,
    ) -> Self {
        let mut hosts = BTreeMap::new();
        for host in &cluster.hosts {
            hosts.entry(host.name.as_str()).or_insert(host);
        }
        let mut specs = BTreeMap::new();
        for topology in topologies {
            for spec in &topology.tasks {
                if !options.removing.contains(&topology.name) {
                    specs.entry((topology.name.as_str(), &spec.path)).or_insert(spec);
                }
            }
        }
        let mut seen = BTreeSet::new();
        let mut kept = Vec::new();
        for one in &running.instances {
            if seen.insert((&one.topology, &one.task, one.slot, &one.host, one.keep)) {
                kept.push(one);
            }
        }
        let given = topologies.iter().map(|topology| topology.name.as_str()).collect();
        let may_stay = kept.iter().filter(|one| one.keep);
        let keepable = may_stay.map(|one| (place(one), *one)).collect();
        Self { hosts, specs, given, running: kept, keepable, options }
    }

    /// Whether a running instance is the plan's to decide about.
    fn decides(&self, one: &RunningInstance) -> bool {
        one.keep
            && (self.options.removing.contains(&one.topology)
                || self.given.contains(one.topology.as_str()))
    }
}

/// Every wanted instance once, every running one accounted for once, no more stops than needed.
fn bookkeeping(case: &Case<'_>, plan: &Plan, say: &mut impl FnMut(String)) {
    let mut slots: BTreeMap<TaskKey<'_>, BTreeSet<u32>> = BTreeMap::new();
    for one in &plan.assignments {
        let key = (one.topology.as_str(), &one.task);
        if !case.specs.contains_key(&key) {
            say(format!("{} is not wanted", one.task));
        }
        if !slots.entry(key).or_default().insert(one.slot) {
            say(format!("{}#{} is assigned twice", one.task, one.slot));
        }
    }
    for (key, spec) in &case.specs {
        let have = slots.get(key).map_or(0, BTreeSet::len);
        if usize::try_from(spec.count).ok() != Some(have) {
            say(format!("{} wants {} instances and gets {have}", spec.path, spec.count));
        }
    }
    let decided = case.running.iter().filter(|one| case.decides(one));
    let mut left: BTreeSet<Place<'_>> = decided.map(|one| place(one)).collect();
    let runs: Vec<(TaskKey<'_>, u32)> = left.iter().map(|one| ((one.0, one.1), one.2)).collect();
    let mut moves: u32 = 0;
    for one in &plan.assignments {
        let from = match &one.change {
            Change::Start => continue,
            Change::Keep => &one.host,
            Change::Move { from } => {
                moves += 1;
                from
            }
        };
        if matches!(one.change, Change::Move { .. }) && *from == one.host {
            say(format!("{}#{} moves to where it is", one.task, one.slot));
        }
        if !left.remove(&(one.topology.as_str(), &one.task, one.slot, from.as_str())) {
            say(format!("{}#{} does not run on {from}", one.task, one.slot));
        }
    }
    if moves > case.options.max_moves {
        say(format!("{moves} moves, {} are allowed", case.options.max_moves));
    }
    let mut stops: BTreeMap<TaskKey<'_>, usize> = BTreeMap::new();
    for one in &plan.stops {
        *stops.entry((one.topology.as_str(), &one.task)).or_default() += 1;
        if !left.remove(&(one.topology.as_str(), &one.task, one.slot, one.host.as_str())) {
            say(format!("{}#{} is stopped on {}, but is not there", one.task, one.slot, one.host));
        }
    }
    for (_, task, slot, host) in left {
        say(format!("nothing is said about {task}#{slot} on {host}"));
    }
    for (key, stopped) in stops {
        let all = runs.iter().filter(|(task, _)| *task == key).count();
        let of_task = runs.iter().filter(|(task, _)| *task == key);
        let distinct = of_task.map(|(_, slot)| *slot).collect::<BTreeSet<u32>>().len();
        let wanted = case.specs.get(&key).map_or(0, |spec| spec.count);
        let keepable = distinct.min(usize::try_from(wanted).unwrap_or(usize::MAX));
        if stopped != all - keepable {
            say(format!("{} stops of {}, {} are needed", stopped, key.1, all - keepable));
        }
    }
    if !plan.assignments.is_sorted() || !plan.stops.is_sorted() {
        say("the plan is not sorted".to_owned());
    }
}

/// Everything that lives once the plan is carried out.
fn end_state<'a>(case: &Case<'a>, plan: &'a Plan, say: &mut impl FnMut(String)) -> Vec<Live<'a>> {
    let mut end = Vec::new();
    for one in &case.running {
        if !case.decides(one) {
            end.push(Live {
                name: format!("{}#{}", one.task, one.slot),
                host: &one.host,
                tags: one.tags.clone(),
                biases: &one.biases,
                resources: &one.resources,
                given: false,
                ending: !one.keep,
                fresh: false,
            });
        }
    }
    for one in &plan.assignments {
        let Some(spec) = case.specs.get(&(one.topology.as_str(), &one.task)) else { continue };
        let stays = one.change == Change::Keep;
        if !stays && !case.hosts.contains_key(one.host.as_str()) {
            say(format!("{}#{} is to go to {}, which is not known", one.task, one.slot, one.host));
        }
        end.push(Live {
            name: format!("{}#{}", one.task, one.slot),
            host: &one.host,
            tags: spec.carried_tags(),
            biases: &spec.biases,
            resources: &spec.resources,
            given: true,
            ending: false,
            fresh: !stays || room::needs_more(case, one, spec),
        });
    }
    end
}

fn place(one: &RunningInstance) -> Place<'_> {
    (one.topology.as_str(), &one.task, one.slot, one.host.as_str())
}

/// The running instance that an assignment keeps.
fn kept<'a>(case: &Case<'a>, one: &Assignment) -> Option<&'a RunningInstance> {
    case.keepable.get(&(one.topology.as_str(), &one.task, one.slot, one.host.as_str())).copied()
}

/// Whether two hosts are one place under a domain; a host is always one with itself.
fn together(case: &Case<'_>, one: &str, other: &str, domain: Option<&String>) -> bool {
    if one == other {
        return true;
    }
    let Some(name) = domain else { return false };
    let value = |host: &str| case.hosts.get(host).and_then(|host| host.attributes.get(name));
    value(one).is_some() && value(one) == value(other)
}

fn rules(case: &Case<'_>, end: &[Live<'_>], say: &mut impl FnMut(String)) {
    let by_tag = index(end);
    for (at, holder) in end.iter().enumerate() {
        for bias in holder.biases {
            match &bias.target {
                Target::Attribute { name, value } => {
                    let word = attribute(case, holder, name, value.as_ref());
                    let broken = match bias.word {
                        Word::Always => word == Some(false),
                        Word::Never => word == Some(true),
                        _ => false,
                    };
                    if broken && holder.given {
                        let (who, where_) = (&holder.name, holder.host);
                        say(format!("{who} says {} {}, on {where_}", bias.word, bias.target));
                    }
                }
                Target::Tag(tag) => {
                    let nobody = Vec::new();
                    let carriers = by_tag.get(tag).unwrap_or(&nobody);
                    let around = carriers.iter().filter(|other| **other != at).filter(|other| {
                        together(case, holder.host, end[**other].host, bias.domain.as_ref())
                    });
                    tag_rule(
                        case,
                        holder,
                        bias,
                        &around.map(|at| &end[*at]).collect::<Vec<_>>(),
                        say,
                    );
                }
            }
        }
    }
}

fn index<'e>(end: &'e [Live<'_>]) -> BTreeMap<&'e Tag, Vec<usize>> {
    let mut by_tag: BTreeMap<&Tag, Vec<usize>> = BTreeMap::new();
    for (at, one) in end.iter().enumerate() {
        for tag in &one.tags {
            by_tag.entry(tag).or_default().push(at);
        }
    }
    by_tag
}

/// Whether the holder's host has the attribute; `None` where the host is not known.
fn attribute(case: &Case<'_>, one: &Live<'_>, name: &str, value: Option<&String>) -> Option<bool> {
    let found = case.hosts.get(one.host)?.attributes.get(name);
    Some(match value {
        None => found.is_some(),
        Some(value) => found == Some(value),
    })
}

fn tag_rule(
    case: &Case<'_>,
    holder: &Live<'_>,
    bias: &Bias,
    around: &[&Live<'_>],
    say: &mut impl FnMut(String),
) {
    match bias.word {
        Word::Never => {
            for other in around.iter().filter(|other| holder.given || other.given) {
                say(format!(
                    "{} says never {}, and {} is there, on {}",
                    holder.name, bias.target, other.name, other.host
                ));
            }
        }
        Word::Always if !holder.ending => {
            let known = case.hosts.get(holder.host);
            let judged = bias.domain.is_none() || known.is_some();
            let has_domain = bias
                .domain
                .as_ref()
                .is_none_or(|name| known.is_some_and(|host| host.attributes.contains_key(name)));
            let met = has_domain && around.iter().any(|other| !other.ending);
            if judged && !met && (holder.given || (has_domain && stood_before(case, holder, bias)))
            {
                say(format!(
                    "{} says always {}, and nothing there carries it, on {}",
                    holder.name, bias.target, holder.host
                ));
            }
        }
        _ => {}
    }
}

/// Whether a fixed holder had what it needs before, those that are being removed left out.
fn stood_before(case: &Case<'_>, holder: &Live<'_>, bias: &Bias) -> bool {
    let Target::Tag(tag) = &bias.target else { return false };
    let carriers = case.running.iter().filter(|one| {
        one.keep
            && !case.options.removing.contains(&one.topology)
            && one.tags.contains(tag)
            && together(case, holder.host, &one.host, bias.domain.as_ref())
    });
    let itself = usize::from(holder.tags.contains(tag));
    carriers.count() > itself
}

/// Gains less costs of all soft rules; what is ending neither has rules nor counts.
fn score(case: &Case<'_>, end: &[Live<'_>]) -> i64 {
    let by_tag = index(end);
    let mut sum = 0;
    for (at, holder) in end.iter().enumerate().filter(|(_, holder)| !holder.ending) {
        for bias in holder.biases {
            let count = match &bias.target {
                Target::Attribute { name, value } => {
                    i64::from(attribute(case, holder, name, value.as_ref()) == Some(true))
                }
                Target::Tag(tag) => {
                    let carriers = by_tag.get(tag).into_iter().flatten();
                    let there = carriers.filter(|other| {
                        **other != at
                            && !end[**other].ending
                            && together(case, holder.host, end[**other].host, bias.domain.as_ref())
                    });
                    i64::try_from(there.count()).unwrap_or(i64::MAX)
                }
            };
            sum += match bias.word {
                Word::Avoid => -i64::from(bias.weight) * count,
                Word::Prefer => i64::from(bias.weight) * count.min(1),
                _ => 0,
            };
        }
    }
    sum
}

#[cfg(test)]
mod tests;
