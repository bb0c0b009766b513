//! Callers' questions: they wait in a line of bounded length and are taken one after another.

use lathe_topology::Code;

use super::command::{Answer, Command};
use super::event::{Edit, Question};
use super::ids::{AskId, Time};
use super::jobs::{Job, JobPhase, Purpose};
use super::restarts::Asker;
use super::submissions::{plain, refuse};
use super::watchers::Watcher;
use super::{Framework, QUESTIONS_MAX};

/// Longer waits are cut to a day.
const WAIT_MS_MAX: u64 = 24 * 3_600_000;

impl Framework {
    pub(super) fn asked(
        &mut self,
        now: Time,
        ask: AskId,
        question: Question,
        out: &mut Vec<Command>,
    ) {
        if !self.recovered || self.questions.len() >= QUESTIONS_MAX {
            let sentence = if self.recovered {
                "too many submissions wait already"
            } else {
                "the scheduler has not read its store yet"
            };
            let refusal = plain(Code::CANNOT_ACT_NOW, sentence, "try again in a moment");
            return refuse(ask, "busy", refusal, out);
        }
        // It waits for nobody's plan: that may be waiting for the very hosts.
        if question == Question::ConfirmLosses {
            return self.confirm_losses(now, ask, out);
        }
        self.questions.push_back((ask, question, now));
    }

    pub(super) fn take_question(&mut self, now: Time, out: &mut Vec<Command>) {
        let Some((ask, question, asked_ms)) = self.questions.pop_front() else { return };
        match question {
            Question::Remove { name, .. } => self.remove(ask, &name, out),
            Question::ConfirmLosses => self.confirm_losses(now, ask, out),
            Question::Plan { edit: Edit::Restart { what }, .. } => match self.named(&what) {
                Ok(named) => {
                    let answer = Answer::Planned(self.view_of_restart(&named));
                    out.push(Command::Answer { ask, answer });
                }
                Err(refusal) => refuse(ask, "refused", refusal, out),
            },
            Question::Plan { edit: Edit::Pause { topology, .. }, .. } => {
                match self.topology_named(&topology) {
                    Ok(_) => {
                        let answer = Answer::Planned(super::command::PlanView::default());
                        out.push(Command::Answer { ask, answer });
                    }
                    Err(refusal) => refuse(ask, "unknown topology", refusal, out),
                }
            }
            Question::Plan { edit, max_moves } => match self.target_of(&edit) {
                Ok(target) => {
                    let deadline_ms = asked_ms + self.config.wait_ms;
                    self.begin_job(now, Purpose::Plan { ask, target, max_moves }, deadline_ms, out);
                }
                Err(refusal) => refuse(ask, "refused", refusal, out),
            },
            Question::Submit { edit, max_moves, wait_ms, id, may_stop, queues } => {
                let wait_ms = if wait_ms == 0 { self.config.wait_ms } else { wait_ms };
                let deadline_ms = asked_ms + wait_ms.min(WAIT_MS_MAX);
                let asker = Asker { ask, id, may_stop, queues };
                self.take_edit(now, &edit, &asker, (max_moves, deadline_ms), out);
            }
        }
    }

    /// An edit that is to be carried out, with the moves that are allowed and its deadline.
    fn take_edit(
        &mut self,
        now: Time,
        edit: &Edit,
        asker: &Asker,
        (max_moves, deadline_ms): (u32, Time),
        out: &mut Vec<Command>,
    ) {
        let name = self.topology_of(edit);
        if name.is_some_and(|name| self.repeated(asker.ask, &name, &asker.id)) {
            return;
        }
        match edit {
            Edit::Restart { what } => self.restart(now, what, asker, out),
            Edit::Pause { topology, paused } => self.pause(topology, *paused, asker, out),
            Edit::Source(_) | Edit::Scale { .. } | Edit::Set { .. } | Edit::Rollback { .. } => {
                match self.target_of(edit) {
                    Ok(mut target) => {
                        target.record.submission_id.clone_from(&asker.id);
                        target.record.submitted_ms = now;
                        let Asker { ask, may_stop, queues, .. } = *asker;
                        let queues = queues.then(String::new);
                        let edit = edit.clone();
                        let purpose =
                            Purpose::Submit { ask, edit, target, max_moves, may_stop, queues };
                        self.begin_job(now, purpose, deadline_ms, out);
                    }
                    Err(refusal) => refuse(asker.ask, "refused", refusal, out),
                }
            }
        }
    }

    fn begin_job(
        &mut self,
        now: Time,
        purpose: Purpose,
        deadline_ms: Time,
        out: &mut Vec<Command>,
    ) {
        let id = self.next_job();
        self.job = Some(Job { id, purpose, phase: JobPhase::Listing, deadline_ms });
        self.job_list_hosts(now, out);
    }

    /// The same submission again: its caller joins the one that was accepted.
    fn repeated(&mut self, ask: AskId, name: &str, id: &str) -> bool {
        let Some(accepted) = self.wanted.get(name) else { return false };
        if id.is_empty() || accepted.record.submission_id != id {
            return false;
        }
        let revision = accepted.record.revision;
        let topology = name.to_owned();
        self.watchers.push(Watcher { ask, topology, revision, changed: true });
        true
    }
}
