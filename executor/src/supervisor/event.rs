//! What can happen to an executor: owns the events of the machine and the facts that they carry.
//! Must not know Mesos, sockets, files or processes; the driver turns those into these words.

use std::fmt;

/// The id of a task as the agent knows it: Lathe's incarnation, `http.lb#2.7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(pub String);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of one status update, drawn from the machine's seeded generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpdateId(pub [u8; 16]);

impl UpdateId {
    /// A random UUID (RFC 9562, version 4). Agents refuse bytes without a version.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }
}

/// What the machine has to know of a launch; the rest of the specification stays with the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// How the instance becomes ready.
    pub ready_by: ReadyBy,
    /// Time between TERM and KILL when nobody says otherwise, milliseconds.
    pub grace_ms: u64,
    /// How it is found out that it hangs.
    pub health: Health,
}

/// How it is found out that the instance hangs. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not at all.
    None,
    /// The program says that it lives, unless its SDK is too old to do so.
    Beat {
        /// Between two beats.
        interval_ms: u64,
        /// After so much silence it hangs.
        timeout_ms: u64,
    },
    /// It is asked; how, the driver knows.
    Probe {
        /// Between an answer and the next question.
        interval_ms: u64,
        /// So many bad answers in a row end it.
        failures: u32,
        /// Bad answers before the first good one do not count for so long.
        grace_ms: u64,
    },
}

/// What counts as ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyBy {
    /// The task's program says so over the hand-shake socket.
    Handshake {
        /// It has this long after its start, milliseconds.
        timeout_ms: u64,
    },
    /// The program was executed: that is all that can be known of it.
    Exec,
}

/// Why something about the launch did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One clear sentence for people.
    pub message: String,
    /// Would the same launch fail in the same way on another host, for ever?
    pub permanent: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit status, when it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel ended something of this container because memory ran out.
    pub out_of_memory: bool,
}

/// An event of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The process is up: subscribe for the first time.
    Started,
    /// The agent accepted the subscription.
    Subscribed {
        /// The framework asked to be told of TASK_KILLING.
        wants_killing: bool,
    },
    /// A subscription broke, or could not be made, or a call over it was not accepted.
    Disconnected {
        /// For the log.
        reason: String,
    },
    /// The agent says that this executor made a mistake; the subscription is over.
    AgentRefused {
        /// The agent's words.
        message: String,
    },
    /// A LAUNCH.
    LaunchArrived {
        /// The task.
        task: TaskId,
        /// What it says, or a sentence that says why it cannot be carried out.
        launch: Result<Launch, String>,
    },
    /// The artifact and the files of the sandbox are in place.
    FetchDone,
    /// The artifact cannot be had.
    FetchFailed(Failure),
    /// The process runs (exec succeeded).
    Spawned,
    /// The process could not be started.
    SpawnFailed(Failure),
    /// The program said over the hand-shake socket that it is ready.
    ReadyHeard {
        /// It also said that it will beat.
        beats: bool,
    },
    /// The program said over the hand-shake socket that it lives.
    BeatHeard,
    /// The answer to a [`super::command::Command::Probe`] is good.
    HealthPassed,
    /// It is not, or there was none in time.
    HealthFailed {
        /// What was asked and what came of it.
        message: String,
    },
    /// The process ended.
    ChildExited(Exit),
    /// A KILL.
    KillArrived {
        /// The task.
        task: TaskId,
        /// Time between TERM and KILL, when the call says so, milliseconds.
        grace_ms: Option<u64>,
    },
    /// A SHUTDOWN.
    ShutdownArrived,
    /// The agent holds an update safely.
    Acknowledged {
        /// The task.
        task: TaskId,
        /// The update.
        update: UpdateId,
    },
    /// Somebody asks this process to stop cleanly (SIGTERM).
    StopAsked,
    /// The process that started this one is gone, and took the right to live with it.
    ParentLost,
    /// Time passed; at least one deadline may have come.
    TimePassed,
}
