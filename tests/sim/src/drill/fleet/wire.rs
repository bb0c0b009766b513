//! Between the scheduler, the master and the hosts: what each says, on its way to the other.

use lathe_api::door::Key;
use lathe_mesos::v1::scheduler::{Call as MesosCall, call};
use lathe_scheduler::framework::command::Call;
use lathe_scheduler::framework::event::Event;
use lathe_scheduler::framework::ids::FrameworkId;
use lathe_scheduler::mesos_calls::{Identity, event_of};
use lathe_standalone::cluster::{self, HostName, RequestId, StreamId};

use super::{Coming, Fleet};

impl Fleet {
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
        let event = self.called(None, made);
        self.schedule(1, Coming::Connects { life: self.life, event: Box::new(event) });
    }

    fn called(&mut self, stream: Option<StreamId>, call: MesosCall) -> cluster::Event {
        self.made += 1;
        let request = RequestId(self.made);
        cluster::Event::SchedulerCalled { request, principal: None, stream, call: Box::new(call) }
    }

    pub(super) fn close_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.step_master(cluster::Event::StreamClosed { stream });
        }
    }

    pub(super) fn call(&mut self, call: Call) {
        let id = self.framework.as_ref().and_then(|f| f.status().scheduler.framework_id);
        let (Some(stream), Some(id)) = (self.stream.clone(), id) else { return };
        let made = self.identity.call_of(&FrameworkId(id), call);
        let event = self.called(Some(stream), made);
        self.schedule(1, Coming::Master(Box::new(event)));
    }

    pub(super) fn step_master(&mut self, event: cluster::Event) {
        let mut commands = Vec::new();
        self.master.step(self.now, event, &mut commands);
        for command in commands {
            self.master_says(command);
        }
    }

    fn master_says(&mut self, command: cluster::Command) {
        match command {
            cluster::Command::Answer { answer, .. } => {
                if let cluster::Answer::Subscribed { stream } = answer {
                    self.stream = Some(stream);
                }
            }
            cluster::Command::Send { stream, event } if self.stream.as_ref() == Some(&stream) => {
                if let Some(event) = event_of(*event, &self.identity.role, "master") {
                    self.tell(event);
                }
            }
            cluster::Command::Close { stream } if self.stream.as_ref() == Some(&stream) => {
                self.stream = None;
                let reason = "the master closed the stream".to_owned();
                self.tell(Event::Disconnected { reason });
            }
            cluster::Command::Send { .. } | cluster::Command::Close { .. } => {}
            cluster::Command::Host { host, command } => self.host_told(&host, command),
        }
    }

    pub(super) fn host_told(&mut self, host: &HostName, command: cluster::HostCommand) {
        let Some(at) = self.hosts.find(&host.0).filter(|at| self.hosts.all[*at].up) else { return };
        let fault = match &command {
            cluster::HostCommand::Deliver { executor, .. } => self.fault_of(&executor.executor_id),
            _ => None,
        };
        let steps = self.hosts.told(at, command, fault);
        self.later(steps);
    }
}

/// The scheduler as the master knows it.
pub(super) fn identity() -> Identity {
    Identity {
        name: "lathe".to_owned(),
        role: "lathe".to_owned(),
        user: "root".to_owned(),
        hostname: "drill".to_owned(),
        principal: None,
        webui_url: None,
        executor_url: "http://127.0.0.1:2/executor".to_owned(),
        key: Key::from_bytes(b"a key for drills only"),
    }
}
