//! Each command, carried out. Outcomes come back as messages.

use std::sync::Arc;

use lathe_api::rest::EventView;

use super::Ended;
use super::subscriber::Subscriber;
use super::{Driver, Message};
use crate::audit;
use crate::framework::command::{Answer, Call, Command};
use crate::framework::event::Event;
use crate::framework::ids::{AskId, FrameworkId};
use crate::framework::rollout::ROLLED_BACK;
use crate::mesos_calls::{get_quota, get_schedule, hosts_of, list_agents, quota_of, windows_of};
use crate::store::Batch;

impl Driver {
    pub(super) fn carry_out(&mut self, command: Command) {
        match command {
            Command::Subscribe { framework_id } => self.subscribe(framework_id.as_ref()),
            Command::Call(call) => self.call(call),
            Command::ListHosts => self.list_hosts(),
            Command::AskQuota => self.ask_quota(),
            Command::Plan { job, input } => self.planners.plan(job, input),
            Command::Persist { batch, writes } => {
                let _ = self.tools.batches.send(Batch { id: batch, writes });
            }
            Command::Answer { ask, answer } => self.answer(ask, answer),
            Command::Publish(event) => {
                tracing::info!(
                    kind = %event.kind,
                    topology = event.topology.as_deref(),
                    incarnation = event.incarnation.as_deref(),
                    host = event.host.as_deref(),
                    "{}", event.message
                );
                self.tools.metrics.published(&event);
                if event.kind == ROLLED_BACK {
                    self.note_rollback(&event);
                }
                self.events.add(event);
            }
            Command::Stop { reason, lead_lost: true } => self.stop = Some(Ended::LeadLost(reason)),
            Command::Stop { reason, lead_lost: false } => self.stop = Some(Ended::Refused(reason)),
        }
    }

    /// A revision that nobody asked for is in the audit log too.
    fn note_rollback(&self, event: &EventView) {
        let name = event.topology.as_deref().unwrap_or_default();
        let present = self.framework.revisions(name).and_then(|all| all.first().cloned());
        audit::by_itself("rollback", name, present.map(|one| one.revision));
    }

    fn subscribe(&mut self, framework_id: Option<&FrameworkId>) {
        if let Some(old) = self.subscriber.take() {
            old.abort();
        }
        self.caller = None;
        self.generation += 1;
        if let Some(id) = framework_id {
            self.framework_id = Some(id.clone());
        }
        let subscriber = Subscriber {
            generation: self.generation,
            masters: self.tools.masters.clone(),
            group: self.tools.group.clone(),
            info: self.tools.identity.framework_info(framework_id),
            role: self.tools.identity.role.clone(),
            messages: self.to_self.clone(),
            first: self.generation == 1,
        };
        self.subscriber = Some(tokio::spawn(subscriber.run()));
    }

    fn call(&mut self, call: Call) {
        let (Some(caller), Some(id)) = (&self.caller, &self.framework_id) else {
            tracing::debug!(?call, "no subscription: the call is void");
            return;
        };
        let kind = self.tools.metrics.called(&call);
        let made = self.tools.identity.call_of(id, call);
        let metrics = self.tools.metrics.clone();
        let answer = caller.enqueue(&made);
        tokio::spawn(async move {
            if let Err(error) = answer.wait().await {
                metrics.call_failed(kind);
                tracing::warn!(call = kind, %error, "a call did not succeed");
            }
        });
    }

    fn list_hosts(&self) {
        let operator = Arc::clone(&self.tools.operator);
        let role = self.tools.identity.role.clone();
        let to_self = self.to_self.clone();
        tokio::spawn(async move {
            let asked = [list_agents(), get_schedule()].map(|call| operator.master_call(call));
            let [agents, schedule] = asked;
            let (agents, schedule) = tokio::join!(agents, schedule);
            let event = match agents {
                Ok(response) => {
                    let agents = response.get_agents.unwrap_or_default();
                    match schedule {
                        Ok(answer) => {
                            let schedule = answer.get_maintenance_schedule.unwrap_or_default();
                            let windows = windows_of(&agents, &schedule.schedule);
                            // First, since a list of hosts is planned upon at once.
                            let _ = to_self.send(Message::Event(Event::WindowsListed(windows)));
                        }
                        // Who may not ask goes by what offers say.
                        Err(error) => tracing::debug!(%error, "the schedule is not told"),
                    }
                    Event::HostsListed(hosts_of(&agents, &role))
                }
                Err(error) => Event::HostsUnknown { reason: error.to_string() },
            };
            let _ = to_self.send(Message::Event(event));
        });
    }

    fn ask_quota(&self) {
        let operator = Arc::clone(&self.tools.operator);
        let role = self.tools.identity.role.clone();
        let to_self = self.to_self.clone();
        tokio::spawn(async move {
            match operator.master_call(get_quota()).await {
                Ok(response) => {
                    let quota = quota_of(&response.get_quota.unwrap_or_default(), &role);
                    let _ = to_self.send(Message::Event(Event::QuotaTold(quota)));
                }
                // It only explains: who may not ask goes without.
                Err(error) => tracing::debug!(%error, "the quota is not told"),
            }
        });
    }

    fn answer(&mut self, ask: AskId, answer: Answer) {
        self.authors.answered(ask, &answer);
        self.tools.metrics.answered(&answer);
        let last = answer.is_last();
        let Some(asker) = self.asks.get(&ask) else { return };
        let lost = asker.answers.try_send(answer).is_err();
        if last || lost {
            self.asks.remove(&ask);
        }
        if lost {
            let _ = self.to_self.send(Message::Event(Event::AskerLeft(ask)));
        }
    }
}
