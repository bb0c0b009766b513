//! Between the master and its hosts: what goes there and back, and hosts that come, go, stand still
//! and come back.

use lathe_standalone::cluster::{self, HostCommand};

use super::World;
use super::network::{Coming, Link};
use crate::hosts::Later;

impl World {
    pub(super) fn host_is_told(&mut self, at: usize, boot: u64, sights: u64, command: HostCommand) {
        let host = &mut self.hosts.hosts[at];
        if !host.up || host.boot != boot {
            return;
        }
        if host.paused {
            host.inbox.push((sights, command));
            return;
        }
        let later = self.hosts.told(at, sights, command);
        self.later(later);
    }

    pub(super) fn host_has_said(
        &mut self,
        master: u64,
        (at, boot): (usize, u64),
        event: cluster::Event,
    ) {
        if master != self.master.life {
            return;
        }
        // A host that died on the way does not come: its successor would be taken for it.
        let comes = matches!(event, cluster::Event::HostRegistered { .. });
        if comes && self.hosts.hosts[at].boot != boot {
            return;
        }
        // What is for an agent reaches it without a master too; the machine is both.
        self.step_master(event);
    }

    fn host_says(&mut self, at: usize, event: cluster::Event) {
        let (master, boot) = (self.master.life, self.hosts.hosts[at].boot);
        let what = Coming::FromHost { master, at, boot, event: Box::new(event) };
        self.network.send(self.now, Link::FromHost(at), what);
    }

    pub(super) fn process(&mut self, later: Later) {
        self.trace.line(self.now, &format!("{} {:?}", later.executor, later.step));
        let at = later.host;
        if let Some(event) = self.hosts.due(later) {
            self.host_says(at, event);
        }
    }

    pub(super) fn later(&mut self, more: Vec<Later>) {
        for later in more {
            self.after(later.after_ms, Coming::Process(later));
        }
    }

    pub(super) fn host_comes(&mut self, at: usize) {
        if self.hosts.hosts[at].up {
            return;
        }
        self.hosts.hosts[at].up = true;
        let host = self.hosts.hosts[at].name.clone();
        self.note(&format!("{host} comes"));
        let spec = Box::new(self.hosts.spec(at));
        self.host_says(at, cluster::Event::HostRegistered { host, spec });
    }

    pub(super) fn kill_host(&mut self, at: usize, for_ms: u64) {
        let boot = self.hosts.hosts[at].boot;
        self.hosts.dies(at);
        let late = self.network.between(0, 200);
        self.after(late, Coming::HostLost { at, boot });
        self.after(for_ms, Coming::HostComes { at });
    }

    /// The master notices that the host is gone. It may be back already, as another agent.
    pub(super) fn host_lost(&mut self, at: usize, boot: u64) {
        let host = &self.hosts.hosts[at];
        if host.boot == boot + 1 && !host.up {
            let host = host.name.clone();
            self.step_master(cluster::Event::HostLost { host });
        }
    }

    /// The host stands still with all that runs on it.
    pub(super) fn pause_host(&mut self, at: usize, for_ms: u64) {
        let until = self.now + for_ms;
        let host = &mut self.hosts.hosts[at];
        host.paused_until = until.max(host.paused_until);
        host.paused = true;
        let (name, boot) = (host.name.clone(), host.boot);
        self.hosts.loses_sight_of(at);
        self.step_master(cluster::Event::HostPaused { host: name });
        self.after(for_ms, Coming::HostResumes { at, boot });
    }

    /// What runs on the host runs on, and the master does not hear of it; one way or both.
    pub(super) fn cut_host(&mut self, at: usize, ways: (bool, bool), for_ms: u64) {
        let until = self.now + for_ms;
        for (cut, link) in [(ways.0, Link::ToHost(at)), (ways.1, Link::FromHost(at))] {
            if cut {
                self.network.cut(link, until);
            }
        }
        let host = &self.hosts.hosts[at];
        let (name, boot) = (host.name.clone(), host.boot);
        self.hosts.loses_sight_of(at);
        self.step_master(cluster::Event::HostPaused { host: name });
        self.after(for_ms, Coming::HostResumes { at, boot });
    }

    pub(super) fn resume_host(&mut self, at: usize, boot: u64) {
        let cut = self.network.is_cut(self.now, Link::FromHost(at))
            || self.network.is_cut(self.now, Link::ToHost(at));
        let host = &mut self.hosts.hosts[at];
        // Of several troubles the last to end counts.
        if !host.up || host.boot != boot || cut || self.now < host.paused_until {
            return;
        }
        host.paused = false;
        let name = host.name.clone();
        self.hosts.sees_again(at);
        self.note(&format!("{name} is back"));
        let stash = self.hosts.take_stash(at, None);
        self.later(stash);
        for (sights, command) in std::mem::take(&mut self.hosts.hosts[at].inbox) {
            let later = self.hosts.told(at, sights, command);
            self.later(later);
        }
        let agents = self.master.cluster.hosts();
        if let Some(view) = agents.iter().find(|view| view.host == name) {
            self.master.not_back.remove(&view.agent_id);
        }
        self.step_master(cluster::Event::HostResumed { host: name });
    }

    pub(super) fn restart_agent(&mut self, at: usize) {
        let (events, later) = self.hosts.agent_restarts(at);
        for event in events {
            self.host_says(at, event);
        }
        self.later(later);
    }

    /// An operator gives the agent up while it still lives; its host begins anew after a while.
    pub(super) fn mark_gone(&mut self, at: usize, for_ms: u64) {
        let name = self.hosts.hosts[at].name.clone();
        let views = self.master.cluster.hosts();
        let Some(view) = views.into_iter().find(|view| view.host == name) else { return };
        self.hosts.loses_sight_of(at);
        self.step_master(cluster::Event::AgentMarkedGone { agent_id: view.agent_id });
        let boot = self.hosts.hosts[at].boot;
        self.after(for_ms, Coming::HostRetires { at, boot });
    }

    pub(super) fn retire_host(&mut self, at: usize, boot: u64) {
        if self.hosts.hosts[at].up && self.hosts.hosts[at].boot == boot {
            self.kill_host(at, 400);
        }
    }

    pub(super) fn wake_process(&mut self, at: usize, executor: &str) {
        let process = self.hosts.hosts[at].processes.get_mut(executor);
        let Some(process) = process else { return };
        process.hangs = false;
        let stash = self.hosts.take_stash(at, Some(executor));
        self.later(stash);
    }
}
