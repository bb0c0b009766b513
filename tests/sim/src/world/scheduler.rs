//! The scheduler's surroundings: its commands carried out, its writes made durable, its callers
//! answered.

use lathe_scheduler::framework::command::{Answer, Command};
use lathe_scheduler::framework::event::Event;
use lathe_scheduler::framework::ids::BatchId;
use lathe_scheduler::framework::records::Write;

use super::{Coming, World};
use crate::oracle::Oracle;

impl World {
    pub(super) fn carry_out(&mut self, command: Command) {
        match command {
            Command::Subscribe { framework_id } => self.subscribe(framework_id.as_ref()),
            Command::Call(call) => self.call(call),
            Command::ListHosts => self.list_hosts(),
            Command::Plan { job, input } => {
                let verdict = lathe_scheduler::planner::plan(&input);
                let event = Event::Planned { job, verdict };
                self.tell_framework("planner", event);
            }
            Command::Persist { batch, writes } => {
                self.send("to store", Coming::Write { life: self.life, batch, writes });
            }
            Command::Answer { ask, answer } => self.answered(ask.0, &answer),
            Command::Publish(event) => {
                let who = event.incarnation.or(event.topology).unwrap_or_default();
                self.trace.line(self.now, &format!("{} {who} {}", event.kind, event.message));
            }
            Command::Stop { reason, .. } => {
                self.trace.line(self.now, &format!("scheduler stops: {reason}"));
                self.scheduler_dies();
            }
        }
    }

    pub(super) fn answered(&mut self, ask: u64, answer: &Answer) {
        let id = self.asked.get(&ask).cloned().unwrap_or_default();
        match answer {
            Answer::Committed { .. } => {
                self.accepted += 1;
                self.oracle.accepted(&id);
            }
            // What was accepted and then reverted did change something, twice.
            Answer::Refused(refused) if refused.verdict == "reverted" => {
                self.trace.line(self.now, &format!("reverted: {}", refused.refusal.sentence));
            }
            Answer::Refused(refused) => {
                self.refused += 1;
                self.trace.line(self.now, &format!("refused: {}", refused.refusal.sentence));
                self.oracle.refused(&id);
                let check = self.oracle.refusals_changed_nothing(&self.store);
                self.fail(check);
            }
            Answer::Planned(_)
            | Answer::Waiting { .. }
            | Answer::Blocked { .. }
            | Answer::Instance { .. }
            | Answer::Done { .. } => {}
        }
    }

    pub(super) fn write(&mut self, life: u64, batch: BatchId, writes: &[Write]) {
        // A write that a dead scheduler had sent may still arrive, until the next one takes over.
        let term = life;
        if self.store.commit(term, writes) {
            let checks = [
                self.oracle.committed(&self.store),
                Oracle::nothing_is_invented(&self.store, &self.hosts),
                self.oracle.refusals_changed_nothing(&self.store),
            ];
            for check in checks {
                self.fail(check);
            }
            if life == self.life {
                self.tell_framework("from store", Event::Persisted(batch));
            }
        } else if life == self.life {
            let reason = "another has taken over".to_owned();
            self.tell_framework("from store", Event::TermLost { reason });
        }
    }
}
