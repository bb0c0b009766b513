//! What came of it, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use lathe_engines::block_on;
use serde_json::Value;

use super::samples::Measured;
use super::trend::Trend;
use super::{KEPT, Storm};
use crate::several::Several;
use crate::status::Status;
use crate::waiting::SOON;

/// The account of one run.
#[derive(Clone, Debug)]
pub struct Wear {
    pub time: Duration,
    /// How often each fault was done.
    pub faults: BTreeMap<&'static str, u64>,
    /// Lives that were begun in all, and those of them that executors have written of.
    pub lives: u64,
    pub written: usize,
    /// Samples, and from the first of them to the last.
    pub samples: (usize, Duration),
    pub measured: Vec<Measured>,
    /// What does not hold; what grows is in it.
    pub problems: Vec<String>,
}

impl Wear {
    pub(super) fn new(storm: &Storm, time: Duration, healed: &Status) -> Self {
        let mut problems = Vec::new();
        for (one, other) in storm.lives.twice() {
            problems.push(format!("ran twice: {one:?} and {other:?}"));
        }
        for one in healed.of_task(KEPT).into_iter().filter(|one| one.life() != 1) {
            let life = one.incarnation.as_deref().unwrap_or_default();
            problems.push(format!("nobody has touched it, and it was begun again: {life}"));
        }
        if healed.scheduler.framework_id.as_ref() != Some(&storm.framework) {
            let now = &healed.scheduler.framework_id;
            problems.push(format!("it is another framework: {now:?}, not {}", storm.framework));
        }
        problems.extend(at_the_master(&storm.several, healed));
        let measured = storm.samples.measured();
        for one in measured.iter().filter(|one| matches!(one.trend, Trend::Grows(_))) {
            problems.push(format!("it grows: {one}"));
        }
        Self {
            time,
            faults: storm.done.clone(),
            lives: healed.instances.iter().map(|one| one.incarnations).sum(),
            written: storm.lives.count(),
            samples: storm.samples.extent(),
            measured,
            problems,
        }
    }
}

/// The master has to come to have exactly the tasks that run: none whose end waits for its
/// acknowledgement.
fn at_the_master(several: &Several, healed: &Status) -> Option<String> {
    let lives = healed.incarnations().into_values();
    let mut expected: Vec<String> = lives.map(|life| format!("{life} TASK_RUNNING")).collect();
    expected.sort();
    let end = Instant::now() + SOON;
    loop {
        let named = tasks_at_the_master(several);
        if named == expected {
            return None;
        }
        if Instant::now() >= end {
            return Some(format!("the master has {named:?}, and {expected:?} run"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn tasks_at_the_master(several: &Several) -> Vec<String> {
    let leader = block_on(several.mesos().leader()).expect("a master leads");
    let state = block_on(several.mesos().read_master(leader, "/master/state"));
    let state = state.expect("the master answers");
    let tasks = state["frameworks"][0]["tasks"].as_array().cloned().unwrap_or_default();
    let text = |task: &Value, key: &str| task[key].as_str().unwrap_or_default().to_owned();
    let named = tasks.iter().map(|task| format!("{} {}", text(task, "id"), text(task, "state")));
    let mut named: Vec<String> = named.collect();
    named.sort();
    named
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, middle, last] = self.values;
        write!(f, "{}: {first:.0}, {middle:.0}, {last:.0}: {}", self.name, self.trend)
    }
}

impl fmt::Display for Wear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "time: {:.0} s", self.time.as_secs_f64())?;
        let faults: u64 = self.faults.values().sum();
        let each = self.time.as_secs_f64() / faults.max(1) as f64;
        writeln!(f, "faults: {faults}, one each {each:.1} s")?;
        for (name, number) in &self.faults {
            writeln!(f, "  {name}: {number}")?;
        }
        writeln!(f, "lives: {}, of which {} in journals", self.lives, self.written)?;
        let (samples, over) = self.samples;
        writeln!(f, "samples of one scheduler: {samples} over {} s", over.as_secs())?;
        writeln!(f, "first, middle, last; growth over the run by the second half:")?;
        for one in &self.measured {
            writeln!(f, "  {one}")?;
        }
        writeln!(f, "problems: {}", self.problems.len())?;
        self.problems.iter().try_for_each(|one| writeln!(f, "  {one}"))
    }
}
