//! ACCEPT: whether the offers and the tasks are good, and the launch of those that are.
//!
//! It owns the order of validation and its texts; what becomes of a launched task is not its
//! matter.

use std::collections::{BTreeSet, VecDeque};

use lathe_mesos::v1::{self, scheduler};
use v1::task_status::Reason;

use super::Cluster;
use super::command::Command;
use super::ids::ExecutorKey;
use super::resources::Amount;
use super::state::{Offer, Task};
use super::updates::update_event;
use super::validation::check_id;

impl Cluster {
    pub(super) fn accept(
        &mut self,
        framework: &str,
        accept: &scheduler::call::Accept,
        out: &mut Vec<Command>,
    ) {
        let valid = self.check_offers(framework, &accept.offer_ids);
        let mut merged: Option<Offer> = None;
        for id in &accept.offer_ids {
            let theirs = self.offers.get(&id.value).is_some_and(|o| o.framework == framework);
            if theirs && let Some(offer) = self.take_back(&id.value) {
                match &mut merged {
                    Some(merged) => merged.amount.add(&offer.amount),
                    None => merged = Some(offer),
                }
            }
        }
        let mut rest = match (valid, merged) {
            (Ok(()), Some(offer)) => offer,
            (Err(why), _) => {
                self.drop_tasks(framework, &accept.operations, &why, out);
                return;
            }
            (Ok(()), None) => return,
        };
        let mut launched = false;
        for operation in &accept.operations {
            launched |= self.operate(framework, operation, &mut rest, out);
        }
        let pause = self.refusal_ms(accept.filters.as_ref());
        // Nothing launched is a refusal like any other; else zero means "give it back at once".
        let pause = if launched { pause } else { pause.max(self.config.min_refuse_ms) };
        self.refuse(&rest, pause);
    }

    fn check_offers(&self, framework: &str, ids: &[v1::OfferId]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        let mut first: Option<&Offer> = None;
        for v1::OfferId { value: id } in ids {
            let Some(offer) = self.offers.get(id).filter(|offer| offer.framework == framework)
            else {
                return Err(format!("Offer {id} is no longer valid"));
            };
            if !seen.insert(id) {
                return Err(format!("Duplicate offer {id} in offer list"));
            }
            let before = *first.get_or_insert(offer);
            if before.role != offer.role {
                return Err(format!(
                    "Aggregated offers must be allocated to the same role. Offer {id} uses role \
                     '{}' but another is using role '{}'",
                    offer.role, before.role
                ));
            }
            if before.agent != offer.agent {
                return Err(format!(
                    "Aggregated offers must belong to one single agent. Offer {id} uses agent {} \
                     and agent {}",
                    offer.agent, before.agent
                ));
            }
        }
        if first.is_none() { Err("No offers specified".to_owned()) } else { Ok(()) }
    }

    fn drop_tasks(
        &mut self,
        framework: &str,
        operations: &[v1::offer::Operation],
        why: &str,
        out: &mut Vec<Command>,
    ) {
        let state = match self.frameworks.get(framework) {
            Some(framework) => framework.or_lost(v1::TaskState::TaskDropped),
            None => return,
        };
        let message = format!("Task launched with invalid offers: {why}");
        for task in operations.iter().flat_map(tasks_of) {
            // Where master and agent are two, the launch is with the agent when the drain comes.
            let verdict = if self.is_draining(&task.agent_id.value) {
                (state, Reason::AgentDraining, "Ignoring launch: the agent is draining")
            } else {
                (state, Reason::InvalidOffers, message.as_str())
            };
            self.refuse_task(framework, task, verdict, out);
        }
    }

    /// Says of a task that was never launched how it ended: without uuid, and not repeated.
    fn refuse_task(
        &mut self,
        framework: &str,
        task: &v1::TaskInfo,
        (state, reason, message): (v1::TaskState, Reason, &str),
        out: &mut Vec<Command>,
    ) {
        let status = v1::TaskStatus {
            task_id: task.task_id.clone(),
            agent_id: Some(task.agent_id.clone()),
            message: Some(message.to_owned()),
            reason: Some(reason.into()),
            ..self.master_status(state)
        };
        self.send(framework, update_event(status), out);
    }

    /// Carries out one operation on what is left of the offer; whether it launched something.
    fn operate(
        &mut self,
        framework: &str,
        operation: &v1::offer::Operation,
        rest: &mut Offer,
        out: &mut Vec<Command>,
    ) -> bool {
        use v1::offer::operation::Type;
        let kind = operation.r#type();
        let refusal = match kind {
            Type::Launch if operation.id.is_some() => {
                Some((Reason::TaskInvalid, "The `id` field cannot be set on LAUNCH operations"))
            }
            Type::Launch => None,
            // Task groups need Mesos's default executor, which does not exist here.
            Type::LaunchGroup => {
                Some((Reason::TaskGroupInvalid, "lathe-standalone launches no task groups"))
            }
            // Reservations and volumes do not exist here; without an operation id nobody waits.
            _ => return false,
        };
        let mut launched = false;
        for task in tasks_of(operation) {
            let checked = match refusal {
                Some((reason, why)) => Err((reason, why.to_owned())),
                None => {
                    self.check_task(framework, task, rest).map_err(|why| (Reason::TaskInvalid, why))
                }
            };
            match checked {
                Ok(needs) => {
                    rest.amount.subtract(&needs.task);
                    rest.amount.subtract(&needs.executor);
                    self.launch((framework, &rest.role), task.clone(), needs, out);
                    launched = true;
                }
                Err((reason, why)) => {
                    let verdict = (v1::TaskState::TaskError, reason, why.as_str());
                    self.refuse_task(framework, task, verdict, out);
                }
            }
        }
        launched
    }

    /// Why a task cannot be launched on what an offer holds, or what it takes.
    fn check_task(
        &self,
        framework: &str,
        task: &v1::TaskInfo,
        offer: &Offer,
    ) -> Result<Needs, String> {
        let id = &task.task_id.value;
        check_id(id).map_err(|why| format!("Task has an invalid TaskID: {why}"))?;
        if self.frameworks.get(framework).is_some_and(|known| known.tasks.contains_key(id)) {
            return Err(format!("Task has duplicate ID: {id}"));
        }
        if task.agent_id.value != offer.agent {
            return Err(format!(
                "Task uses invalid agent {} while agent {} is expected",
                task.agent_id.value, offer.agent
            ));
        }
        if task.executor.is_some() == task.command.is_some() {
            return Err("Task should have at least one (but not both) of CommandInfo or \
                        ExecutorInfo present"
                .to_owned());
        }
        let Some(info) = &task.executor else {
            return Err(
                "lathe-standalone has no command executor: 'TaskInfo.executor' must be set"
                    .to_owned(),
            );
        };
        let own = Amount::of_message(&task.resources, &offer.role)?;
        if own.is_empty() {
            return Err("Task uses no resources".to_owned());
        }
        let executor = self.check_executor(framework, info, offer)?;
        let mut all = own.clone();
        all.add(&executor);
        if !offer.amount.contains(&all) || clash(&own, &executor) {
            return Err(format!(
                "Total resources {} required by task and its executor is more than available {}",
                all.describe(&offer.role),
                offer.amount.describe(&offer.role)
            ));
        }
        Ok(Needs { task: own, executor })
    }

    fn check_executor(
        &self,
        framework: &str,
        info: &v1::ExecutorInfo,
        offer: &Offer,
    ) -> Result<Amount, String> {
        check_id(&info.executor_id.value).map_err(|why| {
            format!(
                "'ExecutorInfo.executor_id' is \
             invalid: {why}"
            )
        })?;
        if let Some(named) = &info.framework_id
            && named.value != framework
        {
            return Err(format!(
                "ExecutorInfo has an invalid FrameworkID (Actual: {} vs Expected: {framework})",
                named.value
            ));
        }
        if info.r#type() == v1::executor_info::Type::Default {
            return Err("'ExecutorInfo.type' must be 'CUSTOM'".to_owned());
        }
        if info.command.is_none() {
            return Err("'ExecutorInfo.command' must be set".to_owned());
        }
        let key = ExecutorKey {
            framework_id: framework.to_owned(),
            executor_id: info.executor_id.value.clone(),
        };
        let running = self.agents.get(&offer.agent).and_then(|agent| agent.executors.get(&key));
        match running {
            Some(running) if !same_executor(&running.info, info) => {
                Err("ExecutorInfo is not compatible with existing ExecutorInfo with same \
                     ExecutorID."
                    .to_owned())
            }
            // Its own resources are taken already.
            Some(_) => Ok(Amount::default()),
            None => Amount::of_message(&info.resources, &offer.role),
        }
    }

    fn launch(
        &mut self,
        (framework_id, role): (&str, &str),
        info: v1::TaskInfo,
        needs: Needs,
        out: &mut Vec<Command>,
    ) {
        let (agent, id) = (info.agent_id.value.clone(), info.task_id.value.clone());
        let Some(mut executor_info) = info.executor.clone() else {
            return;
        };
        executor_info.framework_id = Some(v1::FrameworkId { value: framework_id.to_owned() });
        executor_info.r#type = Some(v1::executor_info::Type::Custom.into());
        let key = ExecutorKey {
            framework_id: framework_id.to_owned(),
            executor_id: executor_info.executor_id.value.clone(),
        };
        let info = v1::TaskInfo { executor: Some(executor_info.clone()), ..info };
        if let Some(known) = self.agents.get_mut(&agent) {
            known.used.add(&needs.task);
        }
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        framework.allocated.add(&needs.task);
        self.counts.launched += 1;
        let task = Task {
            info,
            agent: agent.clone(),
            executor: key.clone(),
            role: role.to_owned(),
            amount: needs.task,
            latest: v1::TaskState::TaskStaging,
            told: v1::TaskState::TaskStaging,
            container_status: None,
            healthy: None,
            delivered: false,
            kill: None,
            updates: VecDeque::new(),
            seen: BTreeSet::new(),
            resend: None,
            unreachable_ns: None,
        };
        framework.tasks.insert(id.clone(), task);
        self.give_to_executor((&agent, &key), (executor_info, needs.executor), id, out);
    }
}

/// What a launch takes from an offer.
struct Needs {
    task: Amount,
    executor: Amount,
}

fn tasks_of(operation: &v1::offer::Operation) -> impl Iterator<Item = &v1::TaskInfo> {
    let single = operation.launch.iter().flat_map(|launch| &launch.task_infos);
    let grouped = operation.launch_group.iter().flat_map(|group| &group.task_group.tasks);
    single.chain(grouped)
}

/// Whether two amounts want the same range twice.
fn clash(one: &Amount, other: &Amount) -> bool {
    let mut both = one.clone();
    both.add(other);
    both.subtract(one);
    !both.contains(other)
}

/// Whether two descriptions mean one executor, whatever was filled in by the master.
fn same_executor(one: &v1::ExecutorInfo, other: &v1::ExecutorInfo) -> bool {
    let plain = |info: &v1::ExecutorInfo| {
        let mut info = info.clone();
        info.framework_id = None;
        info.r#type = None;
        for resource in &mut info.resources {
            resource.allocation_info = None;
        }
        info
    };
    plain(one) == plain(other)
}
