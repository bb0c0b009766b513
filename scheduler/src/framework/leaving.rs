//! Instances on hosts that are to be left: whether others have room for them, and which of them may
//! go. How they go is the way of an update: by the task's own rule, or one at a time.
//!
//! Nothing is ended for maintenance before a plan without those hosts has shown a place for it. What
//! has none stays, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::{Change, Plan, Verdict};
use lathe_topology::{TaskPath, Topology};

use super::Framework;
use super::command::{Command, PlanInput};
use super::ids::{AgentId, Incarnation, InstanceId, JobId, Time};
use super::persist::Then;
use super::records::{Life, Phase, Rollout, Write};
use super::rollout::with_surge;

/// Room comes and goes: what was found is looked at again so often while hosts are being left.
const AGAIN_MS: u64 = 10_000;
/// A trial that came at a bad moment is made again after so long.
const SOON_MS: u64 = 1_000;

/// Which instances go, and which cannot.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    goes: BTreeSet<Incarnation>,
    stays: BTreeMap<Incarnation, String>,
    trial: Option<Trial>,
    again_ms: Time,
}

/// A plan that is made only to see whether there is room.
#[derive(Debug)]
struct Trial {
    job: JobId,
    stage: Stage,
    /// Whose room is looked for. Others, and other hosts, are for the next one.
    asked: BTreeMap<InstanceId, Incarnation>,
    due: BTreeSet<AgentId>,
}

/// What is tried, each when the one before does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// All of them, with as many beside as the update rules say.
    Beside,
    /// All of them, with nothing beside that rules can do without.
    Plain,
    /// As many of them as there is room for; the reason is that of all.
    Some(String),
}

impl Leaving {
    /// Whether a life gives way because of where it is.
    pub(super) fn goes(&self, life: &Life) -> bool {
        self.goes.contains(&life.incarnation)
    }

    /// Lives that should be elsewhere and have no place there.
    pub(super) fn stuck(&self) -> usize {
        self.stays.len()
    }

    pub(super) fn next(&self) -> Option<Time> {
        let any = !self.goes.is_empty() || !self.stays.is_empty();
        (any && self.trial.is_none()).then_some(self.again_ms)
    }
}

impl Framework {
    pub(super) fn tend_leaving(&mut self, now: Time, out: &mut Vec<Command>) {
        if !self.connected() {
            return;
        }
        let leavers = self.leavers();
        self.forget_those_that_left(&leavers);
        if leavers.is_empty() || self.hosts_listed_ms.is_none() || self.batches.revise() {
            return;
        }
        let leaving = &self.leaving;
        let is_known =
            |life: &Incarnation| leaving.goes.contains(life) || leaving.stays.contains_key(life);
        let due = now >= leaving.again_ms || !leavers.values().all(is_known);
        if due && leaving.trial.is_none() {
            self.try_leaving(now, &leavers, out);
        }
    }

    /// Lives that are wanted, live, and are where they should not stay.
    fn leavers(&self) -> BTreeMap<InstanceId, Incarnation> {
        let there = self.standings.there.iter();
        let leaver = |id: &InstanceId| {
            self.wanted.of(id)?;
            let life = self.instances.get(id)?.lives.last()?;
            let live = !matches!(life.phase, Phase::Killing | Phase::Unreachable);
            (live && self.maintenance.is_due(&life.agent))
                .then(|| (id.clone(), life.incarnation.clone()))
        };
        there.filter_map(leaver).collect()
    }

    fn forget_those_that_left(&mut self, leavers: &BTreeMap<InstanceId, Incarnation>) {
        let still = |life: &Incarnation| leavers.get(&life.instance) == Some(life);
        let Self { leaving, instances, .. } = self;
        leaving.goes.retain(|life| {
            let stays = still(life);
            if !stays {
                instances.mark(life.instance.clone());
            }
            stays
        });
        leaving.stays.retain(|life, _| still(life));
        if leavers.is_empty() {
            leaving.again_ms = 0;
        }
    }

    fn try_leaving(
        &mut self,
        now: Time,
        leavers: &BTreeMap<InstanceId, Incarnation>,
        out: &mut Vec<Command>,
    ) {
        self.leaving.again_ms = now + AGAIN_MS;
        let mut any = false;
        for (id, life) in leavers {
            match self.hindrance(id) {
                // Whether the version holds is known soon; until then all goes on as it was decided.
                Some(_) if self.leaving.goes.contains(life) && self.is_tried(&id.task) => {}
                Some(why) => self.decide(id, life, Some(&why)),
                None => any = true,
            }
        }
        if any {
            let all = [Stage::Beside, Stage::Plain].map(|stage| self.topologies_of_trial(&stage));
            let stage = if all[0] == all[1] { Stage::Plain } else { Stage::Beside };
            self.begin_trial(now, stage, out);
        }
    }

    /// Why nothing of its task is replaced at present, wherever there is room.
    fn hindrance(&self, id: &InstanceId) -> Option<String> {
        let (accepted, task) = self.wanted.of(id)?;
        let name = &accepted.record.name;
        if accepted.record.paused {
            return Some(format!("topology `{name}` of {id} is paused"));
        }
        self.held_back(accepted, &id.task)?;
        Some(format!(
            "version {} of {id} is held back, since it does not keep running",
            task.version
        ))
    }

    /// Whether a slot that ended early lives again, and has not proved itself yet.
    fn is_tried(&self, path: &TaskPath) -> bool {
        let Some(of) = self.standings.tasks.get(path) else { return false };
        of.backs_off.iter().any(|slot| {
            let id = InstanceId { task: path.clone(), slot: *slot };
            let newest = self.instances.get(&id).and_then(|record| record.lives.last());
            newest.is_some_and(|life| {
                matches!(life.phase, Phase::Launching | Phase::Starting | Phase::Ready)
            })
        })
    }

    fn decide(&mut self, id: &InstanceId, life: &Incarnation, stays: Option<&str>) {
        match stays {
            Some(why) => {
                self.leaving.goes.remove(life);
                self.leaving.stays.insert(life.clone(), why.to_owned());
            }
            None => {
                self.leaving.stays.remove(life);
                self.leaving.goes.insert(life.clone());
            }
        }
        self.instances.mark(id.clone());
    }

    fn begin_trial(&mut self, now: Time, stage: Stage, out: &mut Vec<Command>) {
        let job = self.next_job();
        let input = Box::new(self.input_of_trial(now, &stage));
        let (asked, due) = (self.movable(), self.maintenance.due().clone());
        self.leaving.trial = Some(Trial { job, stage, asked, due });
        out.push(Command::Plan { job, input });
    }

    /// The topologies whose instances have to go, as if nothing of them were there any more.
    fn input_of_trial(&self, now: Time, stage: &Stage) -> PlanInput {
        let lives = self.maintenance.due().iter().flat_map(|agent| self.lives_on(agent));
        let left: BTreeSet<&str> = lives.map(|life| life.host.0.as_str()).collect();
        let mut running = self.running(now);
        running.instances.retain(|one| !left.contains(one.host.as_str()));
        let mut options = self.plain_options();
        options.budget_steps = self.config.budget_steps;
        PlanInput {
            cluster: self.cluster(),
            topologies: self.topologies_of_trial(stage),
            running,
            options,
            piecemeal: matches!(stage, Stage::Some(_)),
        }
    }

    fn topologies_of_trial(&self, stage: &Stage) -> Vec<Topology> {
        let tasks: BTreeSet<TaskPath> = self.movable().into_keys().map(|id| id.task).collect();
        let owners: BTreeSet<&str> =
            tasks.iter().filter_map(|path| self.wanted.owner(path)).collect();
        let target = |name: &&str| {
            let accepted = self.wanted.get(name)?;
            let mut topology = with_surge(accepted);
            for task in topology.tasks.iter_mut().filter(|task| tasks.contains(&task.path)) {
                let Some(update) = &task.update else { continue };
                let has = accepted.surge(&task.path).len();
                let wants = accepted.task(&task.path).map_or(0, |own| update.pace(own.count).surge);
                if *stage == Stage::Beside || Self::needs_surge(accepted, &task.path) {
                    let more = wants.saturating_sub(u32::try_from(has).unwrap_or(u32::MAX));
                    task.count = task.count.saturating_add(more);
                }
            }
            Some(topology)
        };
        owners.iter().filter_map(target).collect()
    }

    /// Those that nothing but room can keep there.
    fn movable(&self) -> BTreeMap<InstanceId, Incarnation> {
        let mut all = self.leavers();
        all.retain(|id, _| self.hindrance(id).is_none());
        all
    }

    fn still_asked(
        &self,
        asked: &BTreeMap<InstanceId, Incarnation>,
    ) -> BTreeMap<InstanceId, Incarnation> {
        let mut still = self.movable();
        still.retain(|id, life| asked.get(id) == Some(life));
        still
    }

    /// The answer to a trial; false where the job is none.
    pub(super) fn trial_planned(
        &mut self,
        now: Time,
        job: JobId,
        verdict: &Verdict,
        out: &mut Vec<Command>,
    ) -> bool {
        let Some(trial) = self.leaving.trial.take_if(|trial| trial.job == job) else {
            return false;
        };
        if trial.due != *self.maintenance.due() {
            self.leaving.again_ms = now;
            return true;
        }
        // What would be written of a topology now would undo the revision that is on its way.
        if self.batches.revise() {
            self.leaving.again_ms = now + SOON_MS;
            return true;
        }
        let why = match verdict {
            Verdict::Placed(plan) => {
                self.let_go(&trial, plan, out);
                return true;
            }
            Verdict::Blocked(refusal)
            | Verdict::Impossible(refusal)
            | Verdict::Unknown { refusal, .. } => refusal.sentence.clone(),
        };
        match trial.stage {
            Stage::Beside => self.begin_trial(now, Stage::Plain, out),
            Stage::Plain => self.begin_trial(now, Stage::Some(why), out),
            Stage::Some(why) => {
                for (id, life) in self.still_asked(&trial.asked) {
                    self.decide(&id, &life, Some(&why));
                }
            }
        }
        true
    }

    /// So many of each task go as have got a place beside what else is missing of it.
    fn let_go(&mut self, trial: &Trial, plan: &Plan, out: &mut Vec<Command>) {
        let stage = &trial.stage;
        let mut places: BTreeMap<&TaskPath, usize> = BTreeMap::new();
        for start in plan.assignments.iter().filter(|one| one.change == Change::Start) {
            *places.entry(&start.task).or_default() += 1;
        }
        let movable = self.still_asked(&trial.asked);
        let mut left: BTreeMap<TaskPath, usize> = BTreeMap::new();
        for (id, life) in &movable {
            let left = left.entry(id.task.clone()).or_insert_with(|| {
                let all = places.get(&id.task).copied().unwrap_or_default();
                all.saturating_sub(self.others_missing(&id.task))
            });
            let fits = !matches!(stage, Stage::Some(_)) || *left > 0;
            *left = left.saturating_sub(1);
            let why = match stage {
                Stage::Some(why) if !fits => Some(why.as_str()),
                _ => None,
            };
            self.decide(id, life, why);
        }
        self.run_beside(*stage == Stage::Beside, &movable, out);
    }

    /// Slots of a task that need places too: those that wait for one, and those beside the count
    /// that its rule cannot do without.
    fn others_missing(&self, path: &TaskPath) -> usize {
        let vacant = self.standings.tasks.get(path).map_or(0, |of| of.vacant.len());
        let Some(accepted) = self.wanted.owned_by(path) else { return vacant };
        let wants = accepted.task(path).and_then(|task| Some((task.update.as_ref()?, task.count)));
        let wants = wants.map_or(0, |(update, count)| update.pace(count).surge);
        if !Self::needs_surge(accepted, path) {
            return vacant;
        }
        let wants = usize::try_from(wants).unwrap_or(usize::MAX);
        vacant + wants.saturating_sub(accepted.surge(path).len())
    }

    /// Whatever goes by a rule goes as an update of it does, with its slots beyond the count.
    fn run_beside(
        &mut self,
        optional: bool,
        movable: &BTreeMap<InstanceId, Incarnation>,
        out: &mut Vec<Command>,
    ) {
        let going = movable.iter().filter(|(_, life)| self.leaving.goes.contains(life));
        let tasks: BTreeSet<&TaskPath> = going.map(|(id, _)| &id.task).collect();
        let mut changed: BTreeMap<String, Rollout> = BTreeMap::new();
        for path in tasks {
            let Some(accepted) = self.wanted.owned_by(path) else { continue };
            let Some(task) = accepted.task(path).filter(|task| task.update.is_some()) else {
                continue;
            };
            let record = &accepted.record;
            let usual = || Rollout { good: record.revision, ..Rollout::default() };
            let before = || record.rollout.clone().unwrap_or_else(usual);
            let rollout = changed.entry(record.name.clone()).or_insert_with(before);
            if optional || Self::needs_surge(accepted, path) {
                self.add_surge(accepted, task, Some(accepted), rollout);
            }
        }
        for (name, rollout) in changed {
            let Some(record) = self.wanted.record_mut(&name) else { continue };
            if record.rollout.as_ref() == Some(&rollout) {
                continue;
            }
            record.rollout = Some(rollout);
            let write = Write::Topology(record.clone());
            self.know_all_of(&name);
            self.persist(vec![write], Then::Do(Vec::new()), out);
        }
    }

    /// Whether anything of ours may be on the host of a due agent.
    pub(super) fn is_used(&self, agent: &AgentId) -> bool {
        self.lives_on(agent).next().is_some()
    }

    /// Why something on the host of a due agent stays there.
    pub(super) fn why_not_left(&self, agent: &AgentId) -> Option<String> {
        self.lives_on(agent).find_map(|life| self.why_it_stays(life)).map(str::to_owned)
    }

    /// Why a life is still where it should not be.
    pub(super) fn why_it_stays(&self, life: &Life) -> Option<&str> {
        self.leaving.stays.get(&life.incarnation).map(String::as_str)
    }

    fn lives_on(&self, agent: &AgentId) -> impl Iterator<Item = &Life> {
        let records = self.standings.there.iter().filter_map(|id| self.instances.get(id));
        records.flat_map(|record| &record.lives).filter(move |life| &life.agent == agent)
    }
}
