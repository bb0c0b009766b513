//! Those who ask: what they have asked, what they were told, and what they do next.

use std::collections::{BTreeMap, BTreeSet};

use lathe_scheduler::framework::command::Answer;
use lathe_scheduler::framework::event::{Edit, Event, Question, Submission};
use lathe_scheduler::framework::ids::AskId;

use super::World;
use super::faults::Kind;
use super::network::Told;
use crate::draw::Draw;
use crate::topologies::{NAMES, impossible, submission, tasks_of};

/// One question that has no last answer yet.
#[derive(Clone, Debug)]
struct Asked {
    life: u64,
    /// The caller's id of a submission.
    id: String,
    name: String,
    /// Whether it asks what would be done, and no more.
    plans: bool,
}

/// All users.
#[derive(Debug, Default)]
pub(crate) struct Users {
    pub(super) asks: u64,
    open: BTreeMap<u64, Asked>,
    /// The last submission, to be sent again under its own id.
    last: Option<(String, Submission)>,
    /// Submissions that were sent again.
    twice: BTreeSet<String>,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

impl Users {
    /// Whether somebody waits for an answer about that topology.
    pub(crate) fn waits_for(&self, name: &str) -> bool {
        self.open.values().any(|asked| asked.name == name)
    }

    /// Whoever waited for that process hears nothing more.
    pub(crate) fn scheduler_ended(&mut self, life: u64) {
        self.open.retain(|_, asked| asked.life != life);
    }
}

impl World {
    /// Somebody asks something; what, as text.
    pub(super) fn ask(&mut self, draw: &mut Draw) -> String {
        let Some(life) = self.leader() else { return "nobody is there to be asked".to_owned() };
        let name = *draw.pick(&NAMES).unwrap_or(&NAMES[0]);
        let fresh = format!("submission-{}", self.users.asks + 1);
        let submit = |submission: Submission, id: &str| Question::Submit {
            edit: Edit::Source(submission),
            max_moves: 0,
            wait_ms: 0,
            id: id.to_owned(),
            may_stop: true,
            queues: false,
        };
        match draw.between(0, 99) {
            0..=9 => {
                let question = Question::Remove { name: name.to_owned(), id: fresh.clone() };
                self.put_question(life, name, &fresh, question);
                format!("a user removes {name}")
            }
            10..=16 => {
                self.put_question(life, "lonely", &fresh, submit(impossible(), &fresh));
                "a user submits what is impossible".to_owned()
            }
            17..=25 => {
                let edit = Edit::Source(self.submission(draw, name));
                let question = Question::Plan { edit, max_moves: 0 };
                self.put_question(life, name, "", question);
                format!("a user asks for a plan of {name}")
            }
            26..=31 => self.leave(),
            32..=56 => {
                let edit = edit(draw, name);
                let text = format!("a user edits {name}: {edit:?}");
                let question = Question::Submit {
                    edit,
                    max_moves: 0,
                    wait_ms: 0,
                    id: fresh.clone(),
                    may_stop: true,
                    queues: false,
                };
                self.put_question(life, name, &fresh, question);
                text
            }
            57..=64 => {
                let Some((id, again)) = self.users.last.clone() else { return String::new() };
                let name = again.name.clone();
                self.users.twice.insert(id.clone());
                self.oracle.sent_again(&id);
                self.put_question(life, &name, &id, submit(again, &id));
                format!("a user submits {name} again, as {id}")
            }
            roll => {
                let mut submission = self.submission(draw, name);
                let max_moves = u32::from(roll % 3 == 0) * 2;
                submission.name = name.to_owned();
                self.users.last = Some((fresh.clone(), submission.clone()));
                let question = Question::Submit {
                    edit: Edit::Source(submission),
                    max_moves,
                    wait_ms: if roll % 4 == 0 { 3_000 } else { 0 },
                    id: fresh.clone(),
                    may_stop: roll % 5 != 0,
                    queues: roll % 7 == 0,
                };
                self.put_question(life, name, &fresh, question);
                format!("a user submits {name} as {fresh}")
            }
        }
    }

    /// Where operators have a hand in it, some topologies say how long they wait for a host.
    fn submission(&self, draw: &mut Draw, name: &str) -> Submission {
        let mut submission = submission(draw, name);
        if self.weather.operators {
            // Of what ran under a master that died with its hosts nobody ever hears again.
            let may_wait = !self.weather.kinds.contains(&Kind::MasterDies);
            let said = draw.pick(&["", "", "\"2s\"", "\"30s\"", "\"never\""]).copied();
            let said = said.filter(|said| may_wait || !said.contains("never"));
            if let Some(said) = said.filter(|said| !said.is_empty()) {
                let key = format!("unreachable = {{ replace_after = {said} }}\n");
                submission.source.push_str(&key);
            }
        }
        submission
    }

    pub(super) fn put_question(&mut self, life: u64, name: &str, id: &str, question: Question) {
        self.users.asks += 1;
        let ask = self.users.asks;
        let plans = matches!(question, Question::Plan { .. });
        let asked = Asked { life, id: id.to_owned(), name: name.to_owned(), plans };
        self.users.open.insert(ask, asked);
        self.tell(life, Told::Event(Event::Asked { ask: AskId(ask), question }));
    }

    fn leave(&mut self) -> String {
        let Some((ask, asked)) = self.users.open.pop_last() else {
            return "no user waits".to_owned();
        };
        self.tell(asked.life, Told::Event(Event::AskerLeft(AskId(ask))));
        format!("the user of {} leaves", asked.name)
    }

    pub(super) fn answered(&mut self, life: u64, ask: u64, answer: &Answer) {
        let Some(asked) = self.users.open.get(&ask).cloned() else {
            // Those who have left, or were told their last, are not there to listen.
            return;
        };
        match answer {
            Answer::Committed { revision } => {
                self.users.accepted += 1;
                let check = self.oracle.accepted(&asked.name, *revision, &self.store);
                self.check(check);
            }
            // What was accepted and then reverted did change something, twice.
            Answer::Refused(refused) if refused.verdict == "reverted" => {
                self.note(&format!("scheduler {life} reverted: {}", refused.refusal.sentence));
                self.users.open.remove(&ask);
            }
            Answer::Refused(refused) => {
                self.users.refused += 1;
                self.note(&format!("scheduler {life} refused: {}", refused.refusal.sentence));
                self.users.open.remove(&ask);
                // The same submission, asked for twice, may be accepted for the other.
                if !self.users.twice.contains(&asked.id) {
                    let check = self.oracle.refused(&asked.id);
                    self.check(check);
                }
            }
            Answer::Planned(view) => {
                if let Some(healing) = &mut self.healing {
                    healing.planned(ask, &asked.name, view);
                }
                if asked.plans {
                    self.users.open.remove(&ask);
                }
            }
            Answer::Done { .. } => {
                self.users.open.remove(&ask);
            }
            Answer::LossesConfirmed { .. } => {
                self.users.open.remove(&ask);
            }
            Answer::Waiting { .. } | Answer::Blocked { .. } | Answer::Instance { .. } => {}
        }
    }
}

/// A change by hand of what one of the topologies says.
fn edit(draw: &mut Draw, name: &str) -> Edit {
    let task = draw.pick(tasks_of(name)).map_or_else(String::new, |task| (*task).to_owned());
    match draw.between(0, 9) {
        0..=2 => {
            let count = u32::try_from(draw.between(0, 4)).unwrap_or(1);
            Edit::Scale { task, count }
        }
        3 | 4 => {
            let value = draw.permille(700).then(|| draw.between(1, 9).into());
            Edit::Set { task, key: "note".to_owned(), value }
        }
        5 => Edit::Rollback { topology: name.to_owned(), revision: None },
        6 | 7 => Edit::Restart { what: if draw.permille(500) { task } else { name.to_owned() } },
        _ => Edit::Pause { topology: name.to_owned(), paused: draw.permille(600) },
    }
}
