//! What a test may ask of any cluster, on standalone or on a real Mesos, and looks at it that are
//! taken again and again.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::child::Outcome;
use crate::lathe::Lathe;
use crate::on_mesos::OnMesos;
use crate::status::Status;

/// Between two looks.
const EACH: Duration = Duration::from_millis(100);

/// Instances of one task, as told by somebody else than the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// All that have not ended.
    pub all: usize,
    /// Those of them that are ready.
    pub ready: usize,
}

/// What looks have seen at the least and at the most.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub looks: u32,
    pub fewest_ready: usize,
    pub most: usize,
}

/// A scheduler with what it needs, and commands to it.
pub trait Cluster: Sync {
    /// Where the test may write.
    fn folder(&self) -> &Path;

    /// A command, to its end.
    fn lathe(&self, arguments: &[&str]) -> Outcome;

    /// Waits until so many instances are ready and none is otherwise.
    fn all_ready(&self, number: usize) -> Status;

    /// What a registry, or Mesos, tells of a task.
    fn told(&self, task: &str) -> Told;

    /// Runs a command while a task is looked at each 100 ms.
    ///
    /// # Panics
    /// When a look fails.
    fn watched(&self, task: &str, arguments: &[&str]) -> (Outcome, Seen) {
        self.watched_while(task, || self.lathe(arguments))
    }

    /// Does something while a task is looked at each 100 ms.
    ///
    /// # Panics
    /// When a look fails.
    fn watched_while<T>(&self, task: &str, work: impl FnOnce() -> T) -> (T, Seen) {
        let go_on = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let looks = scope.spawn(|| {
                let mut seen = Seen { looks: 0, fewest_ready: usize::MAX, most: 0 };
                while go_on.load(Ordering::SeqCst) {
                    let told = self.told(task);
                    seen.looks += 1;
                    seen.fewest_ready = seen.fewest_ready.min(told.ready);
                    seen.most = seen.most.max(told.all);
                    std::thread::sleep(EACH);
                }
                seen
            });
            let outcome = work();
            go_on.store(false, Ordering::SeqCst);
            (outcome, looks.join().expect("each look is answered"))
        })
    }
}

impl Cluster for Lathe {
    fn folder(&self) -> &Path {
        Self::folder(self)
    }

    fn lathe(&self, arguments: &[&str]) -> Outcome {
        Self::lathe(self, arguments)
    }

    fn all_ready(&self, number: usize) -> Status {
        Self::all_ready(self, number)
    }

    fn told(&self, task: &str) -> Told {
        let group = self.read_registry(&format!("/v1/groups/{task}"));
        let entries = group["entries"].as_array().expect("a list");
        let states = entries.iter().filter_map(|one| one["state"].as_str());
        Told {
            all: states.clone().count(),
            ready: states.filter(|state| *state == "ready").count(),
        }
    }
}

impl Cluster for OnMesos {
    fn folder(&self) -> &Path {
        Self::folder(self)
    }

    fn lathe(&self, arguments: &[&str]) -> Outcome {
        Self::lathe(self, arguments)
    }

    fn all_ready(&self, number: usize) -> Status {
        Self::all_ready(self, number)
    }

    fn told(&self, task: &str) -> Told {
        let states = self.states_of(task);
        let lives = ["TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"];
        Told {
            all: states.iter().filter(|state| lives.contains(&state.as_str())).count(),
            ready: states.iter().filter(|state| *state == "TASK_RUNNING").count(),
        }
    }
}
