//! The supervisor's view of the instance's health: when it is asked, what an answer or a silence
//! means. Must not know how a program is asked.

use super::command::Command;
use super::deadline::Deadline;
use super::event::Health;
use super::{Out, Phase, Supervisor, Why};

/// Before the first good answer the next question follows after this time, then after twice as
/// long, until the check's own interval is reached: a start should not wait for an interval.
const FIRST_PAUSE_MS: u64 = 100;
/// So many beats late is a reason to leave an instance out of look-ups.
const LATE_BEATS: u64 = 3;
/// A deadline that comes so much too late means that this process itself stood still.
const STANDSTILL_MS: u64 = 1_000;
/// Who hangs gets this long at most between TERM and KILL, whatever its grace.
const HUNG_GRACE_MS: u64 = 5_000;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// When it could be asked for the first time.
    began_ms: Option<u64>,
    /// A question was sent and not answered.
    asking: bool,
    passed: bool,
    pause_ms: u64,
    /// In a row.
    failures: u32,
    /// The hand-shake said that beats will come.
    pub(super) beats: bool,
    heard_ms: u64,
    /// Why it is to be left out of look-ups, while it is.
    pub(super) ailing: Option<String>,
    /// Why it is being ended.
    pub(super) verdict: Option<String>,
}

impl Supervisor {
    fn health(&self) -> Health {
        self.task.as_ref().map_or(Health::None, |(_, launch)| launch.health)
    }

    /// The program was started and has shaken hands, if it is one that does.
    pub(super) fn may_be_asked(&mut self, out: &mut Out<'_>) {
        if self.checks.began_ms.is_some() {
            return;
        }
        self.deadlines.clear(Deadline::Ready);
        self.checks.began_ms = Some(out.now_ms);
        match self.health() {
            Health::None => self.become_ready(out),
            Health::Beat { .. } => {
                self.become_ready(out);
                if self.checks.beats {
                    self.beat_heard(out);
                } else {
                    out.note("this program's SDK is older and does not beat: it is not watched");
                }
            }
            Health::Probe { .. } => {
                self.ask(out);
                self.beat(out);
            }
        }
    }

    pub(super) fn ask(&mut self, out: &mut Out<'_>) {
        if matches!(self.phase, Phase::Up { .. }) && !self.checks.asking {
            self.checks.asking = true;
            out.push(Command::Probe);
        }
    }

    pub(super) fn probe_passed(&mut self, out: &mut Out<'_>) {
        let Some((ready, interval_ms, ..)) = self.answered() else { return };
        self.checks.passed = true;
        self.checks.failures = 0;
        self.deadlines.set(Deadline::Probe, out.now_ms.saturating_add(interval_ms));
        if !ready {
            self.become_ready(out);
        } else if self.checks.ailing.take().is_some() {
            self.beat(out);
        }
    }

    pub(super) fn probe_failed(&mut self, message: String, out: &mut Out<'_>) {
        let Some((ready, interval_ms, limit, grace_ms)) = self.answered() else { return };
        let checks = &mut self.checks;
        let grace_ends_ms = checks.began_ms.unwrap_or_default().saturating_add(grace_ms);
        if !checks.passed && out.now_ms < grace_ends_ms {
            let pause_ms = checks.pause_ms.max(FIRST_PAUSE_MS).min(interval_ms);
            checks.pause_ms = pause_ms.saturating_mul(2);
            self.deadlines.set(Deadline::Probe, out.now_ms.saturating_add(pause_ms));
            return;
        }
        checks.failures = checks.failures.saturating_add(1);
        if checks.failures >= limit {
            let verdict = match checks.failures {
                1 => format!("a health check failed: {message}"),
                times => format!("{times} health checks failed in a row: {message}"),
            };
            self.end_hung(verdict, out);
            return;
        }
        self.deadlines.set(Deadline::Probe, out.now_ms.saturating_add(interval_ms));
        if ready && checks.ailing.is_none() {
            checks.ailing = Some(message);
            self.beat(out);
        }
    }

    /// Takes note of an answer; what it is to be judged by, when it was waited for.
    fn answered(&mut self) -> Option<(bool, u64, u32, u64)> {
        let Phase::Up { ready } = self.phase else { return None };
        let Health::Probe { interval_ms, failures, grace_ms } = self.health() else { return None };
        std::mem::take(&mut self.checks.asking).then_some((ready, interval_ms, failures, grace_ms))
    }

    pub(super) fn beat_heard(&mut self, out: &mut Out<'_>) {
        let Health::Beat { interval_ms, timeout_ms } = self.health() else { return };
        if self.phase != (Phase::Up { ready: true }) {
            return;
        }
        self.checks.heard_ms = out.now_ms;
        let patience_ms = late_ms(interval_ms, timeout_ms);
        self.deadlines.set(Deadline::Silence, out.now_ms.saturating_add(patience_ms));
        if self.checks.ailing.take().is_some() {
            self.beat(out);
        }
    }

    /// A beat that should have come did not.
    pub(super) fn silence(&mut self, out: &mut Out<'_>) {
        let Health::Beat { interval_ms, timeout_ms } = self.health() else { return };
        if self.phase != (Phase::Up { ready: true }) {
            return;
        }
        let checks = &mut self.checks;
        let patience_ms =
            if checks.ailing.is_some() { timeout_ms } else { late_ms(interval_ms, timeout_ms) };
        let silent_ms = out.now_ms.saturating_sub(checks.heard_ms);
        if silent_ms > patience_ms.saturating_add(STANDSTILL_MS) {
            // Beats may wait to be read: what was not listened to is no silence.
            checks.heard_ms = out.now_ms;
            self.deadlines.set(Deadline::Silence, out.now_ms.saturating_add(patience_ms));
            out.note(format!("this executor stood still for {}", seconds(silent_ms)));
        } else if silent_ms >= timeout_ms {
            let verdict = format!("the program hangs: no beat for {}", seconds(silent_ms));
            self.end_hung(verdict, out);
        } else {
            checks.ailing = Some(format!("no beat for {}", seconds(silent_ms)));
            let ends_ms = checks.heard_ms.saturating_add(timeout_ms);
            self.deadlines.set(Deadline::Silence, ends_ms);
            self.beat(out);
        }
    }

    fn end_hung(&mut self, verdict: String, out: &mut Out<'_>) {
        out.note(&*verdict);
        self.checks.verdict = Some(verdict);
        let grace_ms = self.task.as_ref().map_or(0, |(_, launch)| launch.grace_ms);
        self.end_task(Why::Unhealthy, grace_ms.min(HUNG_GRACE_MS), out);
    }

    /// Nothing is asked any more.
    pub(super) fn stop_checks(&mut self, out: &mut Out<'_>) {
        self.deadlines.clear(Deadline::Probe);
        self.deadlines.clear(Deadline::Silence);
        if std::mem::take(&mut self.checks.asking) {
            out.push(Command::CancelProbe);
        }
    }
}

fn late_ms(interval_ms: u64, timeout_ms: u64) -> u64 {
    interval_ms.saturating_mul(LATE_BEATS).min(timeout_ms)
}

/// `2 s`, `2500 ms`.
pub(crate) fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1_000) { format!("{} s", ms / 1_000) } else { format!("{ms} ms") }
}
