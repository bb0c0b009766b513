//! Subscriptions: a framework's first, its failover, its heartbeats and its going away.
//!
//! It owns which stream speaks for a framework and must not know tasks.

use lathe_mesos::v1::{self, scheduler};

use super::command::{Answer, Command};
use super::ids::StreamId;
use super::state::Framework;
use super::validation::check_framework;
use super::{Cluster, Deadline};

/// The version that a master of this kind claims.
pub(super) const VERSION: &str = "1.11.0";

impl Cluster {
    pub(super) fn subscribe(
        &mut self,
        principal: Option<String>,
        given: Option<&StreamId>,
        call: scheduler::Call,
        out: &mut Vec<Command>,
    ) -> Answer {
        if given.is_some() {
            let text = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
            return Answer::Refused { status: 400, text: text.to_owned() };
        }
        let subscribe = call.subscribe.unwrap_or_default();
        let stream = StreamId(self.draw.uuid().to_string());
        match self.check_subscription(&subscribe, principal.as_deref()) {
            Ok(()) => self.admit(subscribe, principal, &stream, out),
            Err(message) => {
                let error = scheduler::Event {
                    error: Some(scheduler::event::Error { message }),
                    ..scheduler_event(scheduler::event::Type::Error)
                };
                out.push(Command::Send { stream: stream.clone(), event: Box::new(error) });
                out.push(Command::Close { stream: stream.clone() });
            }
        }
        Answer::Subscribed { stream }
    }

    fn check_subscription(
        &self,
        subscribe: &scheduler::call::Subscribe,
        principal: Option<&str>,
    ) -> Result<(), String> {
        let info = &subscribe.framework_info;
        check_framework(info, &subscribe.suppressed_roles)?;
        let id = info.id.as_ref().map_or("", |id| id.value.as_str());
        if self.removed.iter().any(|removed| removed == id) {
            return Err("Framework has been removed".to_owned());
        }
        match self.frameworks.get(id) {
            Some(known) if known.principal.as_deref() != principal => {
                Err("Changing framework's principal is not allowed.".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn admit(
        &mut self,
        subscribe: scheduler::call::Subscribe,
        principal: Option<String>,
        stream: &StreamId,
        out: &mut Vec<Command>,
    ) {
        let mut info = subscribe.framework_info;
        let given = info.id.take().map(|id| id.value).filter(|id| !id.is_empty());
        let id = given.unwrap_or_else(|| {
            let number = self.made.frameworks;
            self.made.frameworks += 1;
            format!("{}-{number:04}", self.master_id)
        });
        if info.principal.is_none() {
            info.principal.clone_from(&principal);
        }
        info.id = Some(v1::FrameworkId { value: id.clone() });
        if self.frameworks.contains_key(&id) {
            self.fail_over(&id, out);
            self.replace_info(&id, info, subscribe.suppressed_roles);
        } else {
            // An id that is not known here is taken at its word, as after a master's failover.
            let mut framework = Framework::new(info, self.now);
            framework.principal = principal;
            framework.suppressed = subscribe.suppressed_roles.into_iter().collect();
            self.frameworks.insert(id.clone(), framework);
            self.everything_is_dirty();
        }
        self.open(&id, stream, out);
        self.resend_all(|task, framework| framework == id && task.unreachable_ns.is_none(), out);
    }

    /// Takes the framework away from the stream that has it, if one does.
    fn fail_over(&mut self, id: &str, out: &mut Vec<Command>) {
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        let offers = std::mem::take(&mut framework.offers);
        if let Some(at) = framework.failover_at.take() {
            self.deadlines.clear(at, Deadline::Failover { framework: id.to_owned() });
        }
        if let Some(old) = framework.stream.take() {
            let at = framework.heartbeat_at;
            self.deadlines.clear(at, Deadline::Heartbeat { stream: old.clone() });
            self.streams.remove(&old);
            let error = scheduler::Event {
                error: Some(scheduler::event::Error { message: "Framework failed over".into() }),
                ..scheduler_event(scheduler::event::Type::Error)
            };
            out.push(Command::Send { stream: old.clone(), event: Box::new(error) });
            out.push(Command::Close { stream: old });
        }
        self.take_back_offers(&offers);
        self.clear_all_filters(id);
    }

    fn open(&mut self, id: &str, stream: &StreamId, out: &mut Vec<Command>) {
        let heartbeat_at = self.now + self.config.heartbeat_ms;
        if let Some(framework) = self.frameworks.get_mut(id) {
            framework.stream = Some(stream.clone());
            framework.heartbeat_at = heartbeat_at;
        }
        self.deadlines.set(heartbeat_at, Deadline::Heartbeat { stream: stream.clone() });
        self.streams.insert(stream.clone(), id.to_owned());
        #[expect(clippy::cast_precision_loss, reason = "seconds between heartbeats are few")]
        let subscribed = scheduler::event::Subscribed {
            framework_id: v1::FrameworkId { value: id.to_owned() },
            heartbeat_interval_seconds: Some(self.config.heartbeat_ms as f64 / 1000.0),
            master_info: Some(self.master_info()),
        };
        let event = scheduler::Event {
            subscribed: Some(subscribed),
            ..scheduler_event(scheduler::event::Type::Subscribed)
        };
        self.send(id, event, out);
        self.send(id, scheduler_event(scheduler::event::Type::Heartbeat), out);
    }

    pub(super) fn master_info(&self) -> v1::MasterInfo {
        use v1::master_info::{Capability, capability};
        let ip = self.config.hostname.parse::<std::net::Ipv4Addr>().ok();
        let capabilities = [capability::Type::AgentUpdate, capability::Type::AgentDraining];
        v1::MasterInfo {
            id: self.master_id.clone(),
            // Network order, read as this machine reads numbers.
            ip: ip.map_or(0, |ip| u32::from_ne_bytes(ip.octets())),
            port: u32::from(self.config.port),
            pid: Some(format!("master@{}:{}", self.config.hostname, self.config.port)),
            hostname: Some(self.config.hostname.clone()),
            version: Some(VERSION.to_owned()),
            address: Some(v1::Address {
                hostname: Some(self.config.hostname.clone()),
                ip: ip.map(|ip| ip.to_string()),
                port: i32::from(self.config.port),
            }),
            domain: None,
            capabilities: capabilities.map(|t| Capability { r#type: Some(t.into()) }).to_vec(),
        }
    }

    pub(super) fn heartbeat(&mut self, stream: &StreamId, out: &mut Vec<Command>) {
        let Some(id) = self.streams.get(stream).cloned() else {
            return;
        };
        let at = self.now + self.config.heartbeat_ms;
        self.deadlines.set(at, Deadline::Heartbeat { stream: stream.clone() });
        if let Some(framework) = self.frameworks.get_mut(&id) {
            framework.heartbeat_at = at;
        }
        self.send(&id, scheduler_event(scheduler::event::Type::Heartbeat), out);
    }

    /// A framework's connection broke: it has its failover timeout to come back.
    pub(super) fn stream_closed(&mut self, stream: &StreamId, out: &mut Vec<Command>) {
        let Some(id) = self.streams.remove(stream) else {
            return;
        };
        let Some(framework) = self.frameworks.get_mut(&id) else {
            return;
        };
        framework.stream = None;
        let heartbeat_at = framework.heartbeat_at;
        let offers = std::mem::take(&mut framework.offers);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "less than nothing is nothing, and what is too long is refused at SUBSCRIBE"
        )]
        let timeout = (framework.info.failover_timeout() * 1000.0) as u64;
        let at = self.now.saturating_add(timeout);
        framework.failover_at = Some(at);
        self.deadlines.clear(heartbeat_at, Deadline::Heartbeat { stream: stream.clone() });
        self.take_back_offers(&offers);
        self.clear_all_filters(&id);
        if timeout == 0 {
            self.remove_framework(&id, out);
        } else {
            self.deadlines.set(at, Deadline::Failover { framework: id });
        }
    }
}

/// An event with nothing but its type.
pub(super) fn scheduler_event(kind: scheduler::event::Type) -> scheduler::Event {
    scheduler::Event { r#type: Some(kind.into()), ..scheduler::Event::default() }
}
