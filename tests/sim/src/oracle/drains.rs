//! Hosts that operators take out of use: nothing is planned there, and what ends by a drain has not
//! failed.

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::scheduler::Event as MesosEvent;
use lathe_mesos::v1::task_status::Reason;
use lathe_placement::Cluster;
use lathe_scheduler::framework::event::{Event, HostState};
use lathe_scheduler::framework::ids::InstanceId;
use lathe_scheduler::framework::records::{InstanceRecord, Write};

use super::{Breach, Check};

/// What is known of drains.
#[derive(Debug, Default)]
pub(super) struct Drains {
    /// Hosts out of use, as each scheduler was told last.
    out_of_use: BTreeMap<u64, BTreeSet<String>>,
    /// Lives that a drain has ended.
    ended: BTreeSet<String>,
    instances: BTreeMap<InstanceId, InstanceRecord>,
}

impl Drains {
    pub(super) fn told(&mut self, life: u64, event: &Event) {
        if let Event::HostsListed(hosts) = event {
            let out = hosts.iter().filter(|host| host.state != HostState::Active);
            self.out_of_use.insert(life, out.map(|host| host.name.0.clone()).collect());
        }
    }

    pub(super) fn master_said(&mut self, event: &MesosEvent) {
        let Some(status) = event.update.as_ref().map(|update| &update.status) else { return };
        let ended = matches!(status.state(), TaskState::TaskKilled | TaskState::TaskGoneByOperator);
        if ended && status.reason() == Reason::AgentDraining {
            self.ended.insert(status.task_id.value.clone());
        }
    }

    pub(super) fn plans(&self, life: u64, cluster: &Cluster) -> Check {
        let Some(out_of_use) = self.out_of_use.get(&life) else { return Ok(()) };
        match cluster.hosts.iter().find(|host| out_of_use.contains(&host.name)) {
            Some(host) => {
                let what = format!("scheduler {life} plans with {}", host.name);
                Err(Breach::new("nothing is planned on a host out of use", what))
            }
            None => Ok(()),
        }
    }

    pub(super) fn written(&mut self, writes: &[Write]) -> Check {
        for write in writes {
            let Write::Instance(record) = write else { continue };
            let before = self.instances.insert(record.id.clone(), record.clone());
            let Some(before) = before else { continue };
            let gone: Vec<String> = before
                .lives
                .iter()
                .map(|life| life.incarnation.to_string())
                .filter(|id| !record.lives.iter().any(|life| &life.incarnation.to_string() == id))
                .collect();
            if let [id] = &gone[..]
                && self.ended.contains(id)
                && record.early_ends > before.early_ends
            {
                let what = format!("{id} ended by a drain, and it counts as an early end");
                return Err(Breach::new("a drain is no failure", what));
            }
        }
        Ok(())
    }
}
