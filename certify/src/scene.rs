//! Everything that a certificate is about: topologies, hosts, what runs, what an executor needs.
//!
//! Owns which instances are given, which are fixed. It must not know certificates.

use std::collections::BTreeMap;

use lathe_topology::{Diagnostic, Resources, TaskSpec, Topology};

use crate::hosts::{self, Host};
use crate::runs::{self, Run};

/// The input of a plan, read anew.
#[derive(Debug)]
pub struct Scene {
    pub(crate) topologies: Vec<Topology>,
    pub(crate) hosts: BTreeMap<String, Host>,
    pub(crate) runs: Vec<Run>,
    /// Millicpus and bytes of memory beside each instance.
    pub(crate) overhead: [u64; 2],
}

impl Scene {
    /// Reads the files: topologies by name and text, hosts, and what runs if anything does.
    ///
    /// # Errors
    /// What could not be read, in a sentence.
    pub fn read(
        topologies: &[(String, String)],
        hosts: &str,
        running: Option<&str>,
        overhead: [u64; 2],
    ) -> Result<Self, String> {
        let mut read = Vec::new();
        for (name, text) in topologies {
            let parsed = lathe_topology::parse(name, text);
            let checked = parsed.map_err(|found| {
                let first = found.into_iter().find(Diagnostic::is_error).map(|one| one.message);
                format!("{name}: {}", first.unwrap_or_default())
            })?;
            read.push(checked.topology);
        }
        let runs = running.map_or(Ok(Vec::new()), |text| runs::read(text, &read))?;
        Ok(Self { topologies: read, hosts: hosts::read(hosts)?, runs, overhead })
    }

    /// Every given task with at least one instance, in the order of topology and task.
    pub(crate) fn tasks(&self) -> BTreeMap<(&str, &str), &TaskSpec> {
        let all = self.topologies.iter().flat_map(|one| {
            one.tasks.iter().map(|spec| ((one.name.as_str(), spec.path.as_str()), spec))
        });
        all.filter(|(_, spec)| spec.count > 0).collect()
    }

    /// Whether a running instance is the plan's to decide about.
    pub(crate) fn is_given(&self, run: &Run) -> bool {
        self.topologies.iter().any(|one| one.name == run.topology)
    }

    /// What the files say of the task of a running instance.
    pub(crate) fn spec_of(&self, run: &Run) -> Option<&TaskSpec> {
        let topology = self.topologies.iter().find(|one| one.name == run.topology)?;
        topology.tasks.iter().find(|spec| spec.path.as_str() == run.task)
    }

    /// What an instance takes of a host.
    pub(crate) fn need(&self, resources: &Resources) -> [u64; 4] {
        [
            resources.cpus_milli.saturating_add(self.overhead[0]),
            resources.mem_bytes.saturating_add(self.overhead[1]),
            resources.disk_bytes,
            resources.ports.len() as u64,
        ]
    }
}
