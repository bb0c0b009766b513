//! What the master says of incarnations: taken once, made durable, then acknowledged.

use lathe_topology::Restart;

use super::command::{Call, Command};
use super::event::{Status, TaskState};
use super::ids::{Incarnation, InstanceId, Time};
use super::persist::Then;
use super::records::{InstanceRecord, Life, MOVING, Phase};
use super::{EventDraft, Framework};

/// An instance that was ready for so long has proved itself; its end counts for nothing.
pub(super) const PROVED_MS: u64 = 10_000;
/// So many early ends in a row are free.
pub(super) const FREE_ENDS: u32 = 2;
const FIRST_BACK_OFF_MS: u64 = 1_000;
const LONGEST_BACK_OFF_MS: u64 = 300_000;

impl Framework {
    pub(super) fn status_arrived(&mut self, now: Time, status: &Status, out: &mut Vec<Command>) {
        let Some(incarnation) = status.incarnation.clone() else {
            self.stray(status, out);
            return;
        };
        self.reconciling.answered(&incarnation);
        let id = incarnation.instance.clone();
        let known = self
            .instances
            .get(&id)
            .is_some_and(|record| record.lives.iter().any(|life| life.incarnation == incarnation));
        if !known {
            self.stray(status, out);
            return;
        }
        let lost = status.state == TaskState::Unknown && self.given_up_life(now, &incarnation);
        let changed = if status.state.is_terminal() || lost {
            self.life_ended(now, &incarnation, status, out);
            true
        } else {
            self.life_changed(now, &incarnation, status, out)
        };
        let acknowledgement = acknowledgement(status).into_iter().collect::<Vec<_>>();
        if changed {
            let writes = self.instance_writes(&id, &incarnation.to_string());
            self.persist(writes, Then::Do(acknowledgement), out);
            self.tell_watchers(&id, &incarnation, status, out);
        } else {
            // Said before, but perhaps not durable yet.
            self.once_durable(acknowledgement, out);
        }
    }

    /// A task that the store did not list and that was not launched since. While it is not
    /// recovered nothing is a stray; `step` sees to that by not subscribing before. A leader of the
    /// past must not take its successor's tasks for strays.
    fn stray(&mut self, status: &Status, out: &mut Vec<Command>) {
        let mut commands: Vec<Command> = acknowledgement(status).into_iter().collect();
        let lives =
            matches!(status.state, TaskState::Staging | TaskState::Starting | TaskState::Running);
        if lives && self.recovered {
            commands.push(Command::Call(Call::KillStray {
                task_id: status.task_id.clone(),
                agent: status.agent.clone(),
            }));
        }
        if !commands.is_empty() {
            self.once_leading(commands, out);
        }
    }

    /// Nobody knows it any more and it was waited for long enough: its place is free. Should it
    /// come back all the same, it comes as a stray and is ended.
    fn given_up_life(&self, now: Time, incarnation: &Incarnation) -> bool {
        let record = self.instances.get(&incarnation.instance);
        let life =
            record.and_then(|r| r.lives.iter().find(|life| &life.incarnation == incarnation));
        life.is_some_and(|life| self.given_up(now, life))
    }

    fn life_changed(
        &mut self,
        now: Time,
        incarnation: &Incarnation,
        status: &Status,
        out: &mut Vec<Command>,
    ) -> bool {
        let given_up = self.given_up_life(now, incarnation);
        let Some(record) = self.instances.get_mut(&incarnation.instance) else { return false };
        let topology = record.topology.clone();
        let Some(life) = record.lives.iter_mut().find(|life| &life.incarnation == incarnation)
        else {
            return false;
        };
        let phase = match (status.state, life.phase) {
            // Its host is back, and its executor is on its way still.
            (TaskState::Staging, Phase::Unreachable) => Phase::Launching,
            (TaskState::Starting, Phase::Launching | Phase::Unreachable) => Phase::Starting,
            (TaskState::Running, Phase::Launching | Phase::Starting | Phase::Unreachable) => {
                Phase::Ready
            }
            (TaskState::Killing, _) => Phase::Killing,
            (TaskState::Unreachable | TaskState::Unknown, phase) if phase != Phase::Unreachable => {
                Phase::Unreachable
            }
            _ => return false,
        };
        if phase == life.phase {
            return false;
        }
        // A kill that was sent meanwhile went nowhere, or is on its way still: it is sent again at
        // once, and what is durable says so.
        let returned = life.phase == Phase::Unreachable;
        let killed = returned && self.kills.remove(incarnation).is_some();
        let phase = if killed { Phase::Killing } else { phase };
        self.came_back |= given_up;
        life.phase = phase;
        life.since_ms = now;
        // How something became ready again is of no interest once it is.
        let tells = phase != Phase::Ready && !status.message.is_empty();
        life.reason = tells.then(|| status.message.clone());
        if phase == Phase::Ready && life.ready_ms == 0 {
            life.ready_ms = now;
        }
        let life = life.clone();
        if status.state == TaskState::Unreachable {
            self.losses.lost(&life, self.hosts.contains_key(&life.host));
        } else if returned {
            self.losses.answers(&life.host);
        }
        if returned || phase == Phase::Unreachable {
            self.hosts_have_changed();
        }
        let draft = EventDraft::new(phase.as_str(), status.message.clone());
        self.publish(now, draft.of_life(&topology, &life), out);
        true
    }

    fn life_ended(
        &mut self,
        now: Time,
        incarnation: &Incarnation,
        status: &Status,
        out: &mut Vec<Command>,
    ) {
        let id = &incarnation.instance;
        let restart = self.wanted.of(id).map_or(Restart::Always, |(_, task)| task.restart);
        let proved_ms = self.proved_after_ms(id);
        let Some(record) = self.instances.get_mut(id) else { return };
        let Some(at) = record.lives.iter().position(|life| &life.incarnation == incarnation) else {
            return;
        };
        let newest = at + 1 == record.lives.len();
        let life = record.lives.remove(at);
        // A launch that the master has dropped never reached its host, which may be gone.
        if life.phase == Phase::Unreachable || status.state != TaskState::Dropped {
            self.losses.answers(&life.host);
        }
        record.last_end = Some(end_text(status));
        if newest {
            // Its next host is known already where it moves.
            if life.identity != MOVING {
                record.last_host = Some(life.host.clone());
            }
            count_end((now, proved_ms), record, &life, status.state);
            let for_good = ends_for_good(restart, status.state) && life.phase != Phase::Killing;
            // How an older life ended takes nothing from work that a newer one has done.
            if incarnation.counter == record.counter || record.finished.is_none() {
                record.finished = for_good.then(|| life.identity.clone());
            }
        }
        let topology = record.topology.clone();
        // It may have gone with its host: the next plan is made on a new list.
        if !matches!(status.state, TaskState::Finished | TaskState::Failed | TaskState::Killed) {
            self.hosts_have_changed();
        }
        self.kills.remove(incarnation);
        self.repair_not_before_ms = now;
        self.room_may_have_come(now);
        let draft = EventDraft::new("ended", end_text(status));
        self.publish(now, draft.of_life(&topology, &life), out);
    }

    fn tell_watchers(
        &mut self,
        id: &InstanceId,
        incarnation: &Incarnation,
        status: &Status,
        out: &mut Vec<Command>,
    ) {
        let Some(record) = self.instances.get(id) else { return };
        let life = record.lives.iter().find(|life| &life.incarnation == incarnation);
        let state = life.map_or("ended", |life| life.phase.as_str());
        let host = life.map(|life| life.host.to_string());
        let answer = super::command::Answer::Instance {
            instance: id.to_string(),
            incarnation: incarnation.to_string(),
            host: host.unwrap_or_default(),
            state: state.to_owned(),
            message: if state == "ended" { end_text(status) } else { status.message.clone() },
        };
        let topology = record.topology.clone();
        for watcher in self.watchers.iter().filter(|watcher| watcher.topology == topology) {
            out.push(Command::Answer { ask: watcher.ask, answer: answer.clone() });
        }
    }
}

fn acknowledgement(status: &Status) -> Option<Command> {
    Some(Command::Call(Call::Acknowledge {
        task_id: status.task_id.clone(),
        agent: status.agent.clone()?,
        uuid: status.uuid.clone()?,
    }))
}

fn end_text(status: &Status) -> String {
    let word = format!("{:?}", status.state).to_lowercase();
    if status.message.is_empty() { word } else { format!("{word}: {}", status.message) }
}

/// Ends that are nobody's fault (drained, killed, lost with the host, never started) do not count.
fn count_end(
    (now, proved_ms): (Time, u64),
    record: &mut InstanceRecord,
    life: &Life,
    state: TaskState,
) {
    let own_end = matches!(state, TaskState::Finished | TaskState::Failed | TaskState::Error);
    if life.phase == Phase::Killing || !own_end {
        return;
    }
    if life.ready_ms != 0 && now >= life.ready_ms + proved_ms {
        record.early_ends = 0;
        return;
    }
    // A wrong request will be as wrong the next time: it waits at once.
    let ends = record.early_ends.saturating_add(1);
    record.early_ends = if state == TaskState::Error { ends.max(FREE_ENDS + 1) } else { ends };
    if record.early_ends > FREE_ENDS {
        record.not_before_ms = now + back_off_ms(record.early_ends - FREE_ENDS);
    }
}

/// 1 s, then half as much again each time, up to 5 minutes.
fn back_off_ms(times: u32) -> u64 {
    let mut pause = FIRST_BACK_OFF_MS;
    for _ in 1..times.min(64) {
        pause = (pause + pause / 2).min(LONGEST_BACK_OFF_MS);
    }
    pause
}

fn ends_for_good(restart: Restart, state: TaskState) -> bool {
    match restart {
        Restart::Always => false,
        Restart::OnFailure => state == TaskState::Finished,
        Restart::Never => matches!(state, TaskState::Finished | TaskState::Failed),
    }
}
