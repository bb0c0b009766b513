//! The executor's state machine: owns what one executor decides about its one task, from its
//! subscription to its exit. Events and time come in, commands go out; it never waits, reads no
//! clock and does no I/O. Must not know Mesos, processes, files or sockets.
//!
//! ```text
//!  Idle ─LAUNCH→ Fetching ─→ Spawning ─→ Up ─(KILL, SHUTDOWN, not ready)→ Ending ─→ Over ─→ Left
//!    └──────────────┴───────────┴────────┴──────── failure, end of the child ───────↑
//! ```
//!
//! `Over`: the terminal update exists and its acknowledgement is awaited. `Left`: the exit was
//! asked for; nothing happens any more. The subscription is beside all this: it comes and goes.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod command;
pub mod deadline;
pub mod event;
mod health;
mod subscription;
mod task;
mod unacknowledged;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use self::command::{Cause, Command, TaskState, Update};
use self::deadline::{Deadline, Deadlines};
use self::event::{Event, Launch, TaskId, UpdateId};
use self::health::Checks;
pub(crate) use self::health::seconds;
use self::unacknowledged::Unacknowledged;

/// What the supervisor is told once. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The framework checkpoints: the executor outlives a restart of its agent.
    pub checkpoint: bool,
    /// The agent must accept the first subscription within this time.
    pub first_subscription_timeout_ms: u64,
    /// An agent that is away for longer than this is given up (checkpointing only).
    pub recovery_timeout_ms: u64,
    /// Upper bound of the random pause before a new attempt to subscribe.
    pub subscription_pause_max_ms: u64,
    /// After SHUTDOWN everything must be over within this time.
    pub shutdown_grace_ms: u64,
    /// The artifact must be in place within this time.
    pub fetch_timeout_ms: u64,
    /// How long the acknowledgement of the terminal update is awaited while subscribed.
    pub acknowledgement_timeout_ms: u64,
    /// Time between two beats.
    pub beat_interval_ms: u64,
    /// For update ids and pauses; must differ from process to process.
    pub seed: [u8; 32],
}

impl Default for Config {
    fn default() -> Self {
        Self {
            checkpoint: true,
            first_subscription_timeout_ms: 60_000,
            recovery_timeout_ms: 15 * 60_000,
            subscription_pause_max_ms: 500,
            shutdown_grace_ms: 5_000,
            fetch_timeout_ms: 10 * 60_000,
            acknowledgement_timeout_ms: 5_000,
            beat_interval_ms: 1_000,
            seed: [0; 32],
        }
    }
}

/// Why the task is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Killed,
    ShutDown,
    NotReady,
    Unhealthy,
    AgentLost,
}

/// Where the one task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Idle,
    Fetching,
    /// A wish to end it that came while the process was being started, with its grace.
    Spawning {
        end: Option<(Why, u64)>,
        ready_heard: bool,
    },
    Up {
        ready: bool,
    },
    Ending {
        why: Why,
    },
    Over,
    Left,
}

/// The state machine of one executor.
#[derive(Debug)]
pub struct Supervisor {
    config: Config,
    random: StdRng,
    phase: Phase,
    /// The one accepted task, or the first that was refused for what it says.
    task: Option<(TaskId, Launch)>,
    /// KILLs that came before their LAUNCH.
    killed_early: Vec<TaskId>,
    connected: bool,
    ever_connected: bool,
    wants_killing: bool,
    /// Nobody is there to acknowledge anything any more.
    agent_given_up: bool,
    exit_code: u8,
    checks: Checks,
    unacknowledged: Unacknowledged,
    deadlines: Deadlines,
}

impl Supervisor {
    /// A supervisor without a task; feed it [`Event::Started`] first.
    pub fn new(config: Config) -> Self {
        let random = StdRng::from_seed(config.seed);
        Self {
            config,
            random,
            phase: Phase::Idle,
            task: None,
            killed_early: Vec::new(),
            connected: false,
            ever_connected: false,
            wants_killing: false,
            agent_given_up: false,
            exit_code: 0,
            checks: Checks::default(),
            unacknowledged: Unacknowledged::default(),
            deadlines: Deadlines::default(),
        }
    }

    /// When [`Event::TimePassed`] is wanted at the latest, milliseconds of the machine's time.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.next()
    }

    /// Takes one event in and appends what is to be done. `now_ms`: milliseconds since 1970 that
    /// never go back.
    pub fn step(&mut self, now_ms: u64, event: Event, commands: &mut Vec<Command>) {
        if self.phase == Phase::Left {
            return;
        }
        let mut out = Out { now_ms, commands };
        match event {
            Event::Started => self.start(&mut out),
            Event::Subscribed { wants_killing } => self.subscribed(wants_killing, &mut out),
            Event::Disconnected { reason } => self.disconnected(&reason, &mut out),
            Event::AgentRefused { message } => self.agent_refused(&message, &mut out),
            Event::LaunchArrived { task, launch } => self.launch(task, launch, &mut out),
            Event::FetchDone => self.fetched(&mut out),
            Event::FetchFailed(failure) => self.fetch_failed(&failure, &mut out),
            Event::Spawned => self.spawned(&mut out),
            Event::SpawnFailed(failure) => self.spawn_failed(&failure, &mut out),
            Event::ReadyHeard { beats } => self.ready_heard(beats, &mut out),
            Event::BeatHeard => self.beat_heard(&mut out),
            Event::HealthPassed => self.probe_passed(&mut out),
            Event::HealthFailed { message } => self.probe_failed(message, &mut out),
            Event::ChildExited(exit) => self.child_exited(exit, &mut out),
            Event::KillArrived { task, grace_ms } => self.kill(task, grace_ms, &mut out),
            Event::ShutdownArrived => self.shut_down("the agent asks for a shutdown", &mut out),
            Event::Acknowledged { task, update } => self.acknowledged(&task, update, &mut out),
            Event::StopAsked => self.shut_down("asked to stop", &mut out),
            Event::ParentLost => self.leave(&mut out),
            Event::TimePassed => {}
        }
        while let Some(deadline) = self.deadlines.take_due(now_ms) {
            self.deadline_came(deadline, &mut out);
        }
    }

    fn deadline_came(&mut self, deadline: Deadline, out: &mut Out<'_>) {
        match deadline {
            Deadline::Subscribe => self.subscribe(out),
            Deadline::Recovery => self.recovery_failed(out),
            Deadline::Fetch => self.fetch_took_too_long(out),
            Deadline::Ready => self.ready_took_too_long(out),
            Deadline::Probe => self.ask(out),
            Deadline::Silence => self.silence(out),
            Deadline::Kill => self.kill_now(out),
            Deadline::Beat => self.beat(out),
            Deadline::Acknowledgement => {
                out.note("the last updates were not acknowledged in time");
                self.leave(out);
            }
            Deadline::Leave => self.leave(out),
        }
    }

    /// Makes an update, keeps it until it is acknowledged, and sends it when there is somebody to
    /// send it to.
    fn report(&mut self, task: &TaskId, news: News, out: &mut Out<'_>) {
        let update = Update {
            id: UpdateId::from_random(self.random.random()),
            task: task.clone(),
            state: news.state,
            cause: news.cause,
            message: news.message,
            at_ms: out.now_ms,
        };
        if self.unacknowledged.record(&update, self.connected) && self.connected {
            out.push(Command::SendUpdate(update));
        }
    }

    /// The end: nothing is stepped after it.
    fn leave(&mut self, out: &mut Out<'_>) {
        self.phase = Phase::Left;
        self.deadlines.clear_all();
        out.push(Command::Exit { code: self.exit_code });
    }
}

/// What an update says.
struct News {
    state: TaskState,
    cause: Option<Cause>,
    message: String,
}

impl News {
    fn new(state: TaskState, cause: Option<Cause>, message: impl Into<String>) -> Self {
        Self { state, cause, message: message.into() }
    }
}

/// Where commands of one step go, and the time of the step.
struct Out<'a> {
    now_ms: u64,
    commands: &'a mut Vec<Command>,
}

impl Out<'_> {
    fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn note(&mut self, text: impl Into<String>) {
        self.commands.push(Command::Note(text.into()));
    }
}

#[cfg(test)]
mod tests;
