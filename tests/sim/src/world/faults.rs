//! Each fault, carried out. A fault that finds nothing to break does nothing and has no text.

use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Call, call};
use lathe_scheduler::framework::event::Event;
use lathe_standalone::cluster;

use super::World;
use super::network::{Coming, Link, Told};
use super::writer::Mode;
use crate::draw::Draw;
use crate::hosts::{Later, Step};

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SchedulerDies,
    SchedulerDiesWithinAStep,
    SchedulerStandsStill,
    SchedulerHasARival,
    StreamBreaks,
    MasterIsCutOff,
    MasterFailsOver,
    MasterDies,
    OfferIsTakenBack,
    StoreIsDown,
    StoreIsMute,
    StoreIsCutOff,
    SessionExpires,
    HostDies,
    HostStandsStill,
    HostIsCutOff,
    HostIsGivenUp,
    AgentRestarts,
    ProcessDies,
    ProcessHangs,
    RegistryDies,
    RegistryStandsStill,
    RegistryIsCutOff,
    BeatsAreCutOff,
    HostIsDrained,
    HostIsDeactivated,
    RackIsCutOff,
    MaintenanceIsPlanned,
    RegistriesAreCutApart,
}

pub(crate) const KINDS: [Kind; 24] = [
    Kind::SchedulerDies,
    Kind::SchedulerDiesWithinAStep,
    Kind::SchedulerStandsStill,
    Kind::SchedulerHasARival,
    Kind::StreamBreaks,
    Kind::MasterIsCutOff,
    Kind::MasterFailsOver,
    Kind::MasterDies,
    Kind::OfferIsTakenBack,
    Kind::StoreIsDown,
    Kind::StoreIsMute,
    Kind::StoreIsCutOff,
    Kind::SessionExpires,
    Kind::HostDies,
    Kind::HostStandsStill,
    Kind::HostIsCutOff,
    Kind::HostIsGivenUp,
    Kind::AgentRestarts,
    Kind::ProcessDies,
    Kind::ProcessHangs,
    Kind::RegistryDies,
    Kind::RegistryStandsStill,
    Kind::RegistryIsCutOff,
    Kind::BeatsAreCutOff,
];

/// What operators do, and what they are there for.
pub(crate) const OPERATED: [Kind; 3] =
    [Kind::HostIsDrained, Kind::HostIsDeactivated, Kind::RackIsCutOff];

impl World {
    /// Does it and says what was done.
    pub(super) fn fault(&mut self, kind: Kind, draw: &mut Draw) -> String {
        let host = index(draw, self.hosts.hosts.len());
        match kind {
            Kind::SchedulerDies
            | Kind::SchedulerDiesWithinAStep
            | Kind::SchedulerStandsStill
            | Kind::SchedulerHasARival
            | Kind::SessionExpires => self.fault_of_scheduler(kind, draw).unwrap_or_default(),
            Kind::StreamBreaks
            | Kind::MasterIsCutOff
            | Kind::MasterFailsOver
            | Kind::MasterDies
            | Kind::OfferIsTakenBack => self.fault_of_master(kind, draw).unwrap_or_default(),
            Kind::StoreIsDown | Kind::StoreIsMute | Kind::StoreIsCutOff => {
                self.fault_of_store(kind, draw).unwrap_or_default()
            }
            Kind::HostDies
            | Kind::HostStandsStill
            | Kind::HostIsCutOff
            | Kind::HostIsGivenUp
            | Kind::AgentRestarts => self.fault_of_host(kind, host, draw).unwrap_or_default(),
            Kind::HostIsDrained | Kind::HostIsDeactivated | Kind::RackIsCutOff => {
                self.fault_of_operators(kind, host, draw).unwrap_or_default()
            }
            Kind::MaintenanceIsPlanned => self.fault_of_maintenance(host, draw).unwrap_or_default(),
            Kind::ProcessDies | Kind::ProcessHangs => {
                self.fault_of_process(kind, host, draw).unwrap_or_default()
            }
            Kind::RegistryDies
            | Kind::RegistryStandsStill
            | Kind::RegistryIsCutOff
            | Kind::BeatsAreCutOff
            | Kind::RegistriesAreCutApart => {
                self.fault_of_registry(kind, host, draw).unwrap_or_default()
            }
        }
    }

    fn fault_of_scheduler(&mut self, kind: Kind, draw: &mut Draw) -> Option<String> {
        let life = self.leader()?;
        let scheduler = self.schedulers.get_mut(&life)?;
        Some(match kind {
            Kind::SchedulerDies => {
                self.scheduler_ends(life);
                format!("scheduler {life} is killed")
            }
            Kind::SchedulerDiesWithinAStep => {
                let after = index(draw, 4);
                scheduler.crash_after = Some(after);
                format!("scheduler {life} will die after {after} commands of a step")
            }
            Kind::SchedulerStandsStill => {
                scheduler.paused = true;
                self.oracle.scheduler_paused(life);
                let pause = draw.between(200, 25_000);
                self.after(pause, Coming::Resumes { life });
                if draw.permille(600) {
                    let rival = draw.between(500, 30_000);
                    self.after(rival, Coming::Starts);
                }
                format!("scheduler {life} is stopped for {pause} ms")
            }
            Kind::SessionExpires => {
                let reason = "the session with the store is over".to_owned();
                self.tell(life, Told::Event(Event::TermLost { reason }));
                // It stands for the lead again, also beside one of the past that is stopped.
                let pause = draw.between(10, 3_000);
                self.after(pause, Coming::Starts);
                format!("the session of scheduler {life} expires")
            }
            _ => {
                self.take_over();
                format!("a rival of scheduler {life} starts")
            }
        })
    }

    fn fault_of_master(&mut self, kind: Kind, draw: &mut Draw) -> Option<String> {
        match kind {
            Kind::MasterFailsOver => {
                let (down, slowest) = (draw.between(100, 6_000), draw.between(100, 8_000));
                self.master_fails_over(down, slowest);
                return Some(format!("the master fails over, {down} ms"));
            }
            Kind::MasterDies => {
                self.master_dies();
                return Some("the master dies, its hosts with it".to_owned());
            }
            _ => {}
        }
        let (stream, life, generation) = self.master.all_streams().pop()?;
        match kind {
            Kind::StreamBreaks => {
                let (here, there) = (draw.between(0, 300), draw.between(0, 3_000));
                let event = Event::Disconnected { reason: "the connection broke".to_owned() };
                let told = Told::Stream { generation, event };
                self.after(here, Coming::Told { life, told });
                self.after(there, Coming::StreamEnds { stream });
                Some(format!("the stream of scheduler {life} breaks"))
            }
            Kind::MasterIsCutOff => {
                let pause = draw.between(300, 40_000);
                let ways = draw.between(0, 2);
                let links = [(ways != 1, Link::Calls(life)), (ways != 2, Link::Events(life))];
                for (cut, link) in links {
                    if cut {
                        self.network.cut(link, self.now + pause);
                    }
                }
                self.network.cut(Link::Operator(life), self.now + pause);
                let (here, there) = (draw.between(2_000, 20_000), draw.between(2_000, 20_000));
                if here < pause {
                    let event = Event::Disconnected { reason: "silence".to_owned() };
                    let told = Told::Stream { generation, event };
                    self.after(here, Coming::Told { life, told });
                }
                if there < pause {
                    self.after(there, Coming::StreamEnds { stream });
                }
                Some(format!("scheduler {life} and the master are cut off, way {ways}, {pause} ms"))
            }
            _ => {
                let offers = self.oracle.open_offers(life);
                let offer = draw.pick(&offers)?.clone();
                self.take_offer_back(&stream, &offer);
                Some(format!("the master takes offer {} back", super::master::short(&offer)))
            }
        }
    }

    /// The machine has no event for it, so the offer is declined in the framework's name.
    fn take_offer_back(&mut self, stream: &cluster::StreamId, offer: &str) {
        let Some(id) = self.master.framework_of(stream) else { return };
        let offer_id = v1::OfferId { value: offer.to_owned() };
        let made = Call {
            framework_id: Some(v1::FrameworkId { value: id }),
            r#type: Some(call::Type::Decline.into()),
            decline: Some(call::Decline { offer_ids: vec![offer_id.clone()], filters: None }),
            ..Call::default()
        };
        self.rescind(stream, offer_id, Box::new(made));
    }

    fn fault_of_store(&mut self, kind: Kind, draw: &mut Draw) -> Option<String> {
        let pause = draw.between(100, 30_000);
        if kind == Kind::StoreIsCutOff {
            let life = self.leader()?;
            let ways = draw.between(0, 2);
            let links = [(ways != 1, Link::ToStore(life)), (ways != 2, Link::FromStore(life))];
            for (cut, link) in links {
                if cut {
                    self.network.cut(link, self.now + pause);
                }
            }
            self.oracle.store_is_away();
            self.after(pause + 1, Coming::StoreAnswers);
            return Some(format!("scheduler {life} and the store are cut off, {pause} ms"));
        }
        if !self.store_is_up() {
            return None;
        }
        self.oracle.store_is_away();
        self.after(pause, Coming::StoreAnswers);
        self.store_mode = if kind == Kind::StoreIsDown { Mode::Down } else { Mode::Mute };
        if kind == Kind::StoreIsDown {
            for at in 0..self.registries.all.len() {
                self.lose_session(at);
            }
        }
        Some(format!("the store is {:?} for {pause} ms", self.store_mode))
    }

    fn fault_of_host(&mut self, kind: Kind, at: usize, draw: &mut Draw) -> Option<String> {
        let host = &self.hosts.hosts[at];
        if !host.up || host.paused {
            return None;
        }
        let name = host.name.clone();
        let pause = draw.between(300, 20_000);
        Some(match kind {
            Kind::HostDies => {
                self.kill_host(at, pause);
                format!("{name} dies for {pause} ms")
            }
            Kind::HostStandsStill => {
                self.pause_host(at, pause);
                format!("{name} stands still for {pause} ms")
            }
            Kind::HostIsCutOff => {
                let way = draw.between(0, 2);
                self.cut_host(at, (way != 1, way != 2), pause);
                format!("{name} is cut off, way {way}, for {pause} ms")
            }
            Kind::HostIsGivenUp => {
                self.mark_gone(at, pause);
                format!("{name} is given up")
            }
            _ => {
                self.restart_agent(at);
                format!("the agent of {name} restarts")
            }
        })
    }

    fn fault_of_process(&mut self, kind: Kind, host: usize, draw: &mut Draw) -> Option<String> {
        let from = self.hosts.hosts[host..].iter().position(|one| !one.processes.is_empty())?;
        let at = host + from;
        let running: Vec<_> = self.hosts.hosts[at]
            .processes
            .values()
            .map(|process| (process.key.executor_id.clone(), process.number))
            .collect();
        let (executor, number) = draw.pick(&running)?.clone();
        if kind == Kind::ProcessDies {
            let (after_ms, step) = (0, Step::Exited);
            let later = Later { after_ms, host: at, executor: executor.clone(), number, step };
            self.later(vec![later]);
            return Some(format!("{executor} is killed"));
        }
        let pause = draw.between(500, 30_000);
        self.hosts.hosts[at].processes.get_mut(&executor)?.hangs = true;
        self.after(pause, Coming::Wakes { at, executor: executor.clone() });
        Some(format!("{executor} hangs for {pause} ms"))
    }

    fn fault_of_registry(&mut self, kind: Kind, host: usize, draw: &mut Draw) -> Option<String> {
        let number = self.registries.all.len();
        if number == 0 {
            return None;
        }
        let at = index(draw, number);
        let pause = draw.between(200, 15_000);
        let registry = &mut self.registries.all[at];
        if !registry.up || registry.paused {
            return None;
        }
        Some(match kind {
            Kind::RegistryDies => {
                self.kill_registry(at);
                self.after(pause, Coming::RegistryStarts { at });
                format!("registry {at} dies for {pause} ms")
            }
            Kind::RegistryStandsStill => {
                self.pause_registry(at);
                self.after(pause, Coming::RegistryResumes { at });
                format!("registry {at} is stopped for {pause} ms")
            }
            Kind::RegistryIsCutOff => {
                self.network.cut(Link::Watch(at), self.now + pause);
                self.network.cut(Link::Suspicions(at), self.now + pause);
                if draw.permille(500) {
                    self.lose_session(at);
                } else {
                    self.session_may_end(at);
                }
                format!("registry {at} and the store are cut off for {pause} ms")
            }
            Kind::RegistriesAreCutApart => {
                let other = (at + 1 + index(draw, number - 1)) % number;
                let ways = draw.between(0, 2);
                self.cut_apart((at, other), (ways != 1, ways != 2), pause);
                format!("registries {at} and {other} are cut off, way {ways}, for {pause} ms")
            }
            _ => {
                self.network.cut(Link::Beats(host, at), self.now + pause);
                format!("host {host} and registry {at} are cut off for {pause} ms")
            }
        })
    }
}

fn index(draw: &mut Draw, length: usize) -> usize {
    usize::try_from(draw.between(0, (length as u64).max(1) - 1)).unwrap_or(0)
}
