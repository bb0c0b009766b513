//! Tests of the supervisor: one stage that feeds events and reads commands, used by the files
//! beside it. Must not start anything.

mod agent;
mod any_order;
mod health;
mod life;

use super::command::{Command, Life, TaskState, Update};
use super::event::{Event, Exit, Failure, Health, Launch, ReadyBy, TaskId};
use super::{Config, Supervisor};

const START_MS: u64 = 1_700_000_000_000;
const EXITED: Exit = Exit { code: Some(0), signal: None, out_of_memory: false };

/// A supervisor, its clock, and what it asked for since the last look.
struct Stage {
    machine: Supervisor,
    now_ms: u64,
    commands: Vec<Command>,
}

impl Stage {
    fn new(config: Config) -> Self {
        Self { machine: Supervisor::new(config), now_ms: START_MS, commands: Vec::new() }
    }

    /// Subscribed, nothing launched.
    fn subscribed() -> Self {
        let mut stage = Self::new(Config::default());
        stage.feed(Event::Started).feed(Event::Subscribed { wants_killing: true });
        stage.commands.clear();
        stage
    }

    /// The task was launched and its process runs.
    fn up(ready_by: ReadyBy) -> Self {
        let mut stage = Self::subscribed();
        stage.feed(launch(ready_by)).feed(Event::FetchDone).feed(Event::Spawned);
        stage
    }

    fn feed(&mut self, event: Event) -> &mut Self {
        self.machine.step(self.now_ms, event, &mut self.commands);
        self
    }

    /// Lets time pass, deadline by deadline.
    fn wait(&mut self, ms: u64) -> &mut Self {
        let until_ms = self.now_ms + ms;
        while let Some(at_ms) = self.machine.next_deadline().filter(|at_ms| *at_ms <= until_ms) {
            self.now_ms = at_ms.max(self.now_ms);
            self.feed(Event::TimePassed);
        }
        self.now_ms = until_ms;
        self
    }

    fn take(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    fn has(&self, command: &Command) -> bool {
        self.commands.contains(command)
    }

    fn updates(&self) -> Vec<Update> {
        let sent = self.commands.iter().filter_map(|command| match command {
            Command::SendUpdate(update) => Some(update.clone()),
            _ => None,
        });
        sent.collect()
    }

    fn states(&self) -> Vec<TaskState> {
        self.updates().iter().map(|update| update.state).collect()
    }

    fn last_message(&self) -> String {
        self.updates().last().map(|update| update.message.clone()).unwrap_or_default()
    }

    fn beats(&self) -> Vec<Life> {
        let beats = self.commands.iter().filter_map(|command| match command {
            Command::Beat(life) => Some(life.clone()),
            _ => None,
        });
        beats.collect()
    }

    fn exit_code(&self) -> Option<u8> {
        self.commands.iter().find_map(|command| match command {
            Command::Exit { code } => Some(*code),
            _ => None,
        })
    }

    /// Acknowledges everything that was sent so far.
    fn acknowledge_all(&mut self) -> &mut Self {
        for update in self.updates() {
            self.feed(Event::Acknowledged { task: update.task, update: update.id });
        }
        self
    }
}

fn task() -> TaskId {
    TaskId("http.lb#0.1".to_owned())
}

fn other_task() -> TaskId {
    TaskId("http.lb#0.2".to_owned())
}

const HANDSHAKE: ReadyBy = ReadyBy::Handshake { timeout_ms: 60_000 };

fn launch(ready_by: ReadyBy) -> Event {
    Event::LaunchArrived {
        task: task(),
        launch: Ok(Launch { ready_by, grace_ms: 5_000, health: Health::None }),
    }
}

fn kill(grace_ms: Option<u64>) -> Event {
    Event::KillArrived { task: task(), grace_ms }
}

fn failure(permanent: bool) -> Failure {
    Failure { message: "no such thing".to_owned(), permanent }
}
