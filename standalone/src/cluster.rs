//! The machine of the stand-in: what a Mesos master and its agents would decide.
//!
//! It owns frameworks, hosts, offers, tasks, executors and status updates, and the rules of
//! Mesos 1.11 about them. It must not know sockets, processes, clocks or files: time comes in as
//! `now_ms`, ids are drawn from a seeded generator, and the same events give the same commands.
//!
//! ```text
//! let mut out = Vec::new();
//! cluster.step(now_ms, event, &mut out);      // then carry out `out` in order
//! cluster.next_deadline();                    // step(Event::Woke) at that time
//! ```
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod accept;
mod calls;
mod command;
mod deadlines;
mod drains;
mod endings;
mod event;
mod executors;
mod hosts;
mod ids;
mod offers;
mod reconcile;
mod resources;
mod state;
mod subscribe;
mod updates;
mod validation;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lathe_mesos::v1;

pub use command::{Answer, Command, HostCommand};
pub use event::{Event, HostSpec};
pub use ids::{ExecutorKey, HostName, RequestId, StreamId};
pub use validation::{check_executor_call, check_scheduler_call};
pub use view::{Counts, HostState, HostView};

use deadlines::{Deadline, Deadlines};
use ids::Draw;
use state::{Agent, Framework, Offer};

/// How many removed frameworks and agents are remembered by id.
const REMEMBERED: usize = 1000;

/// What a cluster is made with. Times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of all ids (master, streams, containers, updates made here).
    pub seed: u64,
    /// Host name that the master announces in `MasterInfo`.
    pub hostname: String,
    /// Port that the master announces in `MasterInfo`.
    pub port: u16,
    /// Time between two heartbeats to a framework.
    pub heartbeat_ms: u64,
    /// How long a host may be silent before its tasks are unreachable.
    pub unreachable_after_ms: u64,
    /// How long an executor may take from its start to its first SUBSCRIBE.
    pub executor_registration_ms: u64,
    /// How long an executor may take to end after SHUTDOWN before it is killed.
    pub executor_shutdown_grace_ms: u64,
    /// How long an update waits for its acknowledgement before it is sent again; doubles.
    pub resend_ms: u64,
    /// The longest pause between two sendings of one update.
    pub resend_cap_ms: u64,
    /// The shortest filter that a DECLINE sets (a real master's allocation interval).
    pub min_refuse_ms: u64,
}

impl Config {
    /// The defaults of Mesos, save `unreachable_after_ms` (3 s) and the short `min_refuse_ms`.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            hostname: "127.0.0.1".to_owned(),
            port: 5050,
            heartbeat_ms: 15_000,
            unreachable_after_ms: 3_000,
            executor_registration_ms: 60_000,
            executor_shutdown_grace_ms: 5_000,
            resend_ms: 10_000,
            resend_cap_ms: 600_000,
            min_refuse_ms: 100,
        }
    }
}

/// The machine; see the text of this module.
#[derive(Debug)]
pub struct Cluster {
    config: Config,
    draw: Draw,
    now: u64,
    master_id: String,
    frameworks: BTreeMap<String, Framework>,
    /// Framework by live stream.
    streams: BTreeMap<StreamId, String>,
    /// Frameworks that were removed, the oldest first.
    removed: VecDeque<String>,
    agents: BTreeMap<String, Agent>,
    /// Agent by host.
    hosts: BTreeMap<HostName, String>,
    /// Agents that are gone, the oldest first.
    gone: VecDeque<String>,
    offers: BTreeMap<String, Offer>,
    deadlines: Deadlines,
    /// Agents that may have something to offer.
    dirty: BTreeSet<String>,
    counts: Counts,
    made: Made,
}

/// How many ids of each kind were given out.
#[derive(Debug, Default)]
struct Made {
    frameworks: u64,
    agents: u64,
    offers: u64,
}

impl Cluster {
    /// A cluster without hosts and frameworks.
    pub fn new(config: Config) -> Self {
        let mut draw = Draw::new(config.seed);
        let master_id = draw.uuid().to_string();
        Self {
            config,
            draw,
            now: 0,
            master_id,
            frameworks: BTreeMap::new(),
            streams: BTreeMap::new(),
            removed: VecDeque::new(),
            agents: BTreeMap::new(),
            hosts: BTreeMap::new(),
            gone: VecDeque::new(),
            offers: BTreeMap::new(),
            deadlines: Deadlines::default(),
            dirty: BTreeSet::new(),
            counts: Counts::default(),
            made: Made::default(),
        }
    }

    /// Takes in one event at `now_ms` (milliseconds since the epoch, never going back) and
    /// appends what is to be done to `out`, in order.
    pub fn step(&mut self, now_ms: u64, event: Event, out: &mut Vec<Command>) {
        self.now = self.now.max(now_ms);
        while let Some(deadline) = self.deadlines.due(self.now) {
            self.passed(deadline, out);
        }
        self.take_in(event, out);
        self.allocate(out);
    }

    /// When [`Event::Woke`] is due next, if anything waits for time to pass.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.next()
    }

    fn take_in(&mut self, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Woke => {}
            Event::SchedulerCalled { request, principal, stream, call } => {
                let answer = self.scheduler_called(principal, stream.as_ref(), *call, out);
                // The answer goes first: a stream is open before anything is sent on it.
                out.insert(answer.0, Command::Answer { request, answer: answer.1 });
            }
            Event::StreamClosed { stream } => self.stream_closed(&stream, out),
            Event::HostRegistered { host, spec } => self.host_registered(host, *spec, out),
            Event::HostLost { host } => self.host_lost(&host, out),
            Event::HostPaused { host } => self.host_paused(&host),
            Event::HostResumed { host } => self.host_resumed(&host, out),
            Event::AgentMarkedGone { agent_id } => self.agent_marked_gone(&agent_id, out),
            Event::AgentDrains { agent_id, max_grace_ms, mark_gone } => {
                self.agent_drains(&agent_id, max_grace_ms, mark_gone, out);
            }
            Event::AgentDeactivated { agent_id } => self.agent_deactivated(&agent_id, out),
            Event::AgentReactivated { agent_id } => self.agent_reactivated(&agent_id),
            Event::ExecutorSubscribed { host, executor, subscribe } => {
                self.executor_subscribed(&host, &executor, *subscribe, out);
            }
            Event::ExecutorDisconnected { host, executor } => {
                if let Some((_, executor)) = self.executor_mut(&host, &executor) {
                    executor.connected = false;
                }
            }
            Event::ExecutorUpdated { host, executor, status } => {
                self.executor_updated(&host, &executor, *status, out);
            }
            Event::ExecutorMessaged { host, executor, data } => {
                self.executor_messaged(&host, executor, data, out);
            }
            Event::ExecutorStarted { host, executor, pid } => {
                if let Some((_, executor)) = self.executor_mut(&host, &executor) {
                    executor.pid = Some(pid);
                }
            }
            Event::ExecutorRefused { host, executor, message } => {
                self.executor_refused(&host, &executor, &message, out);
            }
            Event::ExecutorExited { host, executor, status } => {
                self.executor_exited(&host, &executor, Some(status), out);
            }
        }
    }

    fn passed(&mut self, deadline: Deadline, out: &mut Vec<Command>) {
        match deadline {
            Deadline::Heartbeat { stream } => self.heartbeat(&stream, out),
            Deadline::Failover { framework } => self.remove_framework(&framework, out),
            Deadline::Unreachable { agent } => self.agent_unreachable(&agent, out),
            Deadline::Registration { agent, executor } => {
                self.registration_passed(&agent, &executor, out);
            }
            Deadline::Shutdown { agent, executor } => {
                self.kill_executor(&agent, &executor, out);
            }
            Deadline::Resend { framework, task } => self.resend(&framework, &task, out),
            Deadline::Filter { framework, agent, role } => {
                self.filter_passed(&framework, (agent, role));
            }
        }
    }

    /// Sends an event to a framework if it is subscribed.
    fn send(&mut self, framework: &str, event: v1::scheduler::Event, out: &mut Vec<Command>) {
        if let Some(stream) = self.frameworks.get(framework).and_then(|f| f.stream.clone()) {
            out.push(Command::Send { stream, event: Box::new(event) });
        }
    }

    /// Tells a host something, unless nothing reaches it.
    fn tell(&self, agent: &str, command: HostCommand, out: &mut Vec<Command>) {
        if let Some(agent) = self.agents.get(agent) {
            out.push(Command::Host { host: agent.host.clone(), command });
        }
    }
}

/// Keeps the last [`REMEMBERED`] of a list.
fn remember(list: &mut VecDeque<String>, id: String) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(id);
}

#[cfg(test)]
mod tests;
