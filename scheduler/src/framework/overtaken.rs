//! Submissions that others have overtaken: while one waits for hosts or for room, another may become
//! a revision, or an update may go back by itself. It is read again then, against what counts now, so
//! that no two revisions have one number and nothing is undone unseen.

use super::Framework;
use super::command::Command;
use super::ids::Time;
use super::jobs::{Job, JobPhase, Purpose};
use super::submissions::refuse;

impl Framework {
    /// Begins a job anew that has waited.
    pub(super) fn resume_job(&mut self, now: Time, mut job: Job, out: &mut Vec<Command>) {
        job.phase = JobPhase::Listing;
        if self.is_overtaken(&job) && !self.read_again(&mut job, out) {
            return;
        }
        self.job = Some(job);
        self.job_list_hosts(now, out);
    }

    /// The job in hand, where it has not reached its write.
    pub(super) fn job_overtaken(&mut self, now: Time, out: &mut Vec<Command>) {
        let Some(job) = &self.job else { return };
        if matches!(job.phase, JobPhase::Persisting) || !self.is_overtaken(job) {
            return;
        }
        if let Some(mut job) = self.job.take() {
            // A plan that is being made for what it was is not taken for one of what it is.
            job.id = self.next_job();
            self.resume_job(now, job, out);
        }
    }

    fn is_overtaken(&self, job: &Job) -> bool {
        let Purpose::Submit { target, .. } = &job.purpose else { return false };
        let name = &target.record.name;
        let present = self.wanted.get(name).map(|accepted| &accepted.record);
        let (revision, paused) =
            present.map_or((0, target.record.paused), |record| (record.revision, record.paused));
        target.record.revision != revision + 1 || target.record.paused != paused
    }

    /// Whether what was asked for can still be asked for; its caller is told otherwise.
    fn read_again(&self, job: &mut Job, out: &mut Vec<Command>) -> bool {
        let Purpose::Submit { ask, edit, target, .. } = &mut job.purpose else { return true };
        match self.target_of(edit) {
            Ok(mut anew) => {
                anew.record.submission_id.clone_from(&target.record.submission_id);
                anew.record.submitted_ms = target.record.submitted_ms;
                *target = anew;
                true
            }
            Err(refusal) => {
                refuse(*ask, "refused", refusal, out);
                false
            }
        }
    }
}
