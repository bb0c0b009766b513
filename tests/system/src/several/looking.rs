//! What a cluster's processes are, and what its store says of itself.

use std::collections::BTreeMap;

use lathe_engines::block_on;

use super::Several;
use crate::process::Process;

impl Several {
    /// The processes of instances by incarnation.
    #[must_use]
    pub fn tasks(&self) -> BTreeMap<String, Process> {
        let mut all = Process::all();
        all.sort_by_key(Process::started);
        let mut tasks = BTreeMap::new();
        for one in all {
            let parent = Process::of(one.parent).filter(|parent| parent.name == "lathe-executor");
            if parent.is_some()
                && self.is_ours(&one)
                && let Some(incarnation) = one.environment().remove("LATHE_INCARNATION")
            {
                // Whatever it has started comes after it.
                tasks.entry(incarnation).or_insert(one);
            }
        }
        tasks
    }

    /// Whether a process works in a sandbox of this cluster.
    fn is_ours(&self, process: &Process) -> bool {
        let folder = std::fs::read_link(format!("/proc/{}/cwd", process.pid));
        folder.is_ok_and(|folder| folder.starts_with(self.folder.path()))
    }

    /// The scheduler's process and the registry's, if both run.
    #[must_use]
    pub(crate) fn daemons(&self, scheduler: usize) -> Option<(Process, Process)> {
        let of = |running: &Option<crate::child::Running>| running.as_ref()?.process_if_running();
        Some((of(&self.schedulers[scheduler].running)?, of(&self.registries[0].running)?))
    }

    /// What the first server of ZooKeeper counts (`mntr`), by name; none when it does not answer.
    #[must_use]
    pub(crate) fn store_figures(&self) -> Option<BTreeMap<String, f64>> {
        let page = block_on(self.zookeeper.ask(0, "mntr"))?;
        let pairs = page.lines().filter_map(|line| line.split_once('\t'));
        Some(pairs.filter_map(|(name, text)| Some((name.to_owned(), text.parse().ok()?))).collect())
    }
}
