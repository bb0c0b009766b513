//! Between scheduler, master and hosts: what each says, on its way to the other.

use lathe_mesos::v1::scheduler::{call, event};
use lathe_scheduler::framework::command::Call;
use lathe_scheduler::framework::event::Event;
use lathe_scheduler::framework::ids::FrameworkId;
use lathe_scheduler::mesos_calls::{event_of, hosts_of};
use lathe_standalone::cluster::{self, Answer, RequestId};

use super::{Coming, World};
use crate::executors::is_end;
use crate::oracle::Oracle;

impl World {
    pub(super) fn subscribe(&mut self, id: Option<&FrameworkId>) {
        self.close_stream();
        let mut made = self
            .identity
            .call_of(&id.cloned().unwrap_or(FrameworkId(String::new())), Call::ReconcileAll);
        made.reconcile = None;
        made.framework_id = id.map(|id| lathe_mesos::v1::FrameworkId { value: id.0.clone() });
        made.r#type = Some(call::Type::Subscribe.into());
        made.subscribe = Some(call::Subscribe {
            framework_info: self.identity.framework_info(id),
            ..call::Subscribe::default()
        });
        let pause = if self.calm { 1 } else { self.network.between(1, 500) };
        self.made += 1;
        let event = Box::new(cluster::Event::SchedulerCalled {
            request: RequestId(self.made),
            principal: None,
            stream: None,
            call: Box::new(made),
        });
        self.schedule(pause, Coming::Connects { life: self.life, event });
    }

    pub(super) fn close_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.oracle.connection_ended();
            self.step_master(cluster::Event::StreamClosed { stream });
        }
    }

    pub(super) fn call(&mut self, call: Call) {
        let (Some(stream), Some(id)) = (
            self.stream.clone(),
            self.framework.as_ref().and_then(|f| f.status().scheduler.framework_id),
        ) else {
            return;
        };
        let made = self.identity.call_of(&FrameworkId(id), call);
        self.made += 1;
        let event = Box::new(cluster::Event::SchedulerCalled {
            request: RequestId(self.made),
            principal: None,
            stream: Some(stream),
            call: Box::new(made),
        });
        let life = self.master_life;
        self.send("to master", Coming::Master { life, event });
    }

    pub(super) fn list_hosts(&mut self) {
        let hosts = hosts_of(&self.master.get_agents(), &self.identity.role);
        self.tell_framework("operator", Event::HostsListed(hosts));
    }

    /// What reaches the master from a scheduler is judged there.
    pub(super) fn judge_call(&mut self, event: &cluster::Event) {
        let cluster::Event::SchedulerCalled { call, stream, .. } = event else { return };
        if stream.is_none() || *stream != self.stream {
            return;
        }
        let text = format!("call {}", described(call));
        self.trace.line(self.now, &text);
        let check = self.oracle.called(call, &self.store);
        self.fail(check);
        if let Some(acknowledge) = &call.acknowledge {
            let ended = self.statuses.get(&acknowledge.uuid.to_vec()).copied().unwrap_or(false);
            let check = Oracle::acknowledged(&acknowledge.task_id.value, ended, &self.store);
            self.fail(check);
        }
    }

    pub(super) fn master_says(&mut self, command: cluster::Command) {
        match command {
            cluster::Command::Answer { answer: Answer::Subscribed { stream }, .. } => {
                self.stream = Some(stream);
            }
            cluster::Command::Answer { .. } => {}
            cluster::Command::Send { stream, event } => {
                if self.stream.as_ref() == Some(&stream) {
                    self.note(&event);
                    if let Some(event) = event_of(*event, &self.identity.role, "master") {
                        self.tell_framework("from master", event);
                    }
                }
            }
            cluster::Command::Close { stream } => {
                if self.stream.as_ref() == Some(&stream) {
                    self.stream = None;
                    self.oracle.connection_ended();
                    let reason = "the master closed the stream".to_owned();
                    self.tell_framework("from master", Event::Disconnected { reason });
                }
            }
            cluster::Command::Host { host, command } => {
                let Some(at) = self.hosts.find(&host) else { return };
                if self.hosts.hosts[at].up {
                    let more = self.hosts.told(at, command);
                    self.later(more);
                }
            }
        }
    }

    fn note(&mut self, event: &lathe_mesos::v1::scheduler::Event) {
        match event.r#type() {
            event::Type::Offers => {
                let offers = event.offers.iter().flat_map(|offers| &offers.offers);
                for offer in offers {
                    let text = format!("offer {} of {}", short(&offer.id.value), offer.hostname);
                    self.trace.line(self.now, &text);
                    self.oracle.offered(&offer.id.value, self.now);
                }
            }
            event::Type::Rescind => {
                if let Some(rescind) = &event.rescind {
                    self.oracle.withdrawn(&rescind.offer_id.value);
                }
            }
            event::Type::Update => {
                let Some(status) = event.update.as_ref().map(|update| &update.status) else {
                    return;
                };
                let text =
                    format!("status {} {}", status.task_id.value, status.state().as_str_name());
                self.trace.line(self.now, &text);
                if let Some(uuid) = &status.uuid {
                    self.statuses.insert(uuid.to_vec(), is_end(status.state()));
                }
            }
            _ => {}
        }
    }

    /// A host's word; a paused host's waits in its own buffers, and is lost with it.
    pub(super) fn host_says(&mut self, at: usize, event: cluster::Event) {
        if self.hosts.hosts[at].paused {
            self.schedule(500, Coming::Master { life: self.master_life, event: Box::new(event) });
            return;
        }
        self.step_master(event);
    }
}

fn short(offer: &str) -> &str {
    offer.rsplit_once('-').map_or(offer, |(_, number)| number)
}

fn described(call: &lathe_mesos::v1::scheduler::Call) -> String {
    let accepted = call.accept.iter().flat_map(|accept| &accept.offer_ids);
    let declined = call.decline.iter().flat_map(|decline| &decline.offer_ids);
    let offers: Vec<&str> = accepted.chain(declined).map(|offer| short(&offer.value)).collect();
    let killed = call.kill.as_ref().map(|kill| kill.task_id.value.as_str()).unwrap_or_default();
    format!("{} {killed}{}", call.r#type().as_str_name(), offers.join(" "))
}
