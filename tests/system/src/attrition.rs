//! Attrition: on a real Mesos and a real ZooKeeper, instances and their executors are killed as often
//! as their slots may take it, and agents are restarted, while it is measured what the daemons need.
//!
//! Owns the order of things and what must hold: everything comes back once, whoever is left alone is
//! left alone, and nothing grows. `attrition/samples.rs` knows the figures, `attrition/trend.rs` what
//! growth is. It must not know how Lathe heals.

mod account;
mod faults;
mod lives;
mod samples;
mod trend;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub use account::Wear;
use faults::Fault;
use lives::Lives;
pub use samples::Measured;
use samples::Samples;
pub use trend::Trend;

use crate::dice::Dice;
use crate::files::Scripts;
use crate::process::{Process, Signal};
use crate::several::{Several, Shape};
use crate::status::{Instance, Status};
use crate::waiting::{SOON, until};

/// Agents remove what has ended: a day of sandboxes would fill any disk.
const SHAPE: Shape =
    Shape { zookeepers: 1, masters: 1, agents: 3, schedulers: 1, gc_delay: Some("2mins") };
/// Whose instances are killed.
const WORN: &str = "worn";
const WORN_ALL: usize = 20;
/// Whose instances nobody touches: their executors live as long as the run.
const KEPT: &str = "kept";
const KEPT_ALL: usize = 2;
/// So often one is hit before it was ready for long at most: the third time would be a crash loop,
/// which waits by right.
const EARLY_MAX: u32 = 2;
const EARLY: Duration = Duration::from_secs(11);
/// From the last fault until all has healed.
const HEALING: Duration = Duration::from_secs(120);
/// So many samples in a run, unless they would come more often than each second.
const SAMPLES: u32 = 180;
/// So many samples are told of one by one.
const TOLD_EACH: u32 = 6;

/// What is done, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Attrition {
    pub time: Duration,
    pub seed: u64,
    /// The longest pause between two faults; they come by chance.
    pub pause: Duration,
}

impl Attrition {
    /// Starts a cluster, and wears it; `talk` hears of the figures now and then.
    ///
    /// # Panics
    /// When what was killed does not come back.
    #[must_use]
    pub fn run(&self, mut talk: impl FnMut(&str)) -> Wear {
        let mut storm = Storm::start(self.seed);
        let each = (self.time / SAMPLES).max(Duration::from_secs(1));
        let (started, mut due, mut taken) = (Instant::now(), Duration::ZERO, 0);
        let mut scheduler_lives = true;
        while started.elapsed() < self.time {
            std::thread::sleep(self.pause.mul_f64(storm.dice.share()));
            storm.one_fault();
            let at = started.elapsed();
            // Once, and early, since the memory of the next one is judged.
            if scheduler_lives && at > self.time / 8 {
                storm.kill_scheduler();
                scheduler_lives = false;
            }
            if at >= due {
                storm.sample(at);
                due = at + each;
                taken += 1;
                if taken % TOLD_EACH == 0 {
                    let (at, lives) = (at.as_secs(), storm.begun());
                    talk(&format!("{at} s, {lives} lives: {}", storm.samples.newest()));
                }
            }
        }
        let time = started.elapsed();
        storm.finish(time)
    }
}

/// What is known of the present life of an instance.
#[derive(Clone, Copy, Debug)]
struct Slot {
    life: u64,
    /// When it was first seen as ready.
    since: Instant,
    /// Hits in a row that came early.
    early: u32,
}

struct Storm {
    several: Several,
    dice: Dice,
    framework: String,
    slots: BTreeMap<String, Slot>,
    lives: Lives,
    samples: Samples,
    done: BTreeMap<&'static str, u64>,
    /// Changes of own keys that were carried out.
    edits: u64,
    /// Executors of those that are left alone.
    long: Vec<Process>,
}

impl Storm {
    fn start(seed: u64) -> Self {
        let several = Several::of(&SHAPE);
        let _ = several.leader(None);
        let scripts = Scripts::default()
            .with(WORN, "exec sleep 100000", &format!("tasks = {WORN_ALL}\nround = 0"))
            .with(KEPT, "exec sleep 100000", &format!("tasks = {KEPT_ALL}"));
        let file = scripts.write(&several.folder().join("all.toml"));
        let file = file.to_str().expect("the path is a text");
        let _ = several.lathe(0, &["submit", "--yes", file]).with_code(0);
        let status = several.all_ready(0, WORN_ALL + KEPT_ALL);
        let is_kept = |life: &String| life.starts_with(KEPT);
        let tasks = several.tasks().into_iter().filter(|(life, _)| is_kept(life));
        let long: Vec<Process> = tasks.filter_map(|(_, task)| Process::of(task.parent)).collect();
        assert_eq!(long.len(), KEPT_ALL, "{:?}", status.incarnations());
        Self {
            several,
            dice: Dice::new(seed),
            framework: status.scheduler.framework_id.expect("it is subscribed"),
            slots: BTreeMap::new(),
            lives: Lives::default(),
            samples: Samples::default(),
            done: BTreeMap::new(),
            edits: 0,
            long,
        }
    }

    fn sample(&mut self, at: Duration) {
        self.lives.read(&self.several);
        self.samples.take(&self.several, at, self.begun(), &self.long);
    }

    /// Lives that have begun, as numbers of those that were seen have it.
    fn begun(&self) -> u64 {
        self.slots.values().map(|slot| slot.life).sum::<u64>() + KEPT_ALL as u64
    }

    /// One that is allowed now, if there is one.
    fn one_fault(&mut self) {
        let fault = Fault::drawn(&mut self.dice);
        let Some(status) = self.several.status(0) else { return };
        self.look(&status);
        let hit = match fault {
            Fault::InstanceKilled | Fault::ExecutorKilled => self.victim(&status),
            // An agent that is killed within a launch finds half an executor when it comes back, and
            // ends itself over it.
            Fault::AgentRestarted if status.ready() < WORN_ALL + KEPT_ALL => return,
            Fault::AgentRestarted | Fault::KeySet => None,
        };
        if fault.apply(self, hit.as_ref()) {
            *self.done.entry(fault.name()).or_default() += 1;
        }
    }

    /// Takes down who is in a new life since the last look.
    fn look(&mut self, status: &Status) {
        for one in status.instances.iter().filter(|one| one.task == WORN && one.state == "ready") {
            let new = Slot { life: one.life(), since: Instant::now(), early: 0 };
            let slot = self.slots.entry(one.instance.clone()).or_insert(new);
            if slot.life != new.life {
                *slot = Slot { early: slot.early, ..new };
            }
        }
    }

    /// Nobody so early and so often that its slot has to wait.
    fn victim(&mut self, status: &Status) -> Option<Instance> {
        let is_early = |slot: &Slot| slot.since.elapsed() < EARLY;
        let fit = |one: &&Instance| {
            let slot = self.slots.get(&one.instance);
            one.state == "ready"
                && slot.is_some_and(|slot| !is_early(slot) || slot.early < EARLY_MAX)
        };
        let fit: Vec<&Instance> = status.instances.iter().filter(fit).collect();
        let one = (*self.dice.one_of(&fit)?).clone();
        let slot = self.slots.get_mut(&one.instance)?;
        slot.early = if is_early(slot) { slot.early + 1 } else { 0 };
        Some(one)
    }

    fn kill_scheduler(&mut self) {
        let _ = self.several.end_scheduler(0, Signal::KILL);
        self.several.start_scheduler(0);
        let _ = self.several.leader(None);
        *self.done.entry("scheduler killed").or_default() += 1;
    }

    fn finish(mut self, time: Duration) -> Wear {
        let all = WORN_ALL + KEPT_ALL;
        let healed = until("that all is well again", HEALING, || {
            let status = self.several.status(0)?;
            let said: BTreeSet<String> = status.incarnations().into_values().collect();
            let runs: BTreeSet<String> = self.several.tasks().into_keys().collect();
            let is_well = status.ready() == all && status.instances.len() == all && said == runs;
            is_well.then_some(status)
        });
        // A life that was just begun has been told of before its executor's words are on the disk.
        until("the journals of all that run", SOON, || {
            self.lives.read(&self.several);
            healed.incarnations().values().all(|life| self.lives.has(life)).then_some(())
        });
        Wear::new(&self, time, &healed)
    }
}
