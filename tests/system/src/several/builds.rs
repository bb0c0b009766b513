//! Daemons of different builds in one cluster.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Several, address};
use crate::binaries::root;
use crate::http::Request;
use crate::process::Signal;
use crate::waiting::SOON;

/// The files of configuration that came with a build: its own, or those of the checkout.
pub(super) fn deployed(build: &Path) -> PathBuf {
    let own = build.join("deploy");
    if own.is_dir() { own } else { root().join("deploy") }
}

impl Several {
    /// What is started from now on is of this folder.
    pub(crate) fn use_build(&mut self, folder: &Path) {
        folder.clone_into(&mut self.build);
    }

    /// Ends the registry, and starts another one in its place.
    pub(crate) fn renew_registry(&mut self) {
        if let Some(registry) = self.registries[0].running.take() {
            registry.signal(Signal::TERM);
            let _ = registry.finish(SOON).with_code(0);
        }
        self.start_registry(0);
    }

    /// Whether a scheduler that was enrolled has ended.
    pub(crate) fn has_ended(&self, number: usize) -> bool {
        let running = self.schedulers[number].running.as_ref();
        running.is_none_or(|running| running.process_if_running().is_none())
    }

    /// Takes down where a scheduler that was enrolled listens, if it has said so.
    pub(crate) fn take_address(&mut self, number: usize) -> bool {
        let scheduler = &mut self.schedulers[number];
        let said = scheduler.running.as_ref().map(|running| running.out()).unwrap_or_default();
        let mut lines = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let line = lines.find(|line| line.contains("listening"));
        if let Some(line) = line {
            scheduler.url = address(line);
        }
        line.is_some()
    }

    /// The incarnations of a task that the registry shows as ready, in order; none when it does not
    /// answer.
    pub(crate) fn shown_ready(&self, task: &str) -> Option<Vec<String>> {
        let url = format!("{}/v1/groups/{task}", self.registry());
        let group: Value = Request::get(url).try_send().ok()?.json();
        let ready = group["entries"].as_array()?.iter().filter(|one| one["state"] == "ready");
        let named = ready.filter_map(|one| one["incarnation"].as_str().map(str::to_owned));
        let mut named: Vec<String> = named.collect();
        named.sort();
        Some(named)
    }
}
