//! Nothing is launched, killed or acknowledged before its record is durable, and nothing is
//! launched twice.

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::scheduler::{Call, Event as MesosEvent};
use lathe_scheduler::framework::records::{Life, Phase};

use super::{Breach, Check};
use crate::store::Store;

/// What went over the wire.
#[derive(Debug, Default)]
pub(super) struct Launches {
    launched: BTreeSet<String>,
    /// States of statuses that want an acknowledgement, by their uuid.
    statuses: BTreeMap<Vec<u8>, TaskState>,
}

impl Launches {
    pub(super) fn master_said(&mut self, event: &MesosEvent) {
        let status = event.update.as_ref().map(|update| &update.status);
        if let Some((status, uuid)) = status.and_then(|s| Some((s, s.uuid.as_ref()?))) {
            self.statuses.insert(uuid.to_vec(), status.state());
        }
    }

    pub(super) fn waits_for_its_record(&self, call: &Call, store: &Store) -> Check {
        for id in launched(call) {
            if durable(store, &id).is_none() {
                let what = format!("{id} is launched, and its intent is not durable");
                return Err(Breach::new("a launch waits for its record", what));
            }
        }
        if let Some(kill) = &call.kill {
            let id = &kill.task_id.value;
            let life = durable(store, id);
            if let Some(life) = life
                && !matches!(life.phase, Phase::Killing | Phase::Unreachable)
            {
                let what = format!("{id} is killed, and it is durably {:?}", life.phase);
                return Err(Breach::new("a kill waits for its record", what));
            }
        }
        match &call.acknowledge {
            Some(acknowledge) => {
                let state = self.statuses.get(&acknowledge.uuid.to_vec()).copied();
                acknowledged(&acknowledge.task_id.value, state, store)
            }
            None => Ok(()),
        }
    }

    pub(super) fn reaches_master(&mut self, call: &Call) -> Check {
        for id in launched(call) {
            if !self.launched.insert(id.clone()) {
                let what = format!("{id} is launched a second time");
                return Err(Breach::new("an id is used once", what));
            }
        }
        Ok(())
    }
}

fn acknowledged(id: &str, state: Option<TaskState>, store: &Store) -> Check {
    let (Some(state), Some(life)) = (state, durable(store, id)) else { return Ok(()) };
    let too_early = match state {
        TaskState::TaskStarting => life.phase == Phase::Launching,
        TaskState::TaskRunning => matches!(life.phase, Phase::Launching | Phase::Starting),
        TaskState::TaskStaging | TaskState::TaskUnreachable | TaskState::TaskUnknown => false,
        TaskState::TaskKilling => life.phase != Phase::Killing,
        // What has ended has no life any more.
        _ => true,
    };
    if too_early {
        let state = state.as_str_name();
        let what = format!("{state} of {id} is acknowledged, and it is durably {:?}", life.phase);
        return Err(Breach::new("an acknowledgement waits for its record", what));
    }
    Ok(())
}

fn launched(call: &Call) -> Vec<String> {
    let operations = call.accept.iter().flat_map(|accept| &accept.operations);
    let launches = operations.filter_map(|operation| operation.launch.as_ref());
    launches.flat_map(|l| &l.task_infos).map(|task| task.task_id.value.clone()).collect()
}

fn durable(store: &Store, id: &str) -> Option<Life> {
    let record = store.instance_of(id)?;
    record.lives.into_iter().find(|life| life.incarnation.to_string() == id)
}
