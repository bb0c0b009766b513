//! One virtual host as the driver sees it: its process, its link, its life.

use tokio::sync::mpsc;

use crate::cluster::HostSpec;
use crate::config::HostConfig;
use crate::link::ToHost;
use crate::processes::HostProcess;

/// Where a host is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Running,
    /// Frozen by an operator.
    Paused,
    Dead,
}

/// A virtual host, alive or not.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) config: HostConfig,
    pub(crate) life: Life,
    pub(crate) process: Option<HostProcess>,
    /// The session of its link and the queue to it.
    pub(crate) outbox: Option<(u64, mpsc::Sender<ToHost>)>,
    pub(crate) port: u16,
    /// Ticks since it was heard.
    pub(crate) missed: u32,
    /// The machine was told that it is silent.
    pub(crate) silent: bool,
}

impl Slot {
    pub(super) fn new(config: HostConfig) -> Self {
        Self {
            config,
            life: Life::Dead,
            process: None,
            outbox: None,
            port: 0,
            missed: 0,
            silent: false,
        }
    }

    pub(super) fn began(&mut self, process: HostProcess) {
        self.process = Some(process);
        self.life = Life::Running;
        self.outbox = None;
    }

    pub(super) fn connected(&mut self, session: u64, outbox: mpsc::Sender<ToHost>, port: u16) {
        self.outbox = Some((session, outbox));
        self.port = port;
        self.missed = 0;
        self.silent = false;
    }

    pub(super) fn ended(&mut self) {
        self.process = None;
        self.outbox = None;
        self.life = Life::Dead;
    }

    pub(super) fn is_session(&self, session: u64) -> bool {
        self.outbox.as_ref().is_some_and(|(current, _)| *current == session)
    }

    pub(super) fn spec(&self, ip: String) -> HostSpec {
        HostSpec {
            hostname: self.config.name.clone(),
            ip,
            port: self.port,
            cpus_milli: self.config.cpus_milli,
            mem_bytes: self.config.mem_bytes,
            disk_bytes: self.config.disk_bytes,
            ports: self.config.ports.clone(),
            attributes: self.config.attributes.clone(),
        }
    }
}
