//! Scheduler calls of a subscribed framework: who may call, and what each call does.
//!
//! It owns the order of the checks and the calls that need no file of their own.

use lathe_mesos::v1::{self, scheduler};

use super::command::{Answer, Command, HostCommand};
use super::ids::{ExecutorKey, StreamId};
use super::state::Stage;
use super::updates::executor_event;
use super::validation::{check_framework, check_role};
use super::{Cluster, Deadline};

impl Cluster {
    /// Gives the answer and where in `out` it belongs.
    pub(super) fn scheduler_called(
        &mut self,
        principal: Option<String>,
        stream: Option<&StreamId>,
        call: scheduler::Call,
        out: &mut Vec<Command>,
    ) -> (usize, Answer) {
        let at = out.len();
        self.counts.calls += 1;
        if call.r#type() == scheduler::call::Type::Subscribe {
            return (at, self.subscribe(principal, stream, call, out));
        }
        let framework = call.framework_id.clone().unwrap_or_default().value;
        match self.may_call(&framework, stream) {
            Ok(()) => (at, self.carry_out(&framework, call, out)),
            Err(refused) => (at, refused),
        }
    }

    fn may_call(&self, framework: &str, stream: Option<&StreamId>) -> Result<(), Answer> {
        let refused = |status, text: String| Err(Answer::Refused { status, text });
        let Some(known) = self.frameworks.get(framework) else {
            return refused(400, "Framework cannot be found".to_owned());
        };
        let Some(current) = &known.stream else {
            return refused(403, "Framework is not subscribed".to_owned());
        };
        match stream {
            None => refused(
                400,
                "All non-subscribe calls should include the 'Mesos-Stream-Id' header".to_owned(),
            ),
            Some(given) if given != current => refused(
                400,
                format!(
                    "The stream ID '{given}' included in this request didn't match the stream ID \
                     currently associated with framework ID {framework}"
                ),
            ),
            Some(_) => Ok(()),
        }
    }

    fn carry_out(
        &mut self,
        framework: &str,
        call: scheduler::Call,
        out: &mut Vec<Command>,
    ) -> Answer {
        use scheduler::call::Type;
        match call.r#type() {
            Type::Teardown => self.remove_framework(framework, out),
            Type::Accept => {
                self.accept(framework, &call.accept.unwrap_or_default(), out);
            }
            Type::Decline => self.decline(framework, &call.decline.unwrap_or_default()),
            Type::Revive => self.revive(framework, &call.revive.unwrap_or_default().roles),
            Type::Suppress => self.suppress(framework, call.suppress.unwrap_or_default().roles),
            Type::Kill => self.kill(framework, call.kill.unwrap_or_default(), out),
            Type::Shutdown => {
                let shutdown = call.shutdown.unwrap_or_default();
                let executor = ExecutorKey {
                    framework_id: framework.to_owned(),
                    executor_id: shutdown.executor_id.value,
                };
                self.order_shutdown(&shutdown.agent_id.value, &executor, out);
            }
            Type::Acknowledge => {
                self.acknowledge(framework, &call.acknowledge.unwrap_or_default(), out);
            }
            Type::Reconcile => {
                self.reconcile(framework, &call.reconcile.unwrap_or_default(), out);
            }
            Type::Message => self.message(framework, call.message.unwrap_or_default(), out),
            Type::UpdateFramework => {
                return self.update_framework(framework, call.update_framework.unwrap_or_default());
            }
            // No inverse offers and no operations exist here, so nothing can refer to one; a
            // REQUEST is ignored by Mesos's own allocator too.
            Type::AcceptInverseOffers
            | Type::DeclineInverseOffers
            | Type::AcknowledgeOperationStatus
            | Type::ReconcileOperations
            | Type::Request => {}
            Type::Unknown | Type::Subscribe => {
                return Answer::Refused { status: 501, text: String::new() };
            }
        }
        Answer::Accepted
    }

    fn kill(&mut self, framework: &str, kill: scheduler::call::Kill, out: &mut Vec<Command>) {
        let id = &kill.task_id.value;
        let known = self.frameworks.get_mut(framework).and_then(|f| f.tasks.get_mut(id));
        let Some(task) = known.filter(|task| task.unreachable_ns.is_none()) else {
            self.answer_about(framework, id, kill.agent_id.as_ref(), out);
            return;
        };
        if kill.agent_id.is_some_and(|agent| agent.value != task.agent) {
            return;
        }
        let order = v1::executor::event::Kill {
            task_id: kill.task_id.clone(),
            kill_policy: kill.kill_policy,
        };
        let (agent, executor) = (task.agent.clone(), task.executor.clone());
        if task.delivered {
            task.kill = Some(order.clone());
            let event = v1::executor::Event {
                kill: Some(order),
                ..executor_event(v1::executor::event::Type::Kill)
            };
            self.deliver(&agent, &executor, event, out);
        } else {
            self.kill_before_delivery(framework, id, out);
        }
    }

    fn message(
        &mut self,
        framework: &str,
        message: scheduler::call::Message,
        out: &mut Vec<Command>,
    ) {
        let executor = ExecutorKey {
            framework_id: framework.to_owned(),
            executor_id: message.executor_id.value,
        };
        let event = v1::executor::Event {
            message: Some(v1::executor::event::Message { data: message.data }),
            ..executor_event(v1::executor::event::Type::Message)
        };
        self.deliver(&message.agent_id.value, &executor, event, out);
    }

    /// Sends an event on an executor's stream, if it has one.
    pub(super) fn deliver(
        &self,
        agent: &str,
        executor: &ExecutorKey,
        event: v1::executor::Event,
        out: &mut Vec<Command>,
    ) {
        let connected = self
            .agents
            .get(agent)
            .and_then(|agent| agent.executors.get(executor))
            .is_some_and(|executor| executor.connected);
        if connected {
            let command =
                HostCommand::Deliver { executor: executor.clone(), event: Box::new(event) };
            self.tell(agent, command, out);
        }
    }

    fn update_framework(&mut self, id: &str, update: scheduler::call::UpdateFramework) -> Answer {
        let refused = |text: String| Answer::Refused { status: 400, text };
        let info = update.framework_info;
        if let Err(why) = check_framework(&info, &update.suppressed_roles) {
            return refused(format!("Supplied FrameworkInfo is not valid: {why}"));
        }
        let Some(framework) = self.frameworks.get_mut(id) else {
            return refused("Framework cannot be found".to_owned());
        };
        let unsupported = |field: &str, from: &str, to: &str| {
            refused(format!(
                "FrameworkInfo update is not valid: Updating 'FrameworkInfo.{field}' is \
                 unsupported; attempted to update from '{from}' to '{to}'"
            ))
        };
        if info.principal.is_some() && info.principal != framework.info.principal {
            return refused(
                "FrameworkInfo update is not valid: Changing framework's principal is not allowed."
                    .to_owned(),
            );
        }
        if info.user != framework.info.user {
            return unsupported("user", &framework.info.user, &info.user);
        }
        if info.checkpoint() != framework.info.checkpoint() {
            let [from, to] =
                [framework.info.checkpoint(), info.checkpoint()].map(|b| b.to_string());
            return unsupported("checkpoint", &from, &to);
        }
        self.replace_info(id, info, update.suppressed_roles);
        Answer::Done
    }

    /// Takes over a new FrameworkInfo; roles that are no longer suppressed lose their filters.
    pub(super) fn replace_info(
        &mut self,
        id: &str,
        info: v1::FrameworkInfo,
        suppressed: Vec<String>,
    ) {
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        let (user, checkpoint) = (framework.info.user.clone(), framework.info.checkpoint);
        let principal = framework.info.principal.clone();
        framework.info = v1::FrameworkInfo { user, checkpoint, principal, ..info };
        framework.info.id = Some(v1::FrameworkId { value: id.to_owned() });
        let before = std::mem::replace(&mut framework.suppressed, suppressed.into_iter().collect());
        let released: Vec<String> =
            before.into_iter().filter(|role| !framework.suppressed.contains(role)).collect();
        self.clear_filters(id, &released);
        self.everything_is_dirty();
    }

    fn suppress(&mut self, framework: &str, roles: Vec<String>) {
        if let Some(framework) = self.frameworks.get_mut(framework) {
            let own = framework.roles();
            if roles.iter().any(|role| check_role(role).is_err()) {
                return;
            }
            let roles = if roles.is_empty() { own } else { roles };
            framework.suppressed.extend(roles);
        }
    }

    fn revive(&mut self, framework: &str, roles: &[String]) {
        if roles.iter().any(|role| check_role(role).is_err()) {
            return;
        }
        let Some(known) = self.frameworks.get_mut(framework) else {
            return;
        };
        let roles = if roles.is_empty() { known.roles() } else { roles.to_vec() };
        for role in &roles {
            known.suppressed.remove(role);
        }
        self.clear_filters(framework, &roles);
        self.everything_is_dirty();
    }

    /// Ends a framework: all its executors, all its tasks, its subscription.
    pub(super) fn remove_framework(&mut self, id: &str, out: &mut Vec<Command>) {
        self.clear_all_filters(id);
        let Some(framework) = self.frameworks.remove(id) else {
            return;
        };
        self.take_back_offers(&framework.offers);
        for (task_id, task) in &framework.tasks {
            self.forget_task(id, task_id, task);
        }
        if let Some(at) = framework.failover_at {
            self.deadlines.clear(at, Deadline::Failover { framework: id.to_owned() });
        }
        let theirs: Vec<(String, ExecutorKey)> = self
            .agents
            .iter()
            .flat_map(|(agent, known)| {
                let keys = known.executors.keys().filter(|key| key.framework_id == id);
                keys.map(|key| (agent.clone(), key.clone()))
            })
            .collect();
        for (agent, executor) in theirs {
            self.release_executor(&agent, &executor);
            self.order_shutdown(&agent, &executor, out);
        }
        if let Some(stream) = framework.stream {
            self.deadlines
                .clear(framework.heartbeat_at, Deadline::Heartbeat { stream: stream.clone() });
            self.streams.remove(&stream);
            out.push(Command::Close { stream });
        }
        super::remember(&mut self.removed, id.to_owned());
        for agent in self.agents.keys().cloned().collect::<Vec<_>>() {
            self.drain_may_be_over(&agent, out);
        }
    }

    /// Whether an executor was told to end.
    pub(super) fn is_terminating(&self, agent: &str, executor: &ExecutorKey) -> bool {
        self.agents
            .get(agent)
            .and_then(|agent| agent.executors.get(executor))
            .is_some_and(|executor| matches!(executor.stage, Stage::Terminating { .. }))
    }
}
