//! The audit log: one line for every write, with who, what, of which, and the revision.
//!
//! Owns its fields (`target: "audit"`), and who asked for what until the answer says what became
//! of it. It must not know how a write is carried out.

use std::collections::BTreeMap;

use lathe_api::door::Caller;
use lathe_topology::Code;

use crate::framework::command::{Answer, Refused};
use crate::framework::event::{Edit, Question};
use crate::framework::ids::AskId;

/// Askers that are remembered; the oldest is forgotten first. Far more than wait at one time.
const AUTHORS_MAX: usize = 8_192;

/// One line.
pub(crate) fn written(caller: &Caller, what: &str, subject: &str, revision: Option<u64>) {
    let peer = caller.peer.map(|peer| peer.to_string());
    let (who, peer) = (&*caller.who, peer.as_deref());
    tracing::info!(target: "audit", who, peer, what, subject, revision, "written");
}

/// One line for what the scheduler does by itself.
pub(crate) fn by_itself(what: &str, subject: &str, revision: Option<u64>) {
    written(&Caller { who: "scheduler".into(), peer: None }, what, subject, revision);
}

/// Who asked, and for what.
#[derive(Debug)]
struct Author {
    caller: Caller,
    what: &'static str,
    subject: String,
}

/// Everybody whose question may still end in a write.
#[derive(Debug, Default)]
pub(crate) struct Authors(BTreeMap<AskId, Author>);

impl Authors {
    /// Somebody asks. A question that writes nothing is not remembered.
    pub(crate) fn asked(&mut self, ask: AskId, caller: Caller, question: &Question) {
        let (what, subject) = match question {
            Question::Plan { .. } => return,
            Question::Submit { edit, .. } => named(edit),
            Question::Remove { name, .. } => ("remove", name.as_str()),
            Question::ConfirmLosses => ("confirm-lost", "hosts"),
        };
        if self.0.len() >= AUTHORS_MAX {
            self.0.pop_first();
        }
        self.0.insert(ask, Author { caller, what, subject: subject.to_owned() });
    }

    /// What became of a question. What is durable is written into the log at once, whether the
    /// caller still waits for it or not.
    pub(crate) fn answered(&mut self, ask: AskId, answer: &Answer) {
        let Some(author) = self.0.get(&ask) else { return };
        match answer {
            Answer::Committed { revision } => {
                written(&author.caller, author.what, &author.subject, Some(*revision));
            }
            Answer::LossesConfirmed { hosts } if !hosts.is_empty() => {
                written(&author.caller, author.what, &hosts.join(","), None);
            }
            Answer::Refused(refused) if is_reverted(refused) => {
                // Nobody asked for that.
                by_itself("revert", &author.subject, None);
            }
            _ => {}
        }
        if answer.is_last() {
            self.0.remove(&ask);
        }
    }
}

/// Whether what was accepted is undone. A failed update has had its line with its event.
fn is_reverted(refused: &Refused) -> bool {
    let code = refused.refusal.reasons.first().map(|reason| reason.code);
    refused.verdict == "reverted" && code != Some(Code::ROLLED_BACK)
}

/// The word for an edit, and what it is about.
fn named(edit: &Edit) -> (&'static str, &str) {
    match edit {
        Edit::Source(submission) => ("submit", &submission.name),
        Edit::Scale { task, .. } => ("scale", task),
        Edit::Set { task, .. } => ("set", task),
        Edit::Rollback { topology, .. } => ("rollback", topology),
        Edit::Restart { what } => ("restart", what),
        Edit::Pause { topology, paused: true } => ("pause", topology),
        Edit::Pause { topology, paused: false } => ("resume", topology),
    }
}

#[cfg(test)]
mod tests;
