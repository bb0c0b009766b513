//! Everything around the weighed instance: the others, by host, with their rules.
//!
//! Owns who counts as another, and what is one place under a domain. Must not judge.

use std::borrow::Cow;
use std::collections::BTreeSet;

use lathe_topology::{Bias, Resources, Tag, TaskPath, TaskSpec};

use crate::input::Input;
use crate::{Host, RunningInstance};

/// What instances that look alike are.
pub(super) struct Profile<'a> {
    pub(super) topology: &'a str,
    pub(super) task: &'a TaskPath,
    pub(super) tags: Cow<'a, BTreeSet<Tag>>,
    pub(super) biases: &'a [Bias],
    pub(super) resources: &'a Resources,
    /// It is of the weighed instance's topology and stays.
    pub(super) given: bool,
    pub(super) ending: bool,
}

/// An instance that is not the weighed one.
#[derive(Clone, Copy)]
pub(super) struct Other {
    /// Among the scene's profiles.
    profile: usize,
    slot: u32,
    pub(super) host: usize,
}

/// A place under a domain: all hosts with that value, or a host by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<'a> {
    Host(usize),
    Value(&'a str),
}

/// What the weighed instance finds.
pub(super) struct Scene<'i, 'a> {
    pub(super) input: &'i Input<'a>,
    pub(super) topology: &'a str,
    pub(super) spec: &'a TaskSpec,
    pub(super) tags: BTreeSet<Tag>,
    /// Where it runs now, and as what.
    pub(super) now: Option<usize>,
    pub(super) running: Option<&'a RunningInstance>,
    pub(super) profiles: Vec<Profile<'a>>,
    pub(super) others: Vec<Other>,
}

impl<'i, 'a> Scene<'i, 'a> {
    pub(super) fn new(input: &'i Input<'a>, task: &TaskPath, slot: u32) -> Option<Self> {
        let own = input.wanted.iter().find(|wanted| wanted.spec.path == *task)?;
        let here = own.runs.iter().find(|(one, _, _)| *one == slot);
        let (mut profiles, mut others) = (Vec::new(), Vec::new());
        for wanted in &input.wanted {
            let is_own = wanted.spec.path == *task;
            let rest = wanted.runs.iter().filter(|(at, _, _)| !(is_own && *at == slot));
            others.extend(rest.map(|(slot, host, _)| Other {
                profile: profiles.len(),
                slot: *slot,
                host: *host,
            }));
            profiles.push(Profile {
                topology: wanted.topology,
                task: &wanted.spec.path,
                tags: Cow::Owned(wanted.spec.carried_tags()),
                biases: &wanted.spec.biases,
                resources: &wanted.spec.resources,
                given: true,
                ending: false,
            });
        }
        for (host, one) in &input.fixed {
            others.push(Other { profile: profiles.len(), slot: one.slot, host: *host });
            profiles.push(Profile {
                topology: &one.topology,
                task: &one.task,
                tags: Cow::Borrowed(&one.tags),
                biases: &one.biases,
                resources: &one.resources,
                given: false,
                ending: !one.keep,
            });
        }
        Some(Self {
            input,
            topology: own.topology,
            spec: own.spec,
            tags: own.spec.carried_tags(),
            now: here.map(|(_, host, _)| *host),
            running: here.map(|(_, _, one)| *one),
            profiles,
            others,
        })
    }

    pub(super) fn profile(&self, other: &Other) -> &Profile<'a> {
        &self.profiles[other.profile]
    }

    pub(super) fn name(&self, other: &Other) -> String {
        format!("{}#{}", self.profile(other).task, other.slot)
    }

    /// The known hosts with their indices.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (usize, &'a Host)> + '_ {
        let rows = self.input.hosts.iter().enumerate();
        rows.filter_map(|(at, row)| row.known.map(|host| (at, host)))
    }

    pub(super) fn host(&self, at: usize) -> Option<&'a Host> {
        self.input.hosts[at].known
    }

    pub(super) fn host_name(&self, at: usize) -> &'a str {
        self.input.hosts[at].name
    }

    /// The place that a host belongs to.
    pub(super) fn place(&self, host: usize, domain: Option<&String>) -> Place<'a> {
        let value = domain.and_then(|name| self.host(host)?.attributes.get(name));
        value.map_or(Place::Host(host), |value| Place::Value(value))
    }

    /// Whether a host has the attribute that a domain is about; it is one itself without any.
    pub(super) fn has_domain(&self, host: usize, domain: Option<&String>) -> bool {
        domain.is_none_or(|name| {
            self.host(host).is_some_and(|host| host.attributes.contains_key(name))
        })
    }
}
