//! What is on its way: messages over named links, each in its order, and alarms of the clock.
//!
//! A link is a connection: it delays, and while it is cut nothing arrives; it never reorders. What
//! a broken connection loses is decided where its two ends notice. Between links anything may
//! overtake.

use std::collections::BTreeMap;

use lathe_catalog::{Passed, State};
use lathe_mesos::v1::scheduler;
use lathe_registry::directory;
use lathe_registry::directory::{Outcome, Set};
use lathe_scheduler::framework::event::Event;
use lathe_scheduler::framework::ids::BatchId;
use lathe_standalone::cluster::{self, HostCommand, StreamId};

use super::writer::Group;
use crate::draw::Draw;
use crate::hosts::Later;

/// One direction of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Link {
    /// A scheduler's calls to the master.
    Calls(u64),
    /// The master's events to a scheduler.
    Events(u64),
    /// The operator's API, there and back.
    Operator(u64),
    ToStore(u64),
    FromStore(u64),
    /// A scheduler's own planner.
    Planner(u64),
    ToHost(usize),
    FromHost(usize),
    /// Heartbeats of a host's executors to a registry.
    Beats(usize, usize),
    /// The store's changes to a registry.
    Watch(usize),
    /// A registry's writes.
    Suspicions(usize),
    /// What one registry says to another, its answers included.
    Peers(usize, usize),
}

/// What reaches a scheduler's loop.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Event(Event),
    /// An event of one subscription.
    Stream {
        generation: u64,
        event: Event,
    },
    /// The subscription's call connection is there.
    Opened {
        generation: u64,
        stream: StreamId,
    },
    /// These batches are durable.
    Durable(Vec<BatchId>),
}

/// Something on its way.
#[derive(Clone, Debug)]
pub(crate) enum Coming {
    Decision(u64),
    Starts,
    Told {
        life: u64,
        told: Told,
    },
    Resumes {
        life: u64,
    },
    Retries {
        life: u64,
    },
    Write {
        life: u64,
        group: Group,
    },
    StoreAnswers,
    Connects {
        life: u64,
        generation: u64,
    },
    Called {
        life: u64,
        stream: StreamId,
        call: Box<scheduler::Call>,
    },
    StreamEnds {
        stream: StreamId,
    },
    Lists {
        life: u64,
    },
    Offers {
        stream: StreamId,
        event: Box<scheduler::Event>,
    },
    MasterReturns,
    ToHost {
        at: usize,
        boot: u64,
        sights: u64,
        command: Box<HostCommand>,
    },
    FromHost {
        master: u64,
        at: usize,
        boot: u64,
        event: Box<cluster::Event>,
    },
    Process(Later),
    HostComes {
        at: usize,
    },
    HostResumes {
        at: usize,
        boot: u64,
    },
    HostLost {
        at: usize,
        boot: u64,
    },
    HostRetires {
        at: usize,
        boot: u64,
    },
    Reactivates {
        agent: String,
    },
    MasterAsks,
    MaintenanceIsCalledOff {
        at: usize,
        start_ms: u64,
    },
    MachineGoesDown {
        at: usize,
        start_ms: u64,
        for_ms: u64,
    },
    Wakes {
        at: usize,
        executor: String,
    },
    Beats,
    Heard {
        at: usize,
        beats: Vec<(String, State)>,
    },
    /// A connection by which somebody has beaten is closed.
    Closed {
        at: usize,
        incarnation: String,
    },
    Watched {
        at: usize,
        session: u64,
        event: Box<directory::Event>,
    },
    RegistryStarts {
        at: usize,
    },
    RegistryConnects {
        at: usize,
        session: u64,
    },
    RegistryResumes {
        at: usize,
    },
    RegistryWrites {
        at: usize,
        boot: u64,
        session: u64,
        sets: Vec<Set>,
    },
    SessionEnds {
        at: usize,
        session: u64,
    },
    PassedHere(Pass),
    PassAnswered {
        pass: PassId,
        view: Option<String>,
    },
    PassRefused {
        pass: PassId,
    },
    PassTimesOut {
        pass: PassId,
    },
    RegistryAnswered {
        at: usize,
        boot: u64,
        outcome: Outcome,
    },
}

/// One batch that a registry passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassId {
    pub(crate) from: usize,
    pub(crate) boot: u64,
    pub(crate) to: usize,
    pub(crate) number: u64,
}

/// The same, with what it carries.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) id: PassId,
    /// The process that it was meant for.
    pub(crate) to_boot: u64,
    pub(crate) view: Option<String>,
    pub(crate) beats: Vec<Passed>,
}

/// All links and the clock's queue.
#[derive(Debug)]
pub(crate) struct Network {
    queue: BTreeMap<(u64, u64), Coming>,
    made: u64,
    /// The latest arrival on each link.
    latest: BTreeMap<Link, u64>,
    /// Nothing arrives on these before.
    cut: BTreeMap<Link, u64>,
    draw: Draw,
    /// For what registries say to each other: everything else is as if they said nothing.
    beside: Draw,
    delay_ms: u64,
}

impl Network {
    pub(crate) fn new(seed: u64, delay_ms: u64) -> Self {
        Self {
            queue: BTreeMap::new(),
            made: 0,
            latest: BTreeMap::new(),
            cut: BTreeMap::new(),
            draw: Draw::new(seed, "network"),
            beside: Draw::new(seed, "between registries"),
            delay_ms,
        }
    }

    pub(crate) fn put(&mut self, at: u64, what: Coming) {
        self.made += 1;
        self.queue.insert((at, self.made), what);
    }

    /// Behind everything that is on the same link already.
    pub(crate) fn send(&mut self, now: u64, link: Link, what: Coming) {
        self.send_late(now, link, 0, what);
    }

    /// The same, after the sender has taken its time.
    pub(crate) fn send_late(&mut self, now: u64, link: Link, late_ms: u64, what: Coming) {
        let start = now.max(self.cut.get(&link).copied().unwrap_or(0));
        let draw = if matches!(link, Link::Peers(..)) { &mut self.beside } else { &mut self.draw };
        let at = start + late_ms + draw.between(0, self.delay_ms);
        let at = at.max(self.latest.get(&link).copied().unwrap_or(0));
        self.latest.insert(link, at);
        self.put(at, what);
    }

    /// From now on, and until then, nothing gets through.
    pub(crate) fn cut(&mut self, link: Link, until: u64) {
        let end = self.cut.entry(link).or_insert(0);
        *end = until.max(*end);
    }

    pub(crate) fn is_cut(&self, now: u64, link: Link) -> bool {
        self.cut.get(&link).is_some_and(|until| now < *until)
    }

    /// Repairs every link, and has it be quick.
    pub(crate) fn heal(&mut self, now: u64) {
        self.delay_ms = 2;
        self.cut.clear();
        // What was on its way comes a moment from now, and what is sent meanwhile comes behind it.
        for latest in self.latest.values_mut() {
            *latest = now + 1;
        }
        let waiting = std::mem::take(&mut self.queue);
        for ((at, number), what) in waiting {
            // Alarms keep their time; what was on its way is there soon, in its order.
            let at = if what.is_message() { now + 1 } else { at.max(now) };
            self.queue.insert((at, number), what);
        }
    }

    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.draw.between(low, high)
    }

    pub(crate) fn between_beside(&mut self, low: u64, high: u64) -> u64 {
        self.beside.between(low, high)
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn take(&mut self) -> Option<Coming> {
        self.queue.pop_first().map(|(_, what)| what)
    }
}

impl Coming {
    fn is_message(&self) -> bool {
        matches!(
            self,
            Self::Told { .. }
                | Self::Write { .. }
                | Self::Connects { .. }
                | Self::Called { .. }
                | Self::Lists { .. }
                | Self::ToHost { .. }
                | Self::FromHost { .. }
                | Self::Heard { .. }
                | Self::Closed { .. }
                | Self::Watched { .. }
                | Self::RegistryWrites { .. }
                | Self::RegistryAnswered { .. }
                | Self::PassedHere(_)
                | Self::PassAnswered { .. }
                | Self::PassRefused { .. }
        )
    }

    /// What is no step of a run: there is so much of it that little else would happen.
    pub(crate) fn is_small_talk(&self) -> bool {
        matches!(
            self,
            Self::PassedHere(_)
                | Self::PassAnswered { .. }
                | Self::PassRefused { .. }
                | Self::PassTimesOut { .. }
        )
    }
}
