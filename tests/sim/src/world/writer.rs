//! Between the schedulers and the store: each has one write under way, says it again until it is
//! answered, and is refused when its term is over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lathe_scheduler::framework::event::Event;
use lathe_scheduler::framework::ids::BatchId;
use lathe_scheduler::framework::records::Write;

use super::World;
use super::network::{Coming, Link, Told};
use crate::store::Commit;

/// Batches that are written at once.
pub(crate) type Group = Arc<Vec<(BatchId, Vec<Write>)>>;

/// How the store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Answers,
    /// Nobody reaches it.
    Down,
    /// What is written may be done or not; the answers are lost.
    Mute,
}

/// The pipeline of one scheduler.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    waiting: VecDeque<(BatchId, Vec<Write>)>,
    under_way: Option<Group>,
}

impl World {
    pub(super) fn store_is_up(&self) -> bool {
        self.store_mode == Mode::Answers
    }

    /// Whether this process gets no answer from the store.
    pub(super) fn store_is_away(&self, life: u64) -> bool {
        let cut = |link| self.network.is_cut(self.now, link);
        !self.store_is_up() || cut(Link::ToStore(life)) || cut(Link::FromStore(life))
    }

    pub(super) fn persist(&mut self, life: u64, batch: BatchId, writes: Vec<Write>) {
        let Some(scheduler) = self.schedulers.get_mut(&life) else { return };
        scheduler.writer.waiting.push_back((batch, writes));
        self.begin_write(life);
    }

    /// What waits is written together, or only the first of it.
    fn begin_write(&mut self, life: u64) {
        let alone = !self.calm() && self.network.between(0, 3) == 0;
        let Some(scheduler) = self.schedulers.get_mut(&life) else { return };
        let writer = &mut scheduler.writer;
        if writer.under_way.is_some() || writer.waiting.is_empty() {
            return;
        }
        let many = if alone { 1 } else { writer.waiting.len() };
        let group: Group = Arc::new(writer.waiting.drain(..many).collect());
        writer.under_way = Some(Arc::clone(&group));
        self.send_write(life, group);
    }

    fn send_write(&mut self, life: u64, group: Group) {
        let longest = if self.calm() { 1 } else { self.weather.write_ms };
        let late = self.network.between(0, longest);
        let what = Coming::Write { life, group };
        self.network.send_late(self.now, Link::ToStore(life), late, what);
    }

    /// A write reaches the store; its writer may be dead, or another's successor by now.
    pub(super) fn write(&mut self, life: u64, group: &Group) {
        let done = match self.store_mode {
            Mode::Answers => true,
            Mode::Down => false,
            Mode::Mute => self.network.between(0, 1) == 0,
        };
        let result = done.then(|| {
            let writes = last_of_each_path(group);
            self.store.commit(life, &writes).map(|commit| (commit, writes))
        });
        if let Some(Ok((commit, writes))) = &result {
            self.note(&format!("scheduler {life} has written {}", commit.number));
            let check = self.oracle.written(life, writes, &self.hosts);
            self.check(check);
            for (batch, writes) in group.iter() {
                let check = self.oracle.decided(self.now, life, *batch, writes);
                self.check(check);
            }
            self.tell_registries(commit);
        }
        let told = match result {
            _ if !self.store_is_up() => {
                let pause = self.network.between(100, 900);
                self.after(pause, Coming::Retries { life });
                return;
            }
            Some(Ok(_)) => Told::Durable(group.iter().map(|(batch, _)| *batch).collect()),
            _ => {
                let reason = "another scheduler has taken over".to_owned();
                Told::Event(Event::TermLost { reason })
            }
        };
        self.network.send(self.now, Link::FromStore(life), Coming::Told { life, told });
    }

    /// The write under way had no answer: the same again.
    pub(super) fn retry(&mut self, life: u64) {
        let Some(scheduler) = self.schedulers.get(&life) else { return };
        if scheduler.paused {
            self.after(500, Coming::Retries { life });
        } else if let Some(group) = scheduler.writer.under_way.clone() {
            self.send_write(life, group);
        }
    }

    /// The write under way was answered.
    pub(super) fn written(&mut self, life: u64) {
        if let Some(scheduler) = self.schedulers.get_mut(&life) {
            scheduler.writer.under_way = None;
        }
        self.begin_write(life);
    }

    pub(super) fn store_answers(&mut self) {
        if self.store_mode != Mode::Answers {
            self.note("the store answers again");
        }
        self.store_mode = Mode::Answers;
        self.oracle.store_answers(self.now);
    }

    /// Those who watch the catalog hear of it.
    pub(super) fn tell_registries(&mut self, commit: &Commit) {
        if !commit.nodes.is_empty() {
            self.send_commit(commit);
        }
    }
}

/// All of a group takes place at once, so only the last word on each path counts.
fn last_of_each_path(group: &Group) -> Vec<Write> {
    let all = group.iter().flat_map(|(_, writes)| writes);
    let by_path: BTreeMap<String, &Write> =
        all.map(|write| (write.encode().expect("records serialise").0, write)).collect();
    by_path.into_values().cloned().collect()
}
