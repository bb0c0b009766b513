//! Submissions that are blocked now and wait for room: tried again from time to time and whenever
//! something ends, until their callers' time is over.

use lathe_placement::Refusal;

use super::Framework;
use super::command::{Answer, Command};
use super::ids::{AskId, Time};
use super::jobs::{Job, Purpose};
use super::submissions::refuse;

/// Submissions that may wait for room; more are refused as blocked.
const QUEUED_MAX: usize = 16;
/// Without any other reason they are tried again so often.
const AGAIN_MS: u64 = 2_000;

/// A blocked submission.
#[derive(Debug)]
pub(super) struct Queued {
    job: Job,
    /// What is missing, as found last.
    refusal: Refusal,
    again_ms: Time,
}

impl Framework {
    /// Lets a submission wait that asked for it; gives it back with what is missing otherwise.
    pub(super) fn queue(
        &mut self,
        now: Time,
        mut job: Job,
        refusal: Refusal,
        out: &mut Vec<Command>,
    ) -> Option<Refusal> {
        let Purpose::Submit { ask, queues: Some(told), .. } = &mut job.purpose else {
            return Some(refusal);
        };
        if now >= job.deadline_ms || self.queued.len() >= QUEUED_MAX {
            return Some(refusal);
        }
        if *told != refusal.sentence {
            told.clone_from(&refusal.sentence);
            let answer = Answer::Blocked { sentence: told.clone() };
            out.push(Command::Answer { ask: *ask, answer });
        }
        self.queued.push(Queued { job, refusal, again_ms: now + AGAIN_MS });
        None
    }

    /// Something has ended, or a host has come: there may be room.
    pub(super) fn room_may_have_come(&mut self, now: Time) {
        for queued in &mut self.queued {
            queued.again_ms = now;
        }
    }

    pub(super) fn tend_queued(&mut self, now: Time, out: &mut Vec<Command>) {
        let late = self.queued.extract_if(.., |queued| now >= queued.job.deadline_ms);
        for queued in late.collect::<Vec<_>>() {
            if let Some(ask) = queued.job.purpose.ask() {
                refuse(ask, "blocked", queued.refusal, out);
            }
        }
        if self.job.is_some() || self.parked.is_some() || !self.connected() {
            return;
        }
        if let Some(at) = self.queued.iter().position(|queued| now >= queued.again_ms) {
            let job = self.queued.remove(at).job;
            self.resume_job(now, job, out);
        }
    }

    pub(super) fn queued_asker_left(&mut self, ask: AskId) {
        self.queued.retain(|queued| queued.job.purpose.ask() != Some(ask));
    }

    pub(super) fn next_queued(&self) -> Option<Time> {
        let times = self.queued.iter().map(|queued| queued.again_ms.min(queued.job.deadline_ms));
        times.min()
    }
}
