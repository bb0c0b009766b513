//! A place of a certificate as a problem of its best pattern.
//!
//! Owns which tasks may be there, which rules count there, and what an instance is worth: the words of
//! `docs/certificate.md`. It must not know how a best pattern is found.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Bias, Tag, Target, TaskSpec, Word};

use crate::certificate::Certificate;
use crate::hosts::Host;
use crate::pattern::{Fixed, Kind, Problem, Rule, Says};
use crate::runs::Run;
use crate::scene::Scene;

/// A task with its weight.
pub(crate) struct Weighed<'s> {
    pub(crate) topology: &'s str,
    pub(crate) spec: &'s TaskSpec,
    pub(crate) weight: i128,
}

/// What a certificate is about, indexed.
pub(crate) struct Terms<'s> {
    pub(crate) scene: &'s Scene,
    pub(crate) tasks: Vec<Weighed<'s>>,
    /// None: the claim is that there is no placement.
    pub(crate) scale: Option<i128>,
    /// Attributes with a part of their own.
    scopes: BTreeSet<&'s str>,
    numbers: BTreeMap<Tag, usize>,
    /// Fixed ports that two given instances share somewhere already.
    shared: BTreeSet<u16>,
    /// Tags of everything that runs and is not given.
    outside: BTreeSet<&'s Tag>,
}

/// What a place is, as far as it can be compared with the certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) capacity: [u64; 4],
    pub(crate) base: [u64; 4],
    /// Tasks that may be there by its attributes and ports.
    pub(crate) may: Vec<usize>,
    /// Those of them that fit, and whose `always` rules have their domain there.
    pub(crate) must: Vec<usize>,
}

impl<'s> Terms<'s> {
    /// Everything but the weights, which differ from part to part.
    pub(crate) fn new(scene: &'s Scene, certificate: &'s Certificate, scale: Option<i128>) -> Self {
        let tasks = scene.tasks().into_iter();
        let weighed = |((topology, _), spec)| Weighed { topology, spec, weight: 0 };
        let tasks: Vec<Weighed<'s>> = tasks.map(weighed).collect();
        let scopes = certificate.parts.iter().filter_map(|part| part.scope.as_deref()).collect();
        let mut numbers = BTreeMap::new();
        let carried = tasks.iter().flat_map(|one| one.spec.carried_tags());
        let carried = carried.chain(scene.runs.iter().flat_map(|run| run.tags.clone()));
        let biases = tasks.iter().flat_map(|one| &one.spec.biases);
        let biases = biases.chain(scene.runs.iter().flat_map(|run| &run.biases));
        let named = biases.filter_map(|bias| match &bias.target {
            Target::Tag(tag) => Some(tag.clone()),
            Target::Attribute { .. } => None,
        });
        for tag in carried.chain(named) {
            let next = numbers.len();
            numbers.entry(tag).or_insert(next);
        }
        let fixed = scene.runs.iter().filter(|run| !scene.is_given(run));
        let outside = fixed.flat_map(|run| &run.tags).collect();
        Self { shared: shared(scene), scene, tasks, scale, scopes, numbers, outside }
    }

    pub(crate) fn weigh(&mut self, weights: &[i64]) {
        for (task, weight) in self.tasks.iter_mut().zip(weights) {
            task.weight = i128::from(*weight);
        }
    }

    fn runs_on(&self, host: &str) -> impl Iterator<Item = &'s Run> {
        self.scene.runs.iter().filter(move |run| run.host == host)
    }

    fn is_bound(&self) -> bool {
        self.scale.is_some()
    }

    /// A host alone.
    pub(crate) fn host(&self, name: &str) -> Option<(Facts, Problem)> {
        let host = self.scene.hosts.get(name);
        let (given, mut fixed): (Vec<&Run>, Vec<&Run>) =
            self.runs_on(name).partition(|run| self.scene.is_given(run));
        if host.is_none() && given.is_empty() && fixed.is_empty() {
            return None;
        }
        if !self.is_bound() {
            // Nothing else runs.
            fixed.clear();
        }
        let base = sum(fixed.iter().map(|run| self.scene.need(&run.resources)));
        let runs = |task: &Weighed<'_>| given.iter().filter(|run| is_of(run, task)).count() as u64;
        // By the given file, also where it wants none of them any more.
        let specs = given.iter().filter_map(|run| self.scene.spec_of(run));
        let stays = specs.map(|spec| self.scene.need(&spec.resources));
        let used = sum(stays.chain([base]));
        let has = host.map_or([0; 4], Host::capacity);
        let capacity: [u64; 4] = std::array::from_fn(|at| has[at].max(used[at]));
        let room = std::array::from_fn(|at| capacity[at] - base[at].min(capacity[at]));
        let mut problem = Problem {
            room: Some(room),
            tags: self.numbers.len(),
            fixed: fixed.iter().map(|run| self.fixed(run, None)).collect(),
            kinds: Vec::new(),
        };
        let (mut may, mut must) = (Vec::new(), Vec::new());
        for (at, task) in self.tasks.iter().enumerate() {
            let there = runs(task);
            let allowed = host.map_or(there > 0, |host| self.may_be(task.spec, host));
            if !allowed {
                continue;
            }
            may.push(at);
            let most = self.most(task, host, there, &fixed);
            let kind = self.kind(task, host, most);
            let fits = kind.need.iter().zip(room).all(|(need, room)| *need <= room);
            if most > 0 && fits && host.is_none_or(|host| has_domains(task.spec, host)) {
                must.push(at);
                problem.kinds.push(kind);
            }
        }
        Some((Facts { capacity, base, may, must }, problem))
    }

    /// No more instances of a task than this are on a host.
    fn most(&self, task: &Weighed<'_>, host: Option<&Host>, there: u64, fixed: &[&Run]) -> u64 {
        let wanted = u64::from(task.spec.count);
        if host.is_none() {
            return wanted.min(there);
        }
        let mut ports = task.spec.resources.ports.iter().filter_map(|port| port.fixed);
        let is_taken = ports.any(|port| !self.shared.contains(&port) && uses(fixed, port));
        if is_taken { wanted.min(there).min(1) } else { wanted }
    }

    /// Hosts with one value of an attribute, or one without it.
    pub(crate) fn scoped(&self, names: &[String], scope: &str) -> Option<(Facts, Problem)> {
        let mut facts = Facts::default();
        let mut room = [0_u64; 4];
        let mut alone: BTreeMap<usize, u64> = BTreeMap::new();
        for name in names {
            let (here, problem) = self.host(name)?;
            facts.capacity = sum([facts.capacity, here.capacity].into_iter());
            facts.base = sum([facts.base, here.base].into_iter());
            room = sum([room, problem.room?].into_iter());
            facts.may.extend(here.may);
            for (at, kind) in here.must.iter().zip(&problem.kinds) {
                let most = alone.entry(*at).or_default();
                *most = most.saturating_add(problem.most_alone(kind));
            }
        }
        facts.may.sort_unstable();
        facts.may.dedup();
        let first = self.scene.hosts.get(names.first()?);
        let has_scope = first.is_some_and(|host| host.attributes.contains_key(scope));
        let fixed = self.scene.runs.iter().filter(|run| {
            self.is_bound() && !self.scene.is_given(run) && names.contains(&run.host)
        });
        let mut problem = Problem {
            room: Some(room),
            tags: self.numbers.len(),
            fixed: fixed.map(|run| self.fixed(run, Some(scope))).collect(),
            kinds: Vec::new(),
        };
        for (at, most) in alone {
            let task = &self.tasks[at];
            let stands = |bias: &Bias| bias.word == Word::Always && tag(bias).is_some();
            let mut of_scope =
                task.spec.biases.iter().filter(|bias| is_of_scope(bias, Some(scope)));
            if most == 0 || (first.is_some() && !has_scope && of_scope.any(stands)) {
                continue;
            }
            facts.must.push(at);
            let mut kind = self.bare(task, most.min(u64::from(task.spec.count)));
            kind.rules = self.rules(&task.spec.biases, Some(scope));
            // Nothing is known of the attributes of a host that is not known.
            kind.rules.retain(|rule| first.is_some() || rule.says != Says::Always);
            problem.kinds.push(kind);
        }
        Some((facts, problem))
    }

    /// Whether the hard attribute rules hold there, and its ports are offered.
    fn may_be(&self, spec: &TaskSpec, host: &Host) -> bool {
        let holds = |bias: &Bias| match (has(bias, host), bias.word) {
            (Some(has), Word::Always) => has,
            (Some(has), Word::Never) => !has,
            _ => true,
        };
        let mut ports = spec.resources.ports.iter().filter_map(|port| port.fixed);
        spec.biases.iter().all(holds) && ports.all(|port| host.offers(port))
    }

    fn bare(&self, task: &Weighed<'_>, most: u64) -> Kind {
        let tags = task.spec.carried_tags();
        Kind {
            most,
            need: self.scene.need(&task.spec.resources),
            worth: if self.is_bound() { -task.weight } else { task.weight },
            tags: tags.iter().map(|tag| self.numbers[tag]).collect(),
            rules: Vec::new(),
            ports: Vec::new(),
        }
    }

    fn kind(&self, task: &Weighed<'_>, host: Option<&Host>, most: u64) -> Kind {
        let mut kind = self.bare(task, most);
        let biases = &task.spec.biases;
        kind.rules = self.rules(biases, None);
        if let Some(scale) = self.scale {
            kind.worth += scale * biases.iter().map(|bias| self.apart(bias, host)).sum::<i128>();
        }
        if host.is_some() {
            let ports = task.spec.resources.ports.iter().filter_map(|port| port.fixed);
            kind.ports = ports.filter(|port| !self.shared.contains(port)).collect();
        }
        kind
    }

    fn fixed(&self, run: &Run, scope: Option<&str>) -> Fixed {
        Fixed {
            tags: run.tags.iter().map(|tag| self.numbers[tag]).collect(),
            rules: self.rules(&run.biases, scope),
        }
    }

    /// The rules toward tags with that domain.
    fn rules(&self, biases: &[Bias], scope: Option<&str>) -> Vec<Rule> {
        let of_scope = biases.iter().filter(|bias| is_of_scope(bias, scope));
        of_scope.filter_map(|bias| self.rule(bias)).collect()
    }

    /// A rule toward a tag. In a proof of impossibility a wish is no rule, and an `always` toward
    /// what runs beside the given ones is taken as met.
    fn rule(&self, bias: &Bias) -> Option<Rule> {
        let name = tag(bias)?;
        let weight = i128::from(bias.weight);
        let says = match (bias.word, self.scale) {
            (Word::Never, _) => Says::Never,
            (Word::Always, None) if self.outside.contains(name) => return None,
            (Word::Always, _) => Says::Always,
            (Word::Prefer, Some(scale)) => Says::Prefer(scale * weight),
            (Word::Avoid, Some(scale)) => Says::Avoid(scale * weight),
            _ => return None,
        };
        Some(Rule { tag: self.numbers[name], says })
    }

    /// Points of what is fixed that no plan changes.
    pub(crate) fn constant(&self) -> i128 {
        let fixed = self.scene.runs.iter().filter(|run| !self.scene.is_given(run));
        fixed
            .flat_map(|run| {
                let host = self.scene.hosts.get(&run.host);
                run.biases.iter().map(move |bias| self.apart(bias, host))
            })
            .sum()
    }

    /// Points that do not depend on what else stands on the host: attributes, and a wish with a domain of
    /// which no part speaks as fully met.
    fn apart(&self, bias: &Bias, host: Option<&Host>) -> i128 {
        let weight = i128::from(bias.weight);
        let there = host.is_some_and(|host| has(bias, host) == Some(true));
        let unspoken = |domain: &String| !self.scopes.contains(domain.as_str());
        match (bias.word, tag(bias)) {
            (Word::Prefer, None) if there => weight,
            (Word::Avoid, None) if there => -weight,
            (Word::Prefer, Some(_)) if bias.domain.as_ref().is_some_and(unspoken) => weight,
            _ => 0,
        }
    }
}

fn sum(needs: impl Iterator<Item = [u64; 4]>) -> [u64; 4] {
    needs.fold([0; 4], |sum: [u64; 4], need| {
        std::array::from_fn(|at| sum[at].saturating_add(need[at]))
    })
}

fn is_of(run: &Run, task: &Weighed<'_>) -> bool {
    run.topology == task.topology && run.task == task.spec.path.as_str()
}

fn uses(runs: &[&Run], port: u16) -> bool {
    runs.iter().any(|run| run.resources.ports.iter().any(|one| one.fixed == Some(port)))
}

fn tag(bias: &Bias) -> Option<&Tag> {
    match &bias.target {
        Target::Tag(tag) => Some(tag),
        Target::Attribute { .. } => None,
    }
}

/// Whether a host has what an attribute rule names; none of a rule toward a tag.
fn has(bias: &Bias, host: &Host) -> Option<bool> {
    let Target::Attribute { name, value } = &bias.target else { return None };
    let found = host.attributes.get(name);
    Some(match value {
        None => found.is_some(),
        Some(value) => found == Some(value),
    })
}

/// Whether a rule counts on places of that sort; none: on hosts.
fn is_of_scope(bias: &Bias, scope: Option<&str>) -> bool {
    bias.domain.as_deref() == scope
}

/// Whether the host has the domains that its `always` rules name.
fn has_domains(spec: &TaskSpec, host: &Host) -> bool {
    spec.biases.iter().all(|bias| match &bias.domain {
        Some(domain) if bias.word == Word::Always && tag(bias).is_some() => {
            host.attributes.contains_key(domain)
        }
        _ => true,
    })
}

fn shared(scene: &Scene) -> BTreeSet<u16> {
    let mut seen = BTreeSet::new();
    let given = scene.runs.iter().filter(|run| scene.is_given(run));
    let ports = given.flat_map(|run| {
        run.resources.ports.iter().filter_map(move |port| Some((&run.host, port.fixed?)))
    });
    ports.filter(|(host, port)| !seen.insert((*host, *port))).map(|(_, port)| port).collect()
}
