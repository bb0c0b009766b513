//! Places: the host itself, or all hosts with the same value of an attribute.
//!
//! Owns what it means for a host to lack the attribute. Must not know rules.

use std::collections::BTreeMap;

use crate::input::Input;

/// One sort of domain over all hosts.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    /// The domain of each host.
    pub(crate) of: Vec<usize>,
    /// The hosts of each domain.
    pub(crate) members: Vec<Vec<usize>>,
    /// The host lacks the attribute: a domain of its own in which no `always` is satisfied.
    pub(crate) lacks: Vec<bool>,
    /// The host is not known, so nothing can be said about its attribute.
    pub(crate) unknown: Vec<bool>,
}

impl Domain {
    /// Every host for itself.
    pub(crate) fn hosts(input: &Input<'_>) -> Self {
        let count = input.hosts.len();
        Self {
            of: (0..count).collect(),
            members: (0..count).map(|host| vec![host]).collect(),
            lacks: vec![false; count],
            unknown: vec![false; count],
        }
    }

    /// Hosts by the value of an attribute.
    pub(crate) fn attribute(input: &Input<'_>, name: &str) -> Self {
        let mut domain =
            Self { of: Vec::new(), members: Vec::new(), lacks: Vec::new(), unknown: Vec::new() };
        let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
        for (host, row) in input.hosts.iter().enumerate() {
            let value = row.known.and_then(|known| known.attributes.get(name));
            let next = domain.members.len();
            let id = value.map_or(next, |value| *ids.entry(value.as_str()).or_insert(next));
            if id == next {
                domain.members.push(Vec::new());
                domain.lacks.push(value.is_none() && row.known.is_some());
                domain.unknown.push(row.known.is_none());
            }
            domain.members[id].push(host);
            domain.of.push(id);
        }
        domain
    }

    /// How many domains there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }
}
