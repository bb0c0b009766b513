//! What is done to the cluster.
//!
//! Owns how often each is drawn and how it is done. It must not know who may be hit.

use lathe_engines::block_on;

use super::{SHAPE, Storm, WORN};
use crate::dice::Dice;
use crate::process::{Process, Signal};
use crate::status::Instance;
use crate::waiting::{SOON, until};

/// One kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    InstanceKilled,
    ExecutorKilled,
    AgentRestarted,
    KeySet,
}

/// Each so often in a hundred.
const DRAWN: [(Fault, usize); 4] = [
    (Fault::InstanceKilled, 70),
    (Fault::ExecutorKilled, 24),
    (Fault::KeySet, 4),
    (Fault::AgentRestarted, 2),
];

impl Fault {
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        let mut number = dice.below(DRAWN.iter().map(|(_, often)| often).sum());
        for (fault, often) in DRAWN {
            if number < often {
                return fault;
            }
            number -= often;
        }
        Self::InstanceKilled
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InstanceKilled => "instance killed",
            Self::ExecutorKilled => "executor killed",
            Self::AgentRestarted => "agent killed and started again",
            Self::KeySet => "own key changed",
        }
    }

    /// Does it, to the instance where it needs one. Whether anything was done.
    pub(super) fn apply(self, storm: &mut Storm, to: Option<&Instance>) -> bool {
        match self {
            Self::InstanceKilled | Self::ExecutorKilled => {
                let life = to.and_then(|one| one.incarnation.as_deref());
                let found = life.and_then(|life| Some((life, storm.several.tasks().remove(life)?)));
                let Some((life, task)) = found else { return false };
                if self == Self::InstanceKilled {
                    task.signal(Signal::KILL);
                    return true;
                }
                let Some(executor) = Process::of(task.parent) else { return false };
                storm.lives.cut(life);
                executor.signal(Signal::KILL);
                let what = format!("the end of {life}, whose executor was killed");
                until(&what, SOON, || (!task.runs()).then_some(()));
            }
            Self::AgentRestarted => {
                let agent = storm.dice.below(SHAPE.agents);
                let mesos = storm.several.mesos();
                block_on(mesos.agent(agent).kill()).expect("it is killed");
                block_on(mesos.restart_agent(agent)).expect("it comes back");
            }
            Self::KeySet => {
                storm.edits += 1;
                let value = storm.edits.to_string();
                let words = ["set", "--yes", WORN, "round", &value];
                let _ = storm.several.lathe(0, &words).with_code(0);
            }
        }
        true
    }
}
