//! Faults and users: what is done to the world, and asked of it.

use lathe_scheduler::framework::event::{Edit, Event, Question};
use lathe_scheduler::framework::ids::AskId;
use lathe_standalone::cluster::{self, Cluster};

use super::{Coming, World};
use crate::executors::{Later, Step};
use crate::topologies::{NAMES, impossible, submission};

impl World {
    pub(super) fn fault(&mut self) {
        let next = self.faults.between(300, 6_000);
        self.schedule(next, Coming::Fault);
        let host = usize::try_from(self.faults.between(0, self.hosts.hosts.len() as u64 - 1));
        let host = host.unwrap_or(0);
        match self.faults.between(0, 9) {
            0 | 1 => {
                self.trace.line(self.now, "fault: the scheduler is killed");
                self.scheduler_dies();
            }
            2 => {
                self.trace.line(self.now, "fault: the stream breaks");
                self.break_stream();
            }
            3 => self.kill_host(host),
            4 => self.pause_host(host),
            5 => self.master_dies(),
            _ => self.kill_process(host),
        }
    }

    pub(super) fn scheduler_dies(&mut self) {
        self.framework = None;
        self.close_stream();
        // What it had sent may still arrive; what comes for it reaches nobody.
        let pause = if self.calm { 10 } else { self.faults.between(10, 3_000) };
        self.schedule(pause, Coming::SchedulerStarts);
    }

    fn break_stream(&mut self) {
        if self.stream.is_some() {
            self.close_stream();
            let reason = "the connection broke".to_owned();
            self.tell_framework("from master", Event::Disconnected { reason });
        }
    }

    fn kill_process(&mut self, host: usize) {
        let name = self.hosts.hosts[host].name.0.clone();
        let Some(host) = self.hosts.hosts.iter().position(|one| one.up && one.name.0 >= name)
        else {
            return;
        };
        let running: Vec<_> =
            self.hosts.hosts[host].processes.values().map(|p| (p.key.clone(), p.number)).collect();
        let Some((key, number)) = self.faults.pick(&running).cloned() else { return };
        self.trace.line(self.now, &format!("fault: {} is killed", key.executor_id));
        let later =
            Later { after_ms: 0, host, executor: key.executor_id, number, step: Step::Exited };
        self.later(vec![later]);
    }

    fn kill_host(&mut self, at: usize) {
        if !self.hosts.hosts[at].up {
            return;
        }
        let host = self.hosts.hosts[at].name.clone();
        self.trace.line(self.now, &format!("fault: {host} is killed"));
        self.hosts.hosts[at].up = false;
        self.hosts.hosts[at].paused = false;
        self.hosts.hosts[at].processes.clear();
        self.step_master(cluster::Event::HostLost { host });
        let pause = self.faults.between(500, 20_000);
        self.schedule(pause, Coming::HostComes(at));
    }

    pub(super) fn host_comes(&mut self, at: usize) {
        if self.hosts.hosts[at].up {
            return;
        }
        self.hosts.hosts[at].up = true;
        let host = self.hosts.hosts[at].name.clone();
        self.trace.line(self.now, &format!("{host} comes"));
        let spec = Box::new(self.hosts.spec(at));
        self.step_master(cluster::Event::HostRegistered { host, spec });
    }

    fn pause_host(&mut self, at: usize) {
        let host = &mut self.hosts.hosts[at];
        if !host.up || host.paused {
            return;
        }
        host.paused = true;
        let host = host.name.clone();
        self.trace.line(self.now, &format!("fault: {host} is paused"));
        self.step_master(cluster::Event::HostPaused { host });
        let pause = self.faults.between(500, 15_000);
        self.schedule(pause, Coming::HostResumes(at));
    }

    pub(super) fn resume(&mut self, at: usize) {
        let host = &mut self.hosts.hosts[at];
        if !host.up || !host.paused {
            return;
        }
        host.paused = false;
        let host = host.name.clone();
        self.trace.line(self.now, &format!("{host} resumes"));
        self.step_master(cluster::Event::HostResumed { host });
    }

    /// The stand-in's hosts live and die with their master: all that ran is gone with it.
    fn master_dies(&mut self) {
        self.trace.line(self.now, "fault: the master is killed, its hosts with it");
        self.master_life += 1;
        let seed = self.settings.seed.wrapping_add(self.master_life << 32);
        self.master = Cluster::new(cluster::Config::new(seed));
        if self.stream.take().is_some() {
            self.oracle.connection_ended();
            let reason = "the master is gone".to_owned();
            self.tell_framework("from master", Event::Disconnected { reason });
        }
        for at in 0..self.hosts.hosts.len() {
            let host = &mut self.hosts.hosts[at];
            host.up = false;
            host.paused = false;
            host.processes.clear();
            let pause = self.faults.between(50, 2_000);
            self.schedule(pause, Coming::HostComes(at));
        }
    }

    pub(super) fn question(&mut self) {
        let next = self.users.between(1_000, 12_000);
        self.schedule(next, Coming::Question);
        self.asks += 1;
        // Asks of one scheduler's life are not known to the next; ids of submissions are.
        let ask = AskId(self.asks);
        let id = format!("submission-{}", self.asks);
        let name = *self.users.pick(&NAMES).unwrap_or(&NAMES[0]);
        let question = match self.users.between(0, 9) {
            0 => Question::Remove { name: name.to_owned(), id: id.clone() },
            1 => Question::Submit {
                edit: Edit::Source(impossible()),
                max_moves: 0,
                wait_ms: 0,
                queues: false,
                id: id.clone(),
                may_stop: true,
            },
            2 => Question::Plan {
                edit: Edit::Source(submission(&mut self.users, name)),
                max_moves: 0,
            },
            _ => {
                self.names.insert(name.to_owned());
                Question::Submit {
                    edit: Edit::Source(submission(&mut self.users, name)),
                    max_moves: 0,
                    wait_ms: 0,
                    queues: false,
                    id: id.clone(),
                    may_stop: true,
                }
            }
        };
        self.trace.line(self.now, &format!("asked {} about {name}", self.asks));
        self.asked.insert(self.asks, id);
        self.step_framework(Event::Asked { ask, question });
    }
}
