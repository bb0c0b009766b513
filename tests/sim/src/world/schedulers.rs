//! The scheduler's processes: each with its framework, its loop and its belief. One leads; others
//! may be left over from a time before, stopped and going on later.

use lathe_mesos::v1::scheduler::Call as MesosCall;
use lathe_placement::{Verdict, verify};
use lathe_scheduler::framework::command::{Call, Command, PlanInput};
use lathe_scheduler::framework::event::{Event, HostState, TaskState};
use lathe_scheduler::framework::ids::{FrameworkId, JobId};
use lathe_scheduler::framework::records::{Phase, Write};
use lathe_scheduler::framework::{Config, Framework};
use lathe_standalone::cluster::StreamId;

use super::World;
use super::network::{Coming, Link, Told};
use super::writer::Writer;
use crate::oracle::{Breach, Check};
use crate::settings::Sabotage;

/// One process.
#[derive(Debug)]
pub(crate) struct Scheduler {
    pub(crate) framework: Framework,
    /// Stopped by a signal: time goes on, what comes for it waits.
    pub(crate) paused: bool,
    stash: Vec<Told>,
    /// Counts its subscriptions.
    pub(crate) generation: u64,
    pub(crate) stream: Option<StreamId>,
    framework_id: Option<FrameworkId>,
    pub(super) writer: Writer,
    /// It dies in its next step with more commands than these, after these.
    pub(crate) crash_after: Option<usize>,
}

impl Scheduler {
    pub(crate) fn wakes(&self) -> Option<u64> {
        if self.paused { None } else { self.framework.next_deadline() }
    }
}

impl World {
    /// The process of the newest term, if it lives.
    pub(super) fn leader(&self) -> Option<u64> {
        self.schedulers.last_key_value().map(|(life, _)| *life)
    }

    pub(super) fn start_scheduler(&mut self) {
        if self.schedulers.values().any(|one| !one.paused) {
            return;
        }
        self.take_over();
    }

    pub(super) fn take_over(&mut self) {
        if !self.store_is_up() {
            self.after(400, Coming::Starts);
            return;
        }
        let registries = self.registries.urls();
        let mut recovered = self.store.take_over(registries);
        let life = recovered.term;
        self.note(&format!("scheduler {life} takes over"));
        self.oracle.took_over(life);
        if self.settings.sabotage == Some(Sabotage::ReuseIds) {
            for record in &mut recovered.instances {
                record.counter = record.counter.saturating_sub(1);
            }
        }
        let impatient = self.settings.sabotage == Some(Sabotage::Impatience);
        let holds = self.settings.sabotage != Some(Sabotage::NoHold);
        let config = Config {
            replace_after_ms: if impatient { 0 } else { self.weather.replace_after_ms },
            hold_losses_ms: if holds { self.weather.hold_losses_ms } else { 0 },
            leave_before_ms: self.weather.leave_before_ms,
            url: "http://127.0.0.1:2".to_owned(),
            budget_steps: 200_000,
            ..Config::default()
        };
        let scheduler = Scheduler {
            framework: Framework::new(config),
            paused: false,
            stash: Vec::new(),
            generation: 0,
            stream: None,
            framework_id: recovered.framework_id.clone(),
            writer: Writer::default(),
            crash_after: None,
        };
        self.schedulers.insert(life, scheduler);
        self.step_scheduler(life, Event::Recovered(recovered));
    }

    /// The process is gone; what it had sent may still arrive.
    pub(super) fn scheduler_ends(&mut self, life: u64) {
        if self.schedulers.remove(&life).is_none() {
            return;
        }
        self.oracle.scheduler_ended(life);
        self.users.scheduler_ended(life);
        for stream in self.master.streams_of(life) {
            let late = if self.calm() { 1 } else { self.network.between(0, 1_500) };
            self.after(late, Coming::StreamEnds { stream });
        }
        if self.schedulers.is_empty() {
            let pause = if self.calm() { 10 } else { self.network.between(10, 3_000) };
            self.after(pause, Coming::Starts);
        }
    }

    pub(super) fn resume_scheduler(&mut self, life: u64) {
        let Some(scheduler) = self.schedulers.get_mut(&life) else { return };
        if !std::mem::replace(&mut scheduler.paused, false) {
            return;
        }
        let stash = std::mem::take(&mut scheduler.stash);
        self.oracle.scheduler_resumed(life, self.now);
        self.note(&format!("scheduler {life} goes on"));
        for told in stash {
            self.tell(life, told);
        }
    }

    pub(super) fn time_passes(&mut self, life: u64) {
        self.step_scheduler(life, Event::TimePassed);
    }

    /// Something reaches the loop of that process.
    pub(super) fn tell(&mut self, life: u64, told: Told) {
        let Some(scheduler) = self.schedulers.get_mut(&life) else { return };
        if scheduler.paused {
            scheduler.stash.push(told);
            return;
        }
        match told {
            Told::Event(event) => self.step_scheduler(life, event),
            Told::Stream { generation, event } if generation == scheduler.generation => {
                match &event {
                    Event::Subscribed { framework_id, .. } => {
                        scheduler.framework_id = Some(framework_id.clone());
                    }
                    // Nothing more comes of a subscription that is over.
                    Event::Disconnected { .. } => {
                        scheduler.stream = None;
                        scheduler.generation += 1;
                    }
                    _ => {}
                }
                self.step_scheduler(life, event);
            }
            Told::Opened { generation, stream } if generation == scheduler.generation => {
                scheduler.stream = Some(stream);
            }
            Told::Stream { .. } | Told::Opened { .. } => {}
            Told::Durable(batches) => {
                for batch in batches {
                    self.step_scheduler(life, Event::Persisted(batch));
                }
                self.written(life);
            }
        }
    }

    fn step_scheduler(&mut self, life: u64, event: Event) {
        self.oracle.told(life, &event, self.now);
        self.sabotage_answer(life, &event);
        let event = self.sabotaged(event);
        let Some(scheduler) = self.schedulers.get_mut(&life) else { return };
        let mut commands = Vec::new();
        scheduler.framework.step(self.now, event, &mut commands);
        let dies_after = scheduler.crash_after.take_if(|after| commands.len() > *after);
        for (at, command) in commands.into_iter().enumerate() {
            if dies_after == Some(at) {
                self.note(&format!("scheduler {life} dies within its step"));
                self.scheduler_ends(life);
            }
            if !self.schedulers.contains_key(&life) {
                return;
            }
            self.carry_out(life, command);
        }
    }

    fn carry_out(&mut self, life: u64, command: Command) {
        match command {
            Command::Subscribe { framework_id } => self.subscribe(life, framework_id),
            Command::Call(call) => self.call(life, call),
            Command::ListHosts => self.list_hosts(life),
            // Of roles this master knows nothing.
            Command::AskQuota => {}
            Command::Plan { job, input } => self.plan(life, job, &input),
            Command::Persist { batch, writes } => {
                let blind = self.settings.sabotage == Some(Sabotage::LaunchBlind)
                    && launches(&writes)
                    && self.store_is_away(life);
                self.persist(life, batch, writes);
                if blind {
                    let told = Told::Event(Event::Persisted(batch));
                    self.network.send(self.now, Link::Planner(life), Coming::Told { life, told });
                }
            }
            Command::Answer { ask, answer } => self.answered(life, ask.0, &answer),
            Command::Publish(event) => {
                let who = event.incarnation.or(event.topology).unwrap_or_default();
                let text = format!("scheduler {life}: {} {who} {}", event.kind, event.message);
                self.note(&text);
            }
            Command::Stop { reason, .. } => {
                self.note(&format!("scheduler {life} stops: {reason}"));
                self.scheduler_ends(life);
            }
        }
    }

    fn subscribe(&mut self, life: u64, framework_id: Option<FrameworkId>) {
        let Some(scheduler) = self.schedulers.get_mut(&life) else { return };
        scheduler.generation += 1;
        scheduler.stream = None;
        if framework_id.is_some() {
            scheduler.framework_id = framework_id;
        }
        let generation = scheduler.generation;
        for stream in self.master.streams_of(life) {
            let late = if self.calm() { 0 } else { self.network.between(0, 2_000) };
            self.after(late, Coming::StreamEnds { stream });
        }
        let longest = if self.calm() || generation == 1 { 1 } else { 500 };
        let late = self.network.between(0, longest);
        let what = Coming::Connects { life, generation };
        self.network.send_late(self.now, Link::Calls(life), late, what);
    }

    /// What it subscribes with.
    pub(super) fn framework_of(&self, life: u64) -> Option<FrameworkId> {
        self.schedulers.get(&life)?.framework_id.clone()
    }

    fn call(&mut self, life: u64, call: Call) {
        if self.settings.sabotage == Some(Sabotage::HoardOffers)
            && matches!(call, Call::Decline { .. })
        {
            return;
        }
        if self.settings.sabotage == Some(Sabotage::ForgetDrains)
            && let Call::Acknowledge { agent, .. } = &call
            && self.drains(&agent.0)
        {
            return;
        }
        let Some(scheduler) = self.schedulers.get(&life) else { return };
        let (Some(stream), Some(id)) = (&scheduler.stream, &scheduler.framework_id) else { return };
        let made: MesosCall = self.identity.call_of(id, call);
        let stream = stream.clone();
        let check = self.oracle.leaves(life, &made, &self.store);
        self.check(check);
        let check = self.gives_what_is_empty(life, &made);
        self.check(check);
        let call = Box::new(made);
        self.network.send(self.now, Link::Calls(life), Coming::Called { life, stream, call });
    }

    fn list_hosts(&mut self, life: u64) {
        let link = Link::Operator(life);
        if self.master.is_down(self.now) || self.network.is_cut(self.now, link) {
            let reason = "no answer".to_owned();
            let told = Told::Event(Event::HostsUnknown { reason });
            self.after(1_000, Coming::Told { life, told });
        } else {
            self.network.send(self.now, link, Coming::Lists { life });
        }
    }

    fn plan(&mut self, life: u64, job: JobId, input: &PlanInput) {
        let verdict = lathe_scheduler::planner::plan(input);
        let check = obeys(input, &verdict);
        self.check(check);
        let check = self.oracle.plans(self.now, life, &input.cluster);
        self.check(check);
        let late = if self.calm() { 0 } else { self.network.between(0, 20) };
        let told = Told::Event(Event::Planned { job, verdict });
        let what = Coming::Told { life, told };
        self.network.send_late(self.now, Link::Planner(life), late, what);
    }

    fn sabotaged(&self, event: Event) -> Event {
        match self.settings.sabotage {
            Some(sabotage) => spoilt(sabotage, event),
            None => event,
        }
    }

    /// An answer that comes too early.
    fn sabotage_answer(&mut self, life: u64, event: &Event) {
        if self.settings.sabotage == Some(Sabotage::GiveAtOnce)
            && let Event::InverseOffersArrived(asked) = event
        {
            let offers = asked.iter().map(|one| one.id.clone()).collect();
            self.call(life, Call::AcceptInverse { offers });
        }
        if self.settings.sabotage == Some(Sabotage::AcknowledgeEarly)
            && let Event::StatusArrived(status) = event
            && let (Some(agent), Some(uuid)) = (status.agent.clone(), status.uuid.clone())
        {
            let task_id = status.task_id.clone();
            self.call(life, Call::Acknowledge { task_id, agent, uuid });
        }
    }
}

/// An event as a sabotage has it.
fn spoilt(sabotage: Sabotage, mut event: Event) -> Event {
    match (sabotage, &mut event) {
        (Sabotage::IgnoreWindows, Event::WindowsListed(windows)) => windows.clear(),
        (Sabotage::IgnoreWindows, Event::InverseOffersArrived(asked)) => asked.clear(),
        (Sabotage::IgnoreWindows, Event::OffersArrived(offers)) => {
            offers.iter_mut().for_each(|offer| offer.window = None);
        }
        (Sabotage::ListAllActive, Event::HostsListed(hosts)) => {
            hosts.iter_mut().for_each(|host| host.state = HostState::Active);
        }
        (Sabotage::BlameDrains, Event::StatusArrived(status))
            if status.reason.as_deref() == Some("REASON_AGENT_DRAINING")
                && status.state.is_terminal() =>
        {
            status.state = TaskState::Failed;
        }
        _ => {}
    }
    event
}

fn launches(writes: &[Write]) -> bool {
    writes.iter().any(|write| match write {
        Write::Instance(record) => {
            record.lives.last().is_some_and(|life| life.phase == Phase::Launching)
        }
        _ => false,
    })
}

/// Every whole plan obeys every rule, by a judge that shares no code with the search.
fn obeys(input: &PlanInput, verdict: &Verdict) -> Check {
    let Verdict::Placed(plan) = verdict else { return Ok(()) };
    let wanted: u64 =
        input.topologies.iter().flat_map(|one| &one.tasks).map(|task| u64::from(task.count)).sum();
    // Pieces of a repair are less than the whole on purpose.
    if input.piecemeal && (plan.assignments.len() as u64) < wanted {
        return Ok(());
    }
    let judged = verify(&input.cluster, &input.topologies, &input.running, &input.options, plan);
    judged.map_err(|breaches| {
        let first = breaches.first().map(|breach| breach.text.clone()).unwrap_or_default();
        Breach::new("every plan obeys", first)
    })
}
