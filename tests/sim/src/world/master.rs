//! The master: the machine of the stand-in behind links, with its own ways to be away, slow and
//! replaced.

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Call, Event as MesosEvent, call, event};
use lathe_scheduler::framework::event::Event;
use lathe_scheduler::mesos_calls::{event_of, hosts_of};
use lathe_standalone::cluster::{self, Answer, Cluster, RequestId, StreamId};

use super::World;
use super::network::{Coming, Link, Told};

/// The master's process.
#[derive(Debug)]
pub(crate) struct Master {
    pub(super) cluster: Cluster,
    /// Counts its lives.
    pub(super) life: u64,
    down_until: u64,
    /// Whose each stream is: scheduler and subscription.
    streams: BTreeMap<StreamId, (u64, u64)>,
    connecting: Option<(u64, u64)>,
    requests: u64,
    /// Offers that are made and not told yet.
    withheld: BTreeSet<String>,
    /// Agents that a new master has not heard of yet: it says nothing of their tasks.
    pub(super) not_back: BTreeSet<String>,
}

impl Master {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            cluster: Cluster::new(cluster::Config::new(seed)),
            life: 1,
            down_until: 0,
            streams: BTreeMap::new(),
            connecting: None,
            requests: 0,
            withheld: BTreeSet::new(),
            not_back: BTreeSet::new(),
        }
    }

    pub(crate) fn wakes(&self) -> Option<u64> {
        self.cluster.next_deadline().map(|at| at.max(self.down_until))
    }

    pub(crate) fn is_down(&self, now: u64) -> bool {
        now < self.down_until
    }

    pub(crate) fn comes_back(&mut self, now: u64) {
        self.down_until = self.down_until.min(now);
        self.not_back.clear();
    }

    pub(crate) fn streams_of(&self, life: u64) -> Vec<StreamId> {
        let theirs = self.streams.iter().filter(|(_, (of, _))| *of == life);
        theirs.map(|(stream, _)| stream.clone()).collect()
    }

    /// The framework that a stream speaks for.
    pub(crate) fn framework_of(&self, stream: &StreamId) -> Option<String> {
        self.streams.get(stream)?;
        let frameworks = self.cluster.get_frameworks().frameworks;
        frameworks.into_iter().next()?.framework_info.id.map(|id| id.value)
    }

    pub(crate) fn all_streams(&self) -> Vec<(StreamId, u64, u64)> {
        self.streams
            .iter()
            .map(|(id, (life, generation))| (id.clone(), *life, *generation))
            .collect()
    }
}

impl World {
    /// The master takes an offer back and says so.
    pub(super) fn rescind(
        &mut self,
        stream: &StreamId,
        offer_id: v1::OfferId,
        declines: Box<Call>,
    ) {
        let rescind = event::Rescind { offer_id };
        let said = MesosEvent {
            r#type: Some(event::Type::Rescind.into()),
            rescind: Some(rescind),
            ..MesosEvent::default()
        };
        self.forward(stream, said);
        self.request(Some(stream.clone()), declines);
    }

    pub(super) fn step_master(&mut self, event: cluster::Event) {
        let mut commands = Vec::new();
        self.master.cluster.step(self.now, event, &mut commands);
        for command in commands {
            self.master_says(command);
        }
    }

    fn request(&mut self, stream: Option<StreamId>, call: Box<Call>) {
        self.master.requests += 1;
        let request = RequestId(self.master.requests);
        let event = cluster::Event::SchedulerCalled { request, principal: None, stream, call };
        self.step_master(event);
    }

    /// A scheduler's SUBSCRIBE arrives.
    pub(super) fn connects(&mut self, life: u64, generation: u64) {
        let current = self.schedulers.get(&life).is_some_and(|one| one.generation == generation);
        if !current {
            return;
        }
        if self.master.is_down(self.now) {
            let pause = self.network.between(200, 1_500);
            self.after(pause, Coming::Connects { life, generation });
            return;
        }
        let id = self.framework_of(life);
        let made = Call {
            framework_id: id.as_ref().map(|id| v1::FrameworkId { value: id.0.clone() }),
            r#type: Some(call::Type::Subscribe.into()),
            subscribe: Some(call::Subscribe {
                framework_info: self.identity.framework_info(id.as_ref()),
                ..call::Subscribe::default()
            }),
            ..Call::default()
        };
        self.note(&format!("scheduler {life} subscribes"));
        self.master.connecting = Some((life, generation));
        self.request(None, Box::new(made));
        self.master.connecting = None;
    }

    /// A call arrives, perhaps of a subscription that is over.
    pub(super) fn called(&mut self, life: u64, stream: StreamId, call: Call) {
        if self.master.is_down(self.now) {
            return;
        }
        self.note(&format!("scheduler {life} calls {}", described(&call)));
        if self.master.streams.contains_key(&stream) {
            let check = self.oracle.reaches_master(life, &call, &self.store);
            self.check(check);
            if self.takes_answer(&call) {
                return;
            }
        }
        self.request(Some(stream), Box::new(call));
    }

    /// The master notices that a connection is over; its other end hears of that some time later,
    /// unless it knows.
    pub(super) fn stream_ends(&mut self, stream: &StreamId) {
        if let Some((life, generation)) = self.master.streams.remove(stream) {
            self.maintenance.disconnected();
            self.step_master(cluster::Event::StreamClosed { stream: stream.clone() });
            self.disconnect(life, generation, "the master does not know the stream");
        }
    }

    pub(super) fn lists(&mut self, life: u64) {
        let mut agents = self.master.cluster.get_agents();
        let not_back = &self.master.not_back;
        agents.agents.retain(|agent| {
            agent.agent_info.id.as_ref().is_none_or(|id| !not_back.contains(&id.value))
        });
        let windows = Told::Event(Event::WindowsListed(self.windows()));
        self.network.send(self.now, Link::Operator(life), Coming::Told { life, told: windows });
        let told = Told::Event(Event::HostsListed(hosts_of(&agents, &self.identity.role)));
        self.network.send(self.now, Link::Operator(life), Coming::Told { life, told });
    }

    fn master_says(&mut self, command: cluster::Command) {
        match command {
            cluster::Command::Answer { answer: Answer::Subscribed { stream }, .. } => {
                let Some((life, generation)) = self.master.connecting else { return };
                self.master.streams.insert(stream.clone(), (life, generation));
                let told = Told::Opened { generation, stream };
                self.network.send(self.now, Link::Events(life), Coming::Told { life, told });
            }
            cluster::Command::Answer { .. } => {}
            cluster::Command::Send { stream, event } => self.master_sends(stream, event),
            cluster::Command::Close { stream } => {
                if let Some((life, generation)) = self.master.streams.remove(&stream) {
                    self.maintenance.disconnected();
                    self.disconnect(life, generation, "the master closed the stream");
                }
            }
            cluster::Command::Host { host, command } => {
                if let cluster::HostCommand::KillExecutor { executor } = &command {
                    self.hosts.gives_up(executor);
                }
                let Some(at) = self.hosts.find(&host) else { return };
                let host = &self.hosts.hosts[at];
                let (boot, sights, command) = (host.boot, host.sights, Box::new(command));
                let what = Coming::ToHost { at, boot, sights, command };
                self.network.send(self.now, Link::ToHost(at), what);
            }
        }
    }

    pub(super) fn disconnect(&mut self, life: u64, generation: u64, reason: &str) {
        let event = Event::Disconnected { reason: reason.to_owned() };
        let told = Told::Stream { generation, event };
        self.network.send(self.now, Link::Events(life), Coming::Told { life, told });
    }

    fn master_sends(&mut self, stream: StreamId, event: Box<MesosEvent>) {
        match event.r#type() {
            event::Type::Offers if self.weather.offer_ms > 0 && !self.calm() => {
                let offers = event.offers.iter().flat_map(|offers| &offers.offers);
                self.master.withheld.extend(offers.map(|offer| offer.id.value.clone()));
                let late = self.network.between(0, self.weather.offer_ms);
                self.after(late, Coming::Offers { stream, event });
            }
            event::Type::Rescind => {
                let id = event.rescind.as_ref().map(|rescind| rescind.offer_id.value.clone());
                if !self.master.withheld.remove(&id.unwrap_or_default()) {
                    self.forward(&stream, *event);
                }
            }
            event::Type::Update if self.is_silent_about(&event) => {}
            _ => self.forward(&stream, *event),
        }
    }

    /// A new master does not speak of tasks whose agent has not come back to it.
    fn is_silent_about(&self, event: &MesosEvent) -> bool {
        let status = event.update.as_ref().map(|update| &update.status);
        status.is_some_and(|status| {
            let asked = status.reason() == v1::task_status::Reason::Reconciliation;
            let agent = status.agent_id.as_ref().map(|id| &id.value);
            asked && agent.is_some_and(|id| self.master.not_back.contains(id))
        })
    }

    /// The allocator has come round: what was not taken back meanwhile is offered.
    pub(super) fn release_offers(&mut self, stream: &StreamId, mut event: MesosEvent) {
        if let Some(offers) = &mut event.offers {
            offers.offers.retain(|offer| self.master.withheld.remove(&offer.id.value));
            if !offers.offers.is_empty() {
                self.forward(stream, event);
            }
        }
    }

    pub(super) fn forward(&mut self, stream: &StreamId, event: MesosEvent) {
        let event = self.with_windows(event);
        let Some((life, generation)) = self.master.streams.get(stream).copied() else { return };
        self.oracle.master_said(&event);
        if let Some(text) = told(&event) {
            self.note(&format!("to scheduler {life}: {text}"));
        }
        if let Some(event) = event_of(event, &self.identity.role, "master") {
            let told = Told::Stream { generation, event };
            self.network.send(self.now, Link::Events(life), Coming::Told { life, told });
        }
    }

    /// Another master takes over. It knows what agents tell it as they come, one by one; some are
    /// too late and count as unreachable until they do.
    pub(super) fn master_fails_over(&mut self, down_ms: u64, slowest_ms: u64) {
        self.master.down_until = self.now + down_ms;
        for (stream, ..) in self.master.all_streams() {
            self.stream_ends(&stream);
        }
        self.after(down_ms, Coming::MasterReturns);
        for at in 0..self.hosts.hosts.len() {
            if !self.hosts.hosts[at].up || self.hosts.hosts[at].paused {
                continue;
            }
            let late = self.network.between(20, slowest_ms.max(20));
            let back = self.now + down_ms + late;
            self.network.cut(Link::ToHost(at), back);
            self.network.cut(Link::FromHost(at), back);
            let boot = self.hosts.hosts[at].boot;
            self.hosts.loses_sight_of(at);
            self.after(down_ms + late, Coming::HostResumes { at, boot });
        }
    }

    pub(super) fn master_returns(&mut self) {
        self.note("another master leads");
        let views = self.master.cluster.hosts();
        for view in views {
            let Some(at) = self.hosts.find(&view.host) else { continue };
            if self.network.is_cut(self.now, Link::FromHost(at)) && self.hosts.hosts[at].up {
                self.master.not_back.insert(view.agent_id);
                self.step_master(cluster::Event::HostPaused { host: view.host });
            }
        }
    }

    /// The stand-in's hosts live and die with their master: all that ran is gone with it.
    pub(super) fn master_dies(&mut self) {
        self.master.life += 1;
        let seed = self.settings.seed.wrapping_add(self.master.life << 32);
        self.master.cluster = Cluster::new(cluster::Config::new(seed));
        self.master.withheld.clear();
        self.master.not_back.clear();
        for (stream, life, generation) in self.master.all_streams() {
            self.master.streams.remove(&stream);
            self.maintenance.disconnected();
            self.disconnect(life, generation, "the master is gone");
        }
        for at in 0..self.hosts.hosts.len() {
            self.hosts.dies(at);
            let pause = self.network.between(50, 2_000);
            self.after(pause, Coming::HostComes { at });
        }
    }
}

pub(super) fn short(offer: &str) -> &str {
    offer.rsplit_once('-').map_or(offer, |(_, number)| number)
}

fn told(event: &MesosEvent) -> Option<String> {
    if let Some(offers) = &event.offers {
        let offers: Vec<String> = offers
            .offers
            .iter()
            .map(|offer| format!("{} of {}", short(&offer.id.value), offer.hostname))
            .collect();
        return Some(format!("offers {}", offers.join(", ")));
    }
    if let Some(update) = &event.update {
        let status = &update.status;
        let agent = status.agent_id.as_ref().map_or("", |id| short(&id.value));
        let state = status.state().as_str_name();
        return Some(format!("{} is {state} on {agent}", status.task_id.value));
    }
    if let Some(rescind) = &event.rescind {
        return Some(format!("takes {} back", short(&rescind.offer_id.value)));
    }
    event.error.as_ref().map(|error| error.message.clone())
}

fn described(call: &Call) -> String {
    let accepted = call.accept.iter().flat_map(|accept| &accept.offer_ids);
    let declined = call.decline.iter().flat_map(|decline| &decline.offer_ids);
    let mut words: Vec<String> =
        accepted.chain(declined).map(|offer| short(&offer.value).to_owned()).collect();
    let operations = call.accept.iter().flat_map(|accept| &accept.operations);
    let launches = operations.filter_map(|operation| operation.launch.as_ref());
    words.extend(launches.flat_map(|l| &l.task_infos).map(|task| task.task_id.value.clone()));
    words.extend(call.kill.iter().map(|kill| kill.task_id.value.clone()));
    words.extend(call.acknowledge.iter().map(|one| one.task_id.value.clone()));
    format!("{} {}", call.r#type().as_str_name(), words.join(" "))
}
