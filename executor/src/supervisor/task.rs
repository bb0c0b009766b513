//! The supervisor's dealings with its one task: launch, readiness, end. Must not know how the
//! agent is reached, only that updates can be reported.

use super::command::{Cause, Command, Life, TaskState};
use super::deadline::Deadline;
use super::event::{Exit, Failure, Health, Launch, ReadyBy, TaskId};
use super::{News, Out, Phase, Supervisor, Why};

/// KILL is repeated in this time until the process is gone, milliseconds.
const KILL_AGAIN_MS: u64 = 1_000;
/// Refused launches that may wait for their acknowledgement; more are only noted.
const REFUSALS_MAX: usize = 64;
/// KILLs remembered for tasks that were never launched.
const EARLY_KILLS_MAX: usize = 16;

impl Supervisor {
    pub(super) fn launch(
        &mut self,
        task: TaskId,
        launch: Result<Launch, String>,
        out: &mut Out<'_>,
    ) {
        if self.task.as_ref().is_some_and(|(known, _)| *known == task)
            || self.unacknowledged.has_ended(&task)
        {
            out.note(format!("{task} is launched again; once is enough"));
            return;
        }
        if self.task.is_some() || self.phase != Phase::Idle {
            self.refuse(&task, "this executor runs one task and has had it", out);
            return;
        }
        self.unacknowledged.launched(&task);
        let launch = match launch {
            Ok(launch) => launch,
            Err(problem) => {
                let nothing = Launch { ready_by: ReadyBy::Exec, grace_ms: 0, health: Health::None };
                self.task = Some((task, nothing));
                let news = News::new(TaskState::Error, Some(Cause::InvalidTask), problem);
                self.finish(news, out);
                return;
            }
        };
        self.task = Some((task.clone(), launch));
        if self.killed_early.contains(&task) {
            self.finish(ended_before_start(Why::Killed), out);
            return;
        }
        self.phase = Phase::Fetching;
        let at_ms = out.now_ms.saturating_add(self.config.fetch_timeout_ms);
        self.deadlines.set(Deadline::Fetch, at_ms);
        out.push(Command::Fetch { task });
    }

    fn refuse(&mut self, task: &TaskId, message: &str, out: &mut Out<'_>) {
        if self.unacknowledged.len() >= REFUSALS_MAX {
            out.note(format!("{task} is refused without a word: {message}"));
            return;
        }
        self.unacknowledged.launched(task);
        self.report(task, News::new(TaskState::Error, Some(Cause::InvalidTask), message), out);
    }

    pub(super) fn fetched(&mut self, out: &mut Out<'_>) {
        if self.phase != Phase::Fetching {
            return;
        }
        self.deadlines.clear(Deadline::Fetch);
        self.phase = Phase::Spawning { end: None, ready_heard: false };
        if let Some((task, _)) = &self.task {
            out.push(Command::Spawn { task: task.clone() });
        }
    }

    pub(super) fn fetch_failed(&mut self, failure: &Failure, out: &mut Out<'_>) {
        if self.phase == Phase::Fetching {
            self.finish(launch_failed(failure), out);
        }
    }

    pub(super) fn fetch_took_too_long(&mut self, out: &mut Out<'_>) {
        if self.phase != Phase::Fetching {
            return;
        }
        out.push(Command::CancelFetch);
        let seconds = self.config.fetch_timeout_ms / 1_000;
        let message = format!("the artifact was not here after {seconds} s");
        self.finish(launch_failed(&Failure { message, permanent: false }), out);
    }

    pub(super) fn spawned(&mut self, out: &mut Out<'_>) {
        let Phase::Spawning { end, ready_heard } = self.phase else {
            if self.phase == Phase::Over {
                // Its end was heard before its start: whatever this is, it must not live.
                out.push(Command::KillNow);
            }
            return;
        };
        let Some((task, launch)) = self.task.clone() else { return };
        self.phase = Phase::Up { ready: false };
        self.report(&task, News::new(TaskState::Starting, None, ""), out);
        if let Some((why, grace_ms)) = end {
            self.end_task(why, grace_ms, out);
            self.beat(out);
            return;
        }
        match launch.ready_by {
            ReadyBy::Handshake { timeout_ms } if !ready_heard => {
                let at_ms = out.now_ms.saturating_add(timeout_ms);
                self.deadlines.set(Deadline::Ready, at_ms);
                self.beat(out);
            }
            ReadyBy::Handshake { .. } | ReadyBy::Exec => self.may_be_asked(out),
        }
    }

    pub(super) fn spawn_failed(&mut self, failure: &Failure, out: &mut Out<'_>) {
        match self.phase {
            Phase::Spawning { end: Some((why, _)), .. } => {
                self.finish(ended_before_start(why), out);
            }
            Phase::Spawning { end: None, .. } => self.finish(launch_failed(failure), out),
            _ => {}
        }
    }

    pub(super) fn ready_heard(&mut self, beats: bool, out: &mut Out<'_>) {
        self.checks.beats |= beats;
        match &mut self.phase {
            Phase::Spawning { ready_heard, .. } => *ready_heard = true,
            Phase::Up { ready: false } => self.may_be_asked(out),
            _ => {}
        }
    }

    pub(super) fn become_ready(&mut self, out: &mut Out<'_>) {
        self.phase = Phase::Up { ready: true };
        if let Some((task, _)) = self.task.clone() {
            self.report(&task, News::new(TaskState::Running, None, ""), out);
        }
        self.beat(out);
    }

    pub(super) fn ready_took_too_long(&mut self, out: &mut Out<'_>) {
        if self.phase != (Phase::Up { ready: false }) {
            return;
        }
        let grace_ms = self.task.as_ref().map_or(0, |(_, launch)| launch.grace_ms);
        self.end_task(Why::NotReady, grace_ms, out);
    }

    pub(super) fn kill(&mut self, task: TaskId, grace_ms: Option<u64>, out: &mut Out<'_>) {
        match &self.task {
            Some((known, launch)) if *known == task => {
                let grace_ms = grace_ms.unwrap_or(launch.grace_ms);
                self.end_task(Why::Killed, grace_ms, out);
            }
            None if self.killed_early.len() < EARLY_KILLS_MAX => self.killed_early.push(task),
            _ => out.note(format!("asked to kill {task}, which does not run here")),
        }
    }

    /// Ends the task wherever it stands. Said again, it can only make the end come sooner.
    pub(super) fn end_task(&mut self, why: Why, grace_ms: u64, out: &mut Out<'_>) {
        match &mut self.phase {
            Phase::Fetching => {
                out.push(Command::CancelFetch);
                self.finish(ended_before_start(why), out);
            }
            Phase::Spawning { end, .. } => {
                let (first, known_ms) = end.unwrap_or((why, grace_ms));
                *end = Some((first, known_ms.min(grace_ms)));
            }
            Phase::Up { .. } => self.begin_end(why, grace_ms, out),
            Phase::Ending { .. } if grace_ms == 0 => self.kill_now(out),
            Phase::Ending { .. } => {
                let at_ms = out.now_ms.saturating_add(grace_ms);
                self.deadlines.bring_forward(Deadline::Kill, at_ms);
            }
            Phase::Idle | Phase::Over | Phase::Left => {}
        }
    }

    fn begin_end(&mut self, why: Why, grace_ms: u64, out: &mut Out<'_>) {
        self.phase = Phase::Ending { why };
        self.deadlines.clear(Deadline::Ready);
        self.stop_checks(out);
        let asked = matches!(why, Why::Killed | Why::ShutDown);
        if let (true, true, Some((task, _))) = (asked, self.wants_killing, self.task.clone()) {
            self.report(&task, News::new(TaskState::Killing, None, ""), out);
        }
        if self.deadlines.is_set(Deadline::Beat) {
            self.beat(out);
        }
        if grace_ms == 0 {
            self.kill_now(out);
        } else {
            out.push(Command::AskToEnd);
            self.deadlines.set(Deadline::Kill, out.now_ms.saturating_add(grace_ms));
        }
    }

    pub(super) fn kill_now(&mut self, out: &mut Out<'_>) {
        if !matches!(self.phase, Phase::Ending { .. }) {
            return;
        }
        out.push(Command::KillNow);
        self.deadlines.set(Deadline::Kill, out.now_ms.saturating_add(KILL_AGAIN_MS));
    }

    pub(super) fn child_exited(&mut self, exit: Exit, out: &mut Out<'_>) {
        let (why, ready) = match self.phase {
            Phase::Up { ready } => (None, ready),
            Phase::Ending { why } => (Some(why), true),
            Phase::Spawning { end, .. } => {
                if let Some((task, _)) = self.task.clone() {
                    self.report(&task, News::new(TaskState::Starting, None, ""), out);
                }
                (end.map(|(why, _)| why), false)
            }
            _ => return,
        };
        // What it started and left behind ends with it.
        out.push(Command::KillNow);
        let news = match why {
            Some(why) => {
                let verdict = self.checks.verdict.take();
                if verdict.is_some() {
                    out.push(Command::WriteCrashLog { exit });
                }
                ended_on_request(why, self.task.as_ref().map(|(_, launch)| launch), verdict)
            }
            None => {
                if exit.code != Some(0) {
                    out.push(Command::WriteCrashLog { exit });
                }
                ended_by_itself(exit, ready)
            }
        };
        self.finish(news, out);
    }

    pub(super) fn beat(&mut self, out: &mut Out<'_>) {
        let life = match self.phase {
            Phase::Up { ready: true } => {
                self.checks.ailing.clone().map_or(Life::Ready, Life::Ailing)
            }
            Phase::Up { ready: false } => Life::Starting,
            Phase::Ending { .. } => Life::Draining,
            _ => return,
        };
        out.push(Command::Beat(life));
        let at_ms = out.now_ms.saturating_add(self.config.beat_interval_ms.max(1));
        self.deadlines.set(Deadline::Beat, at_ms);
    }

    /// The task's terminal update; then the end of the executor is near.
    fn finish(&mut self, news: News, out: &mut Out<'_>) {
        for deadline in [Deadline::Fetch, Deadline::Ready, Deadline::Kill, Deadline::Beat] {
            self.deadlines.clear(deadline);
        }
        self.stop_checks(out);
        self.phase = Phase::Over;
        if let Some((task, _)) = self.task.clone() {
            self.report(&task, news, out);
        }
        self.await_acknowledgements(out);
    }
}

fn launch_failed(failure: &Failure) -> News {
    if failure.permanent {
        News::new(TaskState::Error, Some(Cause::InvalidTask), &failure.message)
    } else {
        News::new(TaskState::Failed, Some(Cause::LaunchFailed), &failure.message)
    }
}

fn ended_before_start(why: Why) -> News {
    let cause = if why == Why::Killed { Cause::KilledDuringLaunch } else { Cause::ShutDown };
    News::new(TaskState::Killed, Some(cause), "ended before it was started")
}

fn ended_on_request(why: Why, launch: Option<&Launch>, verdict: Option<String>) -> News {
    match why {
        Why::Killed => News::new(TaskState::Killed, None, "killed on request"),
        Why::ShutDown => {
            News::new(TaskState::Killed, Some(Cause::ShutDown), "ended with its executor")
        }
        Why::AgentLost => {
            News::new(TaskState::Killed, Some(Cause::ShutDown), "ended: the agent was lost")
        }
        Why::Unhealthy => {
            let verdict = verdict.unwrap_or_else(|| "its health checks failed".to_owned());
            News::new(TaskState::Failed, Some(Cause::Unhealthy), verdict)
        }
        Why::NotReady => {
            let message = match launch.map(|launch| launch.ready_by) {
                Some(ReadyBy::Handshake { timeout_ms }) => {
                    format!("not ready after {} s", timeout_ms / 1_000)
                }
                _ => "not ready in time".to_owned(),
            };
            News::new(TaskState::Failed, Some(Cause::NotReady), message)
        }
    }
}

fn ended_by_itself(exit: Exit, ready: bool) -> News {
    let how = match (exit.code, exit.signal) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    };
    let when = if ready { "" } else { " before it was ready" };
    if exit.code == Some(0) {
        return News::new(TaskState::Finished, Some(Cause::Ended), format!("{how}{when}"));
    }
    let (cause, memory) = if exit.out_of_memory {
        (Cause::OutOfMemory, ": out of memory")
    } else {
        (Cause::Ended, "")
    };
    let message = format!("{how}{when}{memory}; its last lines are in crash.log");
    News::new(TaskState::Failed, Some(cause), message)
}
