//! The framework: what the scheduler decides. Events and time go in, commands come out; it waits
//! for nothing, reads no clock and does no I/O.
//!
//! Two rules run through all of it. *Persist, then act*: a launch, a kill or an acknowledgement
//! leaves only after the record that it depends on is durable. *Do nothing when blind*: without a
//! master or without the store nothing is launched and nothing is killed.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod command;
mod converge;
mod edits;
pub mod event;
pub mod explain;
mod held_back;
mod history;
mod hosts;
pub mod ids;
mod instances;
mod jobs;
mod launches;
mod leaving;
mod losses;
mod maintenance;
mod offers;
mod out_of_reach;
mod overtaken;
mod persist;
mod plan_view;
mod planning;
mod questions;
mod queued;
mod reconcile;
pub mod records;
mod resources;
mod restarts;
pub mod rollout;
mod standing;
mod starving;
mod submissions;
mod updates;
pub mod views;
pub mod wanted;
mod watchers;

use std::collections::{BTreeMap, VecDeque};

use lathe_api::rest::EventView;
use lathe_catalog::TaskRecord;
use lathe_topology::TaskPath;

use command::Command;
use event::{Event, Free, HostInfo, Question};
use history::History;
use ids::{AgentId, AskId, FrameworkId, HostName, Incarnation, JobId, Time};
use instances::Instances;
use jobs::Job;
use leaving::Leaving;
use losses::Losses;
use maintenance::Maintenance;
use offers::Offers;
use persist::Batches;
use queued::Queued;
use reconcile::Reconciling;
use records::{Recovered, TopologyRecord};
use standing::Standings;
use starving::Starving;
pub(crate) use submissions::plain;
use wanted::{Accepted, Wanted};
use watchers::Watcher;

/// What the framework is told when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The executor's own share on a host, part of every launch.
    pub overhead: Free,
    /// How long an unreachable instance is waited for before it is replaced, unless its task says
    /// otherwise.
    pub replace_after_ms: u64,
    /// How long nothing is replaced of many hosts that are lost at once; 0 is not at all.
    pub hold_losses_ms: u64,
    /// How long before planned maintenance a host is left.
    pub leave_before_ms: u64,
    /// No offer is held longer than this.
    pub hold_ms: u64,
    /// How long a submission waits for hosts unless it says otherwise.
    pub wait_ms: u64,
    /// Steps that one search for a placement may take.
    pub budget_steps: u64,
    /// Where this scheduler is reached: told to executors.
    pub url: String,
    /// Whether instances name themselves in their answers.
    pub served_by: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            overhead: Free {
                cpus_milli: 10,
                mem_bytes: 16 * 1024 * 1024,
                disk_bytes: 0,
                ports: Vec::new(),
            },
            replace_after_ms: 300_000,
            hold_losses_ms: 30 * 60_000,
            leave_before_ms: 60 * 60_000,
            hold_ms: 5_000,
            wait_ms: 30_000,
            budget_steps: 2_000_000,
            url: String::new(),
            served_by: false,
        }
    }
}

/// Questions that may wait while another is worked on.
const QUESTIONS_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Connection {
    Down { reason: String },
    Up { master: String },
}

/// The state of the scheduler.
#[derive(Debug)]
pub struct Framework {
    config: Config,
    recovered: bool,
    stopped: bool,
    term: u64,
    /// The newest time that was told.
    now_seen: Time,
    framework_id: Option<FrameworkId>,
    connection: Connection,
    hosts: BTreeMap<HostName, HostInfo>,
    /// The agents of those hosts.
    agents: BTreeMap<AgentId, HostName>,
    /// When the list came; none when it is known to be wrong.
    hosts_listed_ms: Option<Time>,
    /// When it is asked for next.
    hosts_ask_ms: Time,
    /// How long that list is good for while nothing else is known.
    hosts_good_for_ms: u64,
    offers: Offers,
    wanted: Wanted,
    history: History,
    tasks: BTreeMap<TaskPath, TaskRecord>,
    instances: Instances,
    standings: Standings,
    registries: Vec<String>,
    job: Option<Job>,
    jobs_made: u64,
    questions: VecDeque<(AskId, Question, Time)>,
    watchers: Vec<Watcher>,
    /// What was accepted before a submission that is still being carried out; none where there
    /// was nothing.
    undo: BTreeMap<String, Option<TopologyRecord>>,
    /// A submission that gives way to a repair.
    parked: Option<Job>,
    /// Submissions that wait for room.
    queued: Vec<Queued>,
    batches: Batches,
    reconciling: Reconciling,
    losses: Losses,
    maintenance: Maintenance,
    leaving: Leaving,
    /// When each ending incarnation was last told to end.
    kills: BTreeMap<Incarnation, Time>,
    /// A life that plans did not count any more is back.
    came_back: bool,
    repair_not_before_ms: Time,
    repair_trouble: Option<String>,
    starving: Starving,
    /// Revisions whose updates have failed and that nothing can take the place of.
    no_way_back: BTreeMap<String, u64>,
    events_made: u64,
}

impl Framework {
    /// A framework that knows nothing yet: it waits for [`Event::Recovered`].
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            recovered: false,
            stopped: false,
            term: 0,
            now_seen: 0,
            framework_id: None,
            connection: Connection::Down { reason: "starting".to_owned() },
            hosts: BTreeMap::new(),
            agents: BTreeMap::new(),
            hosts_listed_ms: None,
            hosts_ask_ms: 0,
            hosts_good_for_ms: 0,
            offers: Offers::default(),
            wanted: Wanted::default(),
            history: History::default(),
            tasks: BTreeMap::new(),
            instances: Instances::default(),
            standings: Standings::default(),
            registries: Vec::new(),
            job: None,
            jobs_made: 0,
            questions: VecDeque::new(),
            watchers: Vec::new(),
            undo: BTreeMap::new(),
            parked: None,
            queued: Vec::new(),
            batches: Batches::default(),
            reconciling: Reconciling::default(),
            losses: Losses::default(),
            maintenance: Maintenance::default(),
            leaving: Leaving::default(),
            kills: BTreeMap::new(),
            came_back: false,
            repair_not_before_ms: 0,
            repair_trouble: None,
            starving: Starving::default(),
            no_way_back: BTreeMap::new(),
            events_made: 0,
        }
    }

    /// Takes one event at `now` and says what to do. Never waits, never fails.
    pub fn step(&mut self, now: Time, event: Event, out: &mut Vec<Command>) {
        if self.stopped {
            return;
        }
        self.now_seen = self.now_seen.max(now);
        // Time alone may have brought a window near, and the event may ask for a plan.
        self.tend_maintenance(now, out);
        self.judge(now);
        match event {
            Event::Recovered(recovered) => self.recover(now, recovered, out),
            Event::Subscribed { framework_id, master } => {
                self.subscribed(now, framework_id, &master, out);
            }
            Event::Disconnected { reason } => self.disconnected(now, reason, out),
            Event::NotSubscribed { reason } => {
                if let Connection::Down { reason: known } = &mut self.connection {
                    *known = reason;
                }
            }
            Event::Refused { message, removed } => self.refused(&message, removed, out),
            Event::OffersArrived(offers) => self.offers_arrived(now, offers),
            Event::OfferRescinded(id) => self.offers.rescind(&id),
            Event::StatusArrived(status) => self.status_arrived(now, &status, out),
            Event::HostsListed(hosts) => self.hosts_listed(now, hosts, out),
            Event::HostsUnknown { reason } => self.hosts_unknown(now, &reason, out),
            Event::WindowsListed(windows) => self.windows_listed(now, windows),
            Event::InverseOffersArrived(offers) => self.inverse_offers_arrived(now, offers),
            Event::InverseOfferRescinded(id) => self.inverse_offer_rescinded(&id),
            Event::QuotaTold(quota) => self.quota_told(quota),
            Event::AgentLost(agent) => self.agent_lost(now, &agent),
            Event::Planned { job, verdict } => self.planned(now, job, verdict, out),
            Event::Persisted(batch) => self.persisted(now, batch, out),
            Event::PersistRefused { batch, reason } => {
                self.stop(format!("the store refused write {}: {reason}", batch.0), false, out);
            }
            Event::TermLost { reason } => self.stop(reason, true, out),
            Event::Asked { ask, question } => self.asked(now, ask, question, out),
            Event::AskerLeft(ask) => self.asker_left(ask),
            Event::RegistriesChanged(urls) => self.registries = urls,
            Event::TimePassed => {}
        }
        if self.recovered && !self.stopped {
            self.advance(now, out);
        }
    }

    fn stop(&mut self, reason: String, lead_lost: bool, out: &mut Vec<Command>) {
        self.stopped = true;
        out.push(Command::Stop { reason, lead_lost });
    }

    fn recover(&mut self, now: Time, recovered: Recovered, out: &mut Vec<Command>) {
        self.term = recovered.term;
        // Ids of events go on rising over restarts, so that a follower can resume.
        self.events_made = recovered.term << 32;
        self.framework_id = recovered.framework_id;
        self.losses.recover(recovered.losses_confirmed_ms);
        self.registries = recovered.registries;
        for record in recovered.topologies {
            let name = record.name.clone();
            match Accepted::read(record) {
                Ok(accepted) => {
                    self.wanted.insert(accepted);
                }
                Err(problems) => {
                    // A record that cannot be read must not end what it wants: stop instead.
                    let first = problems.first().map(|p| p.message.clone()).unwrap_or_default();
                    self.stop(format!("topology `{name}` cannot be read: {first}"), false, out);
                    return;
                }
            }
        }
        self.history = history::history_of(recovered.revisions);
        for record in recovered.instances {
            record.lives.iter().for_each(|life| self.losses.lost(life, false));
            self.instances.insert(record);
        }
        // An instance that was accepted and never launched has no record yet.
        for accepted in self.wanted.topologies().values() {
            for id in accepted.instances() {
                self.instances.of(id, &accepted.record.name);
            }
        }
        self.tasks = recovered
            .tasks
            .into_iter()
            .filter_map(|task| Some((task.task.parse().ok()?, task)))
            .collect();
        self.recovered = true;
        self.connection = Connection::Down { reason: "subscribing".to_owned() };
        let topologies = self.wanted.topologies().len();
        self.publish(now, EventDraft::new("recovered", format!("{topologies} topologies")), out);
        out.push(Command::Subscribe { framework_id: self.framework_id.clone() });
    }

    fn subscribed(
        &mut self,
        now: Time,
        framework_id: FrameworkId,
        master: &str,
        out: &mut Vec<Command>,
    ) {
        if self.framework_id.as_ref() != Some(&framework_id) {
            self.persist_framework(&framework_id, out);
            self.framework_id = Some(framework_id);
        }
        self.offers.clear();
        self.starving = Starving::default();
        self.maintenance.subscribed(now);
        self.connection = Connection::Up { master: master.to_owned() };
        for incarnation in std::mem::take(&mut self.kills).into_keys() {
            self.instances.mark(incarnation.instance);
        }
        self.hosts_have_changed();
        self.list_hosts(now, out);
        self.start_reconciling(now, out);
        self.publish(now, EventDraft::new("connected", format!("master {master}")), out);
    }

    fn disconnected(&mut self, now: Time, reason: String, out: &mut Vec<Command>) {
        let was_up = matches!(self.connection, Connection::Up { .. });
        self.connection = Connection::Down { reason: reason.clone() };
        self.offers.clear();
        self.reconciling = Reconciling::default();
        self.maintenance.disconnected();
        self.job_disconnected(now);
        if was_up {
            self.publish(now, EventDraft::new("disconnected", reason), out);
        }
        // A leader of the past would take the subscription away from its successor.
        let subscribe = Command::Subscribe { framework_id: self.framework_id.clone() };
        self.once_leading(vec![subscribe], out);
    }

    fn refused(&mut self, message: &str, removed: bool, out: &mut Vec<Command>) {
        let has_work = self.instances.values().any(|instance| !instance.lives.is_empty());
        let what = if removed && has_work {
            "the master has removed this framework, and the store still lists its instances; \
             a new framework would run them twice"
        } else {
            "the master refused the framework"
        };
        self.stop(format!("{what}: {message}"), false, out);
    }

    fn connected(&self) -> bool {
        matches!(self.connection, Connection::Up { .. })
    }

    /// Why nothing can be done without a master.
    fn no_master(&self) -> String {
        let text = "the scheduler has no connection to a master";
        match &self.connection {
            Connection::Down { reason } => format!("{text}: {reason}"),
            Connection::Up { .. } => text.to_owned(),
        }
    }

    fn next_job(&mut self) -> JobId {
        self.jobs_made += 1;
        JobId(self.jobs_made)
    }

    fn publish(&mut self, now: Time, draft: EventDraft, out: &mut Vec<Command>) {
        self.events_made += 1;
        out.push(Command::Publish(EventView {
            id: self.events_made,
            at_ms: now,
            kind: draft.kind.to_owned(),
            instance: draft.instance,
            incarnation: draft.incarnation,
            topology: draft.topology,
            host: draft.host,
            message: draft.message,
        }));
    }
}

/// An event for people before it gets its number and its time.
#[derive(Clone, Debug)]
struct EventDraft {
    kind: &'static str,
    message: String,
    instance: Option<String>,
    incarnation: Option<String>,
    topology: Option<String>,
    host: Option<String>,
}

impl EventDraft {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            instance: None,
            incarnation: None,
            topology: None,
            host: None,
        }
    }

    fn of_topology(mut self, name: &str) -> Self {
        self.topology = Some(name.to_owned());
        self
    }

    fn of_life(mut self, topology: &str, life: &records::Life) -> Self {
        self.topology = Some(topology.to_owned());
        self.instance = Some(life.incarnation.instance.to_string());
        self.incarnation = Some(life.incarnation.to_string());
        self.host = Some(life.host.to_string());
        self
    }
}

#[cfg(test)]
mod tests;
