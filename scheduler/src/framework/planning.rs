//! Between what is wanted and a planner: the input that a job's plan is made from, what is
//! missing, and what a finished plan asks for.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::{Change as Placed, Options, Plan, Running, RunningInstance};
use lathe_topology::{Code, Resources, TaskPath};

use super::Framework;
use super::command::{Answer, ChangeKind, Command, PlanInput, PlanView};
use super::ids::{HostName, InstanceId, Time};
use super::jobs::{Holding, Job, JobPhase, Purpose};
use super::launches::WISHES_MAX;
use super::plan_view::stops_something;
use super::records::{MOVING, Phase, Write};
use super::rollout::with_surge;
use super::submissions::{plain, refuse};
use super::wanted::Accepted;
use super::watchers::Watcher;

impl Framework {
    pub(super) fn plan_input(&self, now: Time) -> PlanInput {
        let mut running = self.running(now);
        let (topologies, max_moves, piecemeal) = match self.job.as_ref().map(|job| &job.purpose) {
            Some(
                Purpose::Plan { target, max_moves, .. } | Purpose::Submit { target, max_moves, .. },
            ) => {
                self.set_surge_apart(&mut running);
                (vec![target.topology.clone()], *max_moves, false)
            }
            _ => {
                let missing = self.missing(now);
                let broken: BTreeSet<&str> =
                    missing.iter().filter_map(|id| self.wanted.owner(&id.task)).collect();
                let topologies = broken.iter().filter_map(|name| self.wanted.get(name));
                (topologies.map(with_surge).collect(), 0, true)
            }
        };
        let previous = self.instances.values().filter_map(|record| {
            let host = record.lives.last().map(|life| &life.host).or(record.last_host.as_ref())?;
            Some(((record.id.task.clone(), record.id.slot), host.0.clone()))
        });
        PlanInput {
            cluster: self.cluster(),
            topologies,
            running,
            options: Options {
                max_moves,
                budget_steps: self.config.budget_steps,
                previous: previous.collect(),
                // What is repaired by itself is nobody's file to mend.
                repairs: !piecemeal,
                ..self.plain_options()
            },
            piecemeal,
        }
    }

    pub(super) fn plain_options(&self) -> Options {
        let overhead = &self.config.overhead;
        Options {
            overhead: Resources {
                cpus_milli: overhead.cpus_milli,
                mem_bytes: overhead.mem_bytes,
                disk_bytes: overhead.disk_bytes,
                ports: Vec::new(),
            },
            max_moves: 0,
            budget_steps: 0,
            repairs: false,
            seed: 0,
            previous: BTreeMap::new(),
            removing: BTreeSet::new(),
        }
    }

    /// Everything that may run, as a planner sees it: an instance that was lost for longer than it
    /// is waited for counts no more.
    pub(super) fn running(&self, now: Time) -> Running {
        let mut instances = Vec::new();
        for record in self.instances.values() {
            for (at, life) in record.lives.iter().enumerate() {
                if self.given_up(now, life) {
                    continue;
                }
                let newest = at + 1 == record.lives.len();
                instances.push(RunningInstance {
                    topology: record.topology.clone(),
                    task: record.id.task.clone(),
                    slot: record.id.slot,
                    host: life.host.0.clone(),
                    tags: life.tags.iter().filter_map(|tag| tag.parse().ok()).collect(),
                    biases: life.biases.clone(),
                    resources: life.resources.clone(),
                    keep: newest && life.phase != Phase::Killing,
                });
            }
        }
        Running { instances }
    }

    /// What runs beside the count while a task is updated stays where it is, and is no instance that
    /// a plan counts.
    fn set_surge_apart(&self, running: &mut Running) {
        for one in &mut running.instances {
            let id = InstanceId { task: one.task.clone(), slot: one.slot };
            if self.is_surge(&id) {
                // A name that no file can have, as with the pieces of a repair.
                one.topology.push_str("\0surge");
            }
        }
    }

    /// Wanted slots that have no life worth waiting for, whose back-off is over, and whose version
    /// is not held back.
    pub(super) fn missing(&self, now: Time) -> BTreeSet<InstanceId> {
        let tasks = self.standings.tasks.iter().filter(|(_, of)| !of.vacant.is_empty());
        tasks
            .flat_map(|(path, of)| {
                let slots = self.may_fill(now, path, of).into_iter();
                slots.map(|slot| InstanceId { task: path.clone(), slot })
            })
            .collect()
    }

    pub(super) fn is_anything_missing(&self, now: Time) -> bool {
        let mut tasks = self.standings.tasks.iter().filter(|(_, of)| !of.vacant.is_empty());
        tasks.any(|(path, of)| !self.may_fill(now, path, of).is_empty())
    }

    pub(super) fn repair_due(&self, now: Time) -> bool {
        self.connected() && now >= self.repair_not_before_ms && self.is_anything_missing(now)
    }

    pub(super) fn repair_deadline(&self) -> Option<Time> {
        (self.connected() && self.job.is_none()).then_some(self.repair_not_before_ms)
    }

    /// What one instance of that id needs, by the job's target or by what is accepted.
    pub(super) fn wish_of(&self, id: &InstanceId) -> Option<Resources> {
        let target = match self.job.as_ref().map(|job| &job.purpose) {
            Some(Purpose::Submit { target, .. }) => Some(target),
            _ => None,
        };
        let task = match target {
            Some(target) => target.task(&id.task),
            None => self.wanted.of(id).map(|(_, task)| task),
        };
        task.map(|task| task.resources.clone())
    }

    /// A plan was found: tell it, or begin to carry it out.
    pub(super) fn carry_out(&mut self, now: Time, job: Job, plan: &Plan, out: &mut Vec<Command>) {
        if matches!(job.purpose, Purpose::Submit { .. }) && self.batches.revise() {
            // The revision before this one is to be known first.
            return self.resume_job(now, job, out);
        }
        let Job { id, purpose, deadline_ms, .. } = job;
        match purpose {
            Purpose::Plan { ask, target, .. } => {
                let view = self.view_of(&target, plan);
                out.push(Command::Answer { ask, answer: Answer::Planned(view) });
            }
            Purpose::Submit { ask, edit, mut target, max_moves, may_stop, queues } => {
                let view = self.view_of(&target, plan);
                if self.says_nothing_new(&target, &view) {
                    // It may still be on its way: the caller waits for it like the one before.
                    let revision = self.revision(&target.record.name);
                    self.watchers.push(Watcher {
                        ask,
                        topology: target.record.name,
                        revision,
                        changed: false,
                    });
                    return;
                }
                if !may_stop && stops_something(&view) {
                    let sentence = "the submission would stop running instances";
                    let hint = "look at `lathe plan FILE`, then submit with --yes";
                    return refuse(ask, "refused", plain(Code::BLOCKED, sentence, hint), out);
                }
                out.push(Command::Answer { ask, answer: Answer::Planned(view.clone()) });
                target.record.slots = slots_of(plan);
                target.record.rollout = self.rollout_of(&target);
                let stops = stops_something(&view) || self.ends_beside(&target);
                let purpose = Purpose::Submit { ask, edit, target, max_moves, may_stop, queues };
                let job = Job { id, purpose, phase: JobPhase::Planning, deadline_ms };
                self.begin(now, job, plan, stops, out);
            }
            Purpose::Repair => {
                let wishes = self.wishes_of_repair(now, plan);
                if wishes.is_empty() {
                    self.repair_not_before_ms = now + 2_000;
                    return;
                }
                let job =
                    Job { id, purpose: Purpose::Repair, phase: JobPhase::Planning, deadline_ms };
                self.hold(now, job, Holding::new(now, wishes, self.standings.vacancies()));
            }
        }
    }

    /// Whether something runs beside the count that the next revision does not want: the plan does not
    /// name it.
    fn ends_beside(&self, target: &Accepted) -> bool {
        let Some(accepted) = self.wanted.get(&target.record.name) else { return false };
        accepted.topology.tasks.iter().map(|task| &task.path).any(|path| {
            let stays =
                |slot: &u32| target.slots(path).contains(slot) || target.surge(path).contains(slot);
            accepted.surge(path).iter().any(|slot| {
                let id = InstanceId { task: path.clone(), slot: *slot };
                let runs = self.instances.get(&id).is_some_and(|record| !record.lives.is_empty());
                runs && !stays(slot)
            })
        })
    }

    /// Where something ends, the revision is written first and the starts follow as room comes
    /// free; where everything only starts, all of it is held before anything is written.
    fn begin(&mut self, now: Time, job: Job, plan: &Plan, stops: bool, out: &mut Vec<Command>) {
        let starts = |assignment: &lathe_placement::Assignment| {
            let id = InstanceId { task: assignment.task.clone(), slot: assignment.slot };
            let Purpose::Submit { target, .. } = &job.purpose else { return true };
            let identity = target.task(&id.task).map(|task| target.identity(task));
            let record = self.instances.get(&id);
            let finished = record.and_then(|record| record.finished.as_deref());
            finished.is_none() || finished != identity
        };
        let wishes: BTreeMap<InstanceId, HostName> = plan
            .assignments
            .iter()
            .filter(|assignment| assignment.change == Placed::Start && starts(assignment))
            .map(|a| (InstanceId { task: a.task.clone(), slot: a.slot }, HostName(a.host.clone())))
            .collect();
        if wishes.len() > WISHES_MAX {
            let sentence = format!("{} instances would start at once", wishes.len());
            let hint =
                format!("start at most {WISHES_MAX} by one submission, and raise `tasks` then");
            if let Purpose::Submit { ask, .. } = job.purpose {
                refuse(ask, "refused", plain(Code::LIMIT, &sentence, &hint), out);
            }
            return;
        }
        if !wishes.is_empty() && !stops {
            return self.hold(now, job, Holding::new(now, wishes, self.standings.vacancies()));
        }
        if let Job { id, purpose: Purpose::Submit { ask, target, .. }, deadline_ms, .. } = job {
            self.job = Some(Job {
                id,
                purpose: Purpose::Repair,
                phase: JobPhase::Persisting,
                deadline_ms,
            });
            let moves = self.mark_moves(plan);
            self.accept(ask, target, moves, None, out);
        }
    }

    /// What is to move ends where it is, and starts again as room comes free: the mark is durable
    /// with the revision that asks for it.
    fn mark_moves(&mut self, plan: &Plan) -> Vec<Write> {
        let mut writes = Vec::new();
        for assignment in &plan.assignments {
            let Placed::Move { .. } = &assignment.change else { continue };
            let id = InstanceId { task: assignment.task.clone(), slot: assignment.slot };
            let Some(record) = self.instances.get_mut(&id) else { continue };
            record.last_host = Some(HostName(assignment.host.clone()));
            if let Some(life) = record.lives.last_mut() {
                MOVING.clone_into(&mut life.identity);
            }
            writes.push(Write::Instance(record.clone()));
        }
        writes
    }

    /// The planner chooses hosts by task; the missing slots are filled in their order.
    fn wishes_of_repair(&self, now: Time, plan: &Plan) -> BTreeMap<InstanceId, HostName> {
        let mut missing: BTreeMap<TaskPath, BTreeSet<u32>> = BTreeMap::new();
        for id in self.missing(now) {
            missing.entry(id.task).or_default().insert(id.slot);
        }
        let mut wishes = BTreeMap::new();
        let mut homeless = Vec::new();
        for assignment in plan.assignments.iter().filter(|a| a.change == Placed::Start) {
            let host = HostName(assignment.host.clone());
            let Some(slots) = missing.get_mut(&assignment.task) else { continue };
            if slots.remove(&assignment.slot) {
                let id = InstanceId { task: assignment.task.clone(), slot: assignment.slot };
                wishes.insert(id, host);
            } else {
                homeless.push((assignment.task.clone(), host));
            }
        }
        for (task, host) in homeless {
            if let Some(slot) = missing.get_mut(&task).and_then(BTreeSet::pop_first) {
                wishes.insert(InstanceId { task, slot }, host);
            }
        }
        wishes
    }

    pub(super) fn revision(&self, name: &str) -> u64 {
        self.wanted.get(name).map_or(0, |accepted| accepted.record.revision)
    }

    fn says_nothing_new(&self, target: &Accepted, view: &PlanView) -> bool {
        view.changes.iter().all(|change| change.kind == ChangeKind::Keep)
            && view.notes.is_empty()
            && self.wanted.topologies().contains_key(&target.record.name)
    }
}

fn slots_of(plan: &Plan) -> BTreeMap<TaskPath, Vec<u32>> {
    let mut slots: BTreeMap<TaskPath, Vec<u32>> = BTreeMap::new();
    for assignment in &plan.assignments {
        slots.entry(assignment.task.clone()).or_default().push(assignment.slot);
    }
    for list in slots.values_mut() {
        list.sort_unstable();
    }
    slots
}
