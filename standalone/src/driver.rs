//! The loop of the master: waits, steps the machine, carries out its commands.
//!
//! Owns the streams to frameworks, the queues to hosts and the host processes. It decides nothing
//! about frameworks and tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lathe_child::Pid;
use lathe_mesos::{recordio, v1};
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};

use crate::cluster::{Answer, Cluster, Command, Event, HostName, RequestId, StreamId};
use crate::config::HostConfig;
use crate::http::STREAM_QUEUE;
use crate::link::{Report, ToHost};
use crate::processes::{HostProgram, Order};
use crate::sweep;
use slots::{Life, Slot};

mod convert;
pub(crate) mod slots;

/// Inputs that may wait for the loop.
const INPUTS: usize = 1024;
/// How often hosts are expected to be heard, and the loop looks after them.
const TICK: Duration = Duration::from_millis(500);
/// Ticks without a word after which a host counts as silent.
const SILENT_TICKS: u32 = 4;
/// Ticks during which orphans of a dead host are looked for.
const SWEEP_TICKS: u32 = 10;
/// How long hosts may take to end in order.
const STOP_TIME: Duration = Duration::from_secs(20);

/// What reaches the loop.
#[allow(missing_debug_implementations, reason = "jobs are closures")]
pub(crate) enum Input {
    Called {
        principal: Option<String>,
        stream: Option<StreamId>,
        call: Box<v1::scheduler::Call>,
        reply: oneshot::Sender<Reply>,
    },
    StreamClosed(StreamId),
    HostConnected {
        host: HostName,
        port: u16,
        session: u64,
        outbox: mpsc::Sender<ToHost>,
    },
    /// A report, or nothing but a sign of life.
    HostSaid {
        host: HostName,
        session: u64,
        report: Option<Box<Report>>,
    },
    LinkLost {
        host: HostName,
        session: u64,
    },
    HostEnded {
        host: HostName,
        pid: Pid,
    },
    Job(Box<dyn FnOnce(&mut Driver) + Send>),
}

/// What a scheduler call is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    Plain(Answer),
    Stream { id: StreamId, events: mpsc::Receiver<Bytes>, guard: oneshot::Sender<()> },
}

/// The way into the loop.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    inputs: mpsc::Sender<Input>,
}

impl Handle {
    pub(crate) async fn send(&self, input: Input) {
        // A loop that is gone is the end of the process.
        let _ = self.inputs.send(input).await;
    }

    /// Runs a job in the loop; `None` when the loop has ended.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Driver) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let job = move |driver: &mut Driver| {
            let _ = reply.send(job(driver));
        };
        self.send(Input::Job(Box::new(job))).await;
        answer.await.ok()
    }

    /// A handle and the other end of it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Input>) {
        let (inputs, received) = mpsc::channel(INPUTS);
        (Self { inputs }, received)
    }
}

/// See the text of this module.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) cluster: Cluster,
    pub(crate) slots: BTreeMap<HostName, Slot>,
    program: HostProgram,
    handle: Handle,
    pub(crate) streams: BTreeMap<StreamId, mpsc::Sender<Bytes>>,
    replies: BTreeMap<RequestId, oneshot::Sender<Reply>>,
    requests: u64,
    sweeps: u32,
    stopping: bool,
    ready: Option<oneshot::Sender<()>>,
    out: Vec<Command>,
}

impl Driver {
    /// `ready` hears when all hosts are registered for the first time.
    pub(crate) fn new(
        cluster: Cluster,
        program: HostProgram,
        handle: Handle,
        ready: oneshot::Sender<()>,
    ) -> Self {
        Self {
            cluster,
            slots: BTreeMap::new(),
            program,
            handle,
            streams: BTreeMap::new(),
            replies: BTreeMap::new(),
            requests: 0,
            sweeps: 0,
            stopping: false,
            ready: Some(ready),
            out: Vec::new(),
        }
    }

    /// Adds a host and starts its process.
    ///
    /// # Errors
    /// Why it could not be started.
    pub(crate) fn add_host(&mut self, config: HostConfig) -> Result<(), lathe_child::SpawnError> {
        let name = HostName(config.name.clone());
        self.slots.insert(name.clone(), Slot::new(config));
        self.start_host(&name)
    }

    pub(crate) fn start_host(&mut self, name: &HostName) -> Result<(), lathe_child::SpawnError> {
        let Some(slot) = self.slots.get_mut(name) else {
            return Ok(());
        };
        let (handle, host) = (self.handle.clone(), name.clone());
        // The keeper runs only after this step, so the process id is known by then.
        let (told, pid) = oneshot::channel();
        let process = self.program.start(&name.0, async move |exit| {
            tracing::info!(%host, %exit, "a host has ended");
            if let Ok(pid) = pid.await {
                handle.send(Input::HostEnded { host, pid }).await;
            }
        })?;
        let _ = told.send(process.pid);
        slot.began(process);
        Ok(())
    }

    /// Runs until `stop` is done and all hosts have ended.
    pub(crate) async fn run(
        &mut self,
        mut inputs: mpsc::Receiver<Input>,
        stop: impl Future<Output = ()>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        let mut stop_until = None;
        while !(self.stopping && self.slots.values().all(|slot| slot.process.is_none())) {
            let wake = self.cluster.next_deadline().map(|at| at.saturating_sub(now_ms()));
            let wake = Duration::from_millis(wake.unwrap_or(u64::MAX / 4));
            tokio::select! {
                Some(input) = inputs.recv() => self.take_in(input),
                () = tokio::time::sleep(wake) => self.step(Event::Woke),
                _ = tick.tick() => self.ticked(),
                () = &mut stop, if !self.stopping => {
                    self.stop();
                    stop_until = Some(tokio::time::Instant::now() + STOP_TIME);
                }
            }
            if stop_until.is_some_and(|until| tokio::time::Instant::now() >= until) {
                stop_until = None;
                tracing::warn!("hosts did not end in time");
                self.order_all(Order::Kill);
            }
        }
        sweep::everything();
    }

    fn stop(&mut self) {
        tracing::info!("ending");
        self.stopping = true;
        self.order_all(Order::Terminate);
    }

    fn order_all(&self, order: Order) {
        for process in self.slots.values().filter_map(|slot| slot.process.as_ref()) {
            process.order(order);
        }
    }

    pub(crate) fn take_in(&mut self, input: Input) {
        match input {
            Input::Called { principal, stream, call, reply } => {
                self.requests += 1;
                let request = RequestId(self.requests);
                self.replies.insert(request, reply);
                self.step(Event::SchedulerCalled { request, principal, stream, call });
            }
            Input::StreamClosed(stream) => {
                if self.streams.remove(&stream).is_some() {
                    self.step(Event::StreamClosed { stream });
                }
            }
            Input::HostConnected { host, port, session, outbox } => {
                self.host_connected(host, port, (session, outbox));
            }
            Input::HostSaid { host, session, report } => self.host_said(host, session, report),
            Input::LinkLost { host, session } => self.link_lost(&host, session),
            Input::HostEnded { host, pid } => self.host_ended(host, pid),
            Input::Job(job) => job(self),
        }
    }

    fn host_connected(
        &mut self,
        host: HostName,
        port: u16,
        (session, outbox): (u64, mpsc::Sender<ToHost>),
    ) {
        let ip = self.program.ip.to_string();
        let Some(slot) = self.slots.get_mut(&host) else {
            return;
        };
        if slot.life == Life::Dead || slot.outbox.is_some() {
            return;
        }
        slot.connected(session, outbox, port);
        let spec = Box::new(slot.spec(ip));
        self.step(Event::HostRegistered { host, spec });
        if self.slots.values().all(|slot| slot.outbox.is_some())
            && let Some(ready) = self.ready.take()
        {
            let _ = ready.send(());
        }
    }

    fn host_said(&mut self, host: HostName, session: u64, report: Option<Box<Report>>) {
        let Some(slot) = self.slots.get_mut(&host).filter(|slot| slot.is_session(session)) else {
            return;
        };
        slot.missed = 0;
        if slot.life == Life::Running && std::mem::take(&mut slot.silent) {
            self.step(Event::HostResumed { host: host.clone() });
        }
        if let Some(event) = report.and_then(|report| convert::to_event(host, *report)) {
            self.step(event);
        }
    }

    /// A host without its link is of no use, and it ends itself: help it.
    fn link_lost(&mut self, host: &HostName, session: u64) {
        if let Some(slot) = self.slots.get_mut(host).filter(|slot| slot.is_session(session)) {
            slot.outbox = None;
            if let Some(process) = slot.process.as_ref().filter(|_| !self.stopping) {
                process.order(Order::Kill);
            }
        }
    }

    fn host_ended(&mut self, host: HostName, pid: Pid) {
        let Some(slot) = self.slots.get_mut(&host) else {
            return;
        };
        if slot.process.as_ref().is_none_or(|process| process.pid != pid) {
            return;
        }
        slot.ended();
        self.sweeps = SWEEP_TICKS;
        self.sweep();
        self.step(Event::HostLost { host });
    }

    fn ticked(&mut self) {
        if self.sweeps > 0 {
            self.sweeps -= 1;
            self.sweep();
        }
        let mut silent = Vec::new();
        for (name, slot) in &mut self.slots {
            if slot.outbox.is_none() || slot.life != Life::Running {
                continue;
            }
            slot.missed = slot.missed.saturating_add(1);
            if slot.missed >= SILENT_TICKS && !slot.silent {
                slot.silent = true;
                silent.push(name.clone());
            }
        }
        for host in silent {
            tracing::warn!(%host, "a host is silent");
            self.step(Event::HostPaused { host });
        }
    }

    fn sweep(&self) {
        let hosts = self.slots.values().filter_map(|slot| slot.process.as_ref());
        let known: BTreeSet<Pid> = hosts.map(|process| process.pid).collect();
        let killed = sweep::strangers(&known);
        if killed > 0 {
            tracing::info!(killed, "orphans of a dead host were killed");
        }
    }

    pub(crate) fn step(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut out = std::mem::take(&mut self.out);
            self.cluster.step(now_ms(), event, &mut out);
            for command in out.drain(..) {
                if let Some(event) = self.carry_out(command) {
                    events.push(event);
                }
            }
            self.out = out;
        }
    }

    /// Does what the machine wants; what went wrong comes back as an event.
    fn carry_out(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Answer { request, answer } => self.answer(request, answer),
            Command::Send { stream, event } => {
                let record = recordio::frame(&event.encode_to_vec());
                let sender = self.streams.get(&stream)?;
                if sender.try_send(record).is_err() {
                    tracing::warn!(%stream, "a framework does not read its events");
                    self.streams.remove(&stream);
                    return Some(Event::StreamClosed { stream });
                }
            }
            Command::Close { stream } => {
                self.streams.remove(&stream);
            }
            Command::Host { host, command } => {
                let slot = self.slots.get_mut(&host)?;
                let (_, outbox) = slot.outbox.as_ref()?;
                if outbox.try_send(convert::to_order(command)).is_err() {
                    tracing::warn!(%host, "a host takes no orders");
                    slot.outbox = None;
                    slot.process.as_ref()?.order(Order::Kill);
                }
            }
        }
        None
    }

    fn answer(&mut self, request: RequestId, answer: Answer) {
        let Some(reply) = self.replies.remove(&request) else {
            return;
        };
        let reply_with = match answer {
            Answer::Subscribed { stream: id } => {
                let (sender, events) = mpsc::channel(STREAM_QUEUE);
                let (guard, gone) = oneshot::channel();
                self.streams.insert(id.clone(), sender);
                let (handle, stream) = (self.handle.clone(), id.clone());
                tokio::spawn(async move {
                    let _ = gone.await;
                    handle.send(Input::StreamClosed(stream)).await;
                });
                Reply::Stream { id, events, guard }
            }
            answer => Reply::Plain(answer),
        };
        // A caller that is gone drops the guard with the reply, which closes the stream.
        let _ = reply.send(reply_with);
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
