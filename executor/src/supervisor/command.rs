//! What the supervisor asks for: owns the commands of the machine and the updates that they carry.
//! Must not know how any of it is carried out.

use super::event::{Exit, TaskId, UpdateId};

/// A state of a task that is reported to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskState {
    /// The process was started.
    Starting,
    /// The instance is ready.
    Running,
    /// It was asked to end.
    Killing,
    /// It ended by itself with status 0.
    Finished,
    /// It ended by itself with anything else, or could not be started here.
    Failed,
    /// It was ended because somebody asked.
    Killed,
    /// What was asked for cannot work, here or elsewhere.
    Error,
}

impl TaskState {
    /// Is there nothing after this state?
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed | Self::Error)
    }
}

/// Why a task is in its state, as far as Mesos has a word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// What was asked for makes no sense.
    InvalidTask,
    /// The artifact or the start failed.
    LaunchFailed,
    /// Somebody asked for its end before it was started.
    KilledDuringLaunch,
    /// The program did not become ready in time.
    NotReady,
    /// Its health checks failed.
    Unhealthy,
    /// The process ended.
    Ended,
    /// Memory ran out.
    OutOfMemory,
    /// The agent or an operator ended the executor.
    ShutDown,
}

/// One status update, kept until the agent acknowledges it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Its id.
    pub id: UpdateId,
    /// The task that it speaks of.
    pub task: TaskId,
    /// The state reached.
    pub state: TaskState,
    /// Why.
    pub cause: Option<Cause>,
    /// One sentence for people; may be empty.
    pub message: String,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

/// What a beat says of the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Started, not ready yet.
    Starting,
    /// Ready.
    Ready,
    /// Ready, but its last health check failed: why.
    Ailing(String),
    /// Asked to end.
    Draining,
}

/// A command to the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Drop what is left of the old subscription and make a new one.
    Subscribe {
        /// Tasks of which no update was acknowledged yet.
        tasks: Vec<TaskId>,
        /// Updates that were not acknowledged yet, oldest first.
        updates: Vec<Update>,
    },
    /// Send one update over the present subscription.
    SendUpdate(Update),
    /// Get the artifact and put everything into the sandbox.
    Fetch {
        /// The accepted task.
        task: TaskId,
    },
    /// Stop fetching; its end is of no interest any more.
    CancelFetch,
    /// Start the process.
    Spawn {
        /// The accepted task.
        task: TaskId,
    },
    /// Ask the process to end: drain word on the hand-shake socket, TERM to its group.
    AskToEnd,
    /// KILL to its group and to everything that it left behind.
    KillNow,
    /// Ask the program how it does; one question is under way at a time.
    Probe,
    /// The answer to the question is of no interest any more.
    CancelProbe,
    /// Write `crash.log`: the process ended without being asked, or hung.
    WriteCrashLog {
        /// How it ended.
        exit: Exit,
    },
    /// Tell a registry that the instance lives.
    Beat(Life),
    /// Say something in the log of the executor.
    Note(String),
    /// Kill whatever is left and end this process.
    Exit {
        /// The exit status of the executor.
        code: u8,
    },
}
