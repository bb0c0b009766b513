//! Everything that may befall a cluster of several schedulers, one after the other: what runs is left
//! alone, unless it was lost.
//!
//! Owns the order of faults and what must hold after each, by the journals of the executors over the
//! whole run. It must not know how Lathe heals; `ordeal/faults.rs` knows how each fault is done.

mod faults;

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use lathe_engines::{Proxy, block_on};

use crate::files::Scripts;
use crate::several::{Several, Shape};
use crate::status::Status;
use crate::waiting::{SOON, until};

const SCHEDULERS: usize = 3;
const SHAPE: Shape = Shape { zookeepers: 3, masters: 3, agents: 5, schedulers: 0, gc_delay: None };
/// `never` holds between them.
const PAGES: usize = 3;
/// They may be anywhere.
const OTHERS: usize = 4;
/// How long an agent that is out of reach is waited for. Longer than masters take to miss it.
const REPLACE_AFTER: &str = "20s";

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Ordeal {
    /// That a leader stands still.
    pub still: Duration,
    /// That the whole of ZooKeeper is down.
    pub down: Duration,
}

/// What came of one fault.
#[derive(Clone, Debug)]
pub struct Passed {
    pub name: &'static str,
    /// From its beginning until all was well again.
    pub took: Duration,
    /// Lives that had to be begun.
    pub replaced: Vec<String>,
}

/// What came of all.
#[derive(Clone, Debug)]
pub struct Course {
    pub passed: Vec<Passed>,
    /// Lives that there were in all.
    pub lives: usize,
    pub terms: u64,
}

impl Ordeal {
    /// Starts a cluster, and does all of it; `talk` hears of each fault.
    ///
    /// # Panics
    /// When something does not hold, with what it was.
    #[must_use]
    pub fn run(&self, mut talk: impl FnMut(&str)) -> Course {
        let mut scene = Scene::start();
        let mut passed = Vec::new();
        for (name, fault) in faults::ALL {
            talk(name);
            let (began, lives) = (Instant::now(), scene.expected.len());
            fault(&mut scene, self);
            scene.is_well(name);
            let replaced = scene.expected[lives..].to_vec();
            passed.push(Passed { name, took: began.elapsed(), replaced });
        }
        let terms = scene.status().scheduler.term;
        Course { passed, lives: scene.expected.len(), terms }
    }
}

/// The cluster, and what must be true of it.
#[derive(Debug)]
struct Scene {
    several: Several,
    /// To the masters, for each scheduler.
    ways: Vec<Vec<Proxy>>,
    framework: String,
    /// Lives that may have begun, in the order in which they had to.
    expected: Vec<String>,
    /// Lives that were lost sight of, so that another one began beside them.
    lost: BTreeSet<String>,
}

impl Scene {
    fn start() -> Self {
        let mut several = Several::of(&SHAPE);
        let leader = block_on(several.mesos().leader()).expect("a master leads");
        let mut ways = Vec::new();
        for _ in 0..SCHEDULERS {
            // The leader first: who is sent on to it goes there without a proxy.
            let others = (0..SHAPE.masters).filter(|master| *master != leader);
            let addresses = std::iter::once(leader).chain(others);
            let way = |master| Proxy::start(several.mesos().master_address(master));
            let proxies = addresses.map(|master| block_on(way(master)).expect("a proxy starts"));
            let proxies: Vec<Proxy> = proxies.collect();
            let masters = proxies.iter().map(|proxy| format!("--master={}", proxy.address()));
            let flags: Vec<String> =
                masters.chain([format!("--replace-after={REPLACE_AFTER}")]).collect();
            several.add_scheduler(&flags.iter().map(String::as_str).collect::<Vec<_>>());
            ways.push(proxies);
        }
        let never = "tags = [\"page\"]\nbiases = [[\"page\", \"never\"]]";
        let scripts = Scripts::default()
            .with("page", "exec sleep 100000", &format!("tasks = {PAGES}\n{never}"))
            .with("other", "exec sleep 100000", &format!("tasks = {OTHERS}"));
        let file = scripts.write(&several.folder().join("all.toml"));
        let leader = several.leader(None);
        let file = file.to_str().expect("the path is a text");
        several.lathe(leader, &["submit", "--yes", file]).with_code(0);
        let status = several.all_ready(leader, PAGES + OTHERS);
        let framework = status.scheduler.framework_id.clone().expect("it is subscribed");
        let expected = status.incarnations().into_values().collect();
        let lost = BTreeSet::new();
        let scene = Self { several, ways, framework, expected, lost };
        scene.is_well("nothing at all");
        scene
    }

    /// The state as the leader has it, once all are ready.
    fn status(&self) -> Status {
        let leader = self.several.leader(None);
        self.several.all_ready(leader, PAGES + OTHERS)
    }

    /// These instances have to begin again, in place of lives that are lost.
    fn replaced(&mut self, lives: &[String]) {
        for life in lives {
            let (instance, number) = life.rsplit_once('.').expect("an incarnation has a number");
            let number: u64 = number.parse().expect("it is a number");
            self.expected.push(format!("{instance}.{}", number + 1));
        }
    }

    fn is_well(&self, after: &str) {
        let status = self.status();
        assert_eq!(status.scheduler.framework_id.as_ref(), Some(&self.framework), "after {after}");
        let mut expected = self.expected.clone();
        expected.sort();
        // A life that was just begun has been told of before its executor's words are on the disk.
        until(&format!("the journals to have every life after {after}"), SOON, || {
            (self.several.journal().lives.len() >= expected.len()).then_some(())
        });
        let journal = self.several.journal();
        assert_eq!(journal.incarnations(), expected, "after {after}");
        let mut twice = journal.twice();
        twice.retain(|(one, other)| {
            ![one, other].iter().any(|life| self.lost.contains(&life.incarnation))
        });
        assert_eq!(twice, [], "after {after}");
        assert_eq!(journal.together("page"), [], "`never` after {after}");
        let ended: BTreeSet<&String> = journal
            .lives
            .iter()
            .filter(|one| one.to.is_some())
            .map(|one| &one.incarnation)
            .collect();
        for life in status.incarnations().values() {
            assert!(!ended.contains(life), "{life} has ended, after {after}");
        }
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Passed { name, took, replaced } in &self.passed {
            write!(f, "{name}: well again after {:.1} s", took.as_secs_f64())?;
            if replaced.is_empty() {
                writeln!(f, ", nothing begun again")?;
            } else {
                writeln!(f, ", begun again: {}", replaced.join(" "))?;
            }
        }
        writeln!(f, "lives: {}, terms: {}", self.lives, self.terms)?;
        writeln!(f, "no instance ran twice, `never` held, an old leader wrote nothing")
    }
}
