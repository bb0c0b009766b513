//! The daemons of an older commit and those of this one in one cluster: there, and back again.
//!
//! Owns the order in which they take each other's place, and what must hold: nothing is restarted, and
//! whoever leads can still do what leaders do. It must not know what differs between the two.

mod building;

use std::fmt;
use std::path::PathBuf;

use crate::binaries::binaries;
use crate::files::Scripts;
use crate::process::Signal;
use crate::several::{Several, Shape};
use crate::waiting::{SOON, until};

const SHAPE: Shape = Shape { zookeepers: 1, masters: 1, agents: 3, schedulers: 0, gc_delay: None };
/// Whom the journals and the lookups name.
const TASK: &str = "page";
const FIRST: usize = 3;

/// The programs of two commits.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// The older commit, in short.
    pub commit: String,
    older: PathBuf,
    newer: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Together {
    commit: String,
    steps: Vec<String>,
}

impl Neighbours {
    /// Builds the daemons of an older commit: the one given, or the last tag, or the one before this.
    ///
    /// # Errors
    /// There is no such commit, or it does not build.
    pub fn build(revision: Option<&str>, mut talk: impl FnMut(&str)) -> Result<Self, String> {
        let newer = binaries().installed.with_file_name("");
        let commit = building::commit(revision)?;
        talk(&format!("building {commit}"));
        let older = building::build(&commit)?;
        Ok(Self { commit, older, newer })
    }

    /// Runs them together.
    ///
    /// # Panics
    /// When something does not hold, with what it was.
    #[must_use]
    pub fn run(&self, talk: impl FnMut(&str)) -> Together {
        let mut drill = Drill::start(self, talk);
        drill.up();
        drill.registry_up();
        drill.down();
        Together { commit: self.commit.clone(), steps: drill.steps }
    }
}

struct Drill<'a, T> {
    sides: &'a Neighbours,
    several: Several,
    /// The scheduler that leads.
    leader: usize,
    expected: Vec<String>,
    count: usize,
    steps: Vec<String>,
    talk: T,
}

impl<'a, T: FnMut(&str)> Drill<'a, T> {
    /// Everything is of the older commit.
    fn start(sides: &'a Neighbours, talk: T) -> Self {
        let mut several = Several::of_build(&SHAPE, &sides.older);
        let leader = several.add_scheduler(&[]);
        let expected = (0..FIRST).map(|slot| format!("{TASK}#{slot}.1")).collect();
        let (count, steps) = (FIRST, Vec::new());
        let mut drill = Self { sides, several, leader, expected, count, steps, talk };
        drill.submit();
        drill.holds("all of the older commit");
        drill
    }

    /// A newer scheduler beside the older one, then in its place: older executors and registry.
    fn up(&mut self) {
        self.several.use_build(&self.sides.newer);
        let newer = self.several.add_scheduler(&[]);
        self.stands_by(newer);
        self.several.end_scheduler(self.leader, Signal::TERM);
        self.leader = self.several.leader(Some(self.leader));
        assert_eq!(self.leader, newer);
        self.holds("a newer scheduler has taken over the older store, executors and registry");
        self.more("a newer scheduler starts newer executors, which an older registry hears");
        self.replaces(0, "an instance of an older executor falls, and is replaced");
    }

    fn registry_up(&mut self) {
        self.several.use_build(&self.sides.newer);
        self.several.renew_registry();
        self.holds("a newer registry shows what the older one has shown");
    }

    /// An older scheduler beside the newer one, then in its place, unless it refuses.
    fn down(&mut self) {
        self.several.use_build(&self.sides.older);
        let older = self.several.enrol_scheduler();
        // It says where it listens, or ends with the reason.
        until("an older scheduler to stand by or to end", SOON, || {
            let ended = self.several.has_ended(older);
            (ended || self.several.take_address(older)).then_some(())
        });
        if self.several.has_ended(older) {
            return self.refused(older, "an older scheduler does not stand by");
        }
        self.stands_by(older);
        self.several.end_scheduler(self.leader, Signal::TERM);
        until("an older scheduler to lead or to end", SOON, || {
            let leads = self.several.readyz(older).as_deref() == Some("ready\n");
            (leads || self.several.has_ended(older)).then_some(())
        });
        if self.several.has_ended(older) {
            self.several.use_build(&self.sides.newer);
            self.leader = self.several.add_scheduler(&[]);
            return self.refused(older, "an older scheduler does not lead, a newer one does again");
        }
        self.leader = older;
        self.holds("an older scheduler has taken over from the newer one");
        self.more("an older scheduler starts older executors, which a newer registry hears");
        self.replaces(FIRST, "an instance of a newer executor falls, and is replaced");
        self.several.renew_registry();
        self.holds("all of the older commit again");
    }

    /// A scheduler has ended over the store, and has to have said over what of it.
    fn refused(&mut self, scheduler: usize, step: &str) {
        let said = self.several.scheduler_ends(scheduler);
        let reason = said.err.lines().find(|line| line.contains("cannot be read"));
        let reason = reason.unwrap_or_else(|| panic!("it does not say why: {}", said.err));
        assert_ne!(said.code, Some(0), "{reason}");
        self.holds(&format!("{step}: {reason}"));
    }

    fn stands_by(&self, scheduler: usize) {
        until("a scheduler that stands by", SOON, || {
            let says = self.several.readyz(scheduler)?;
            says.starts_with("ready, stands by").then_some(())
        });
    }

    fn submit(&mut self) {
        let keys = format!("tasks = {}", self.count);
        let scripts = Scripts::default().with(TASK, "exec sleep 100000", &keys);
        let file = scripts.write(&self.several.folder().join("page.toml"));
        let file = file.to_str().expect("the path is a text");
        self.several.lathe(self.leader, &["submit", "--yes", file]).with_code(0);
    }

    /// One instance more.
    fn more(&mut self, step: &str) {
        self.expected.push(format!("{TASK}#{}.1", self.count));
        self.count += 1;
        self.submit();
        self.holds(step);
    }

    /// The process of an instance ends; it has been ready for long enough to be replaced at once, or
    /// not, which only takes a little longer.
    fn replaces(&mut self, slot: usize, step: &str) {
        let life = format!("{TASK}#{slot}.1");
        let found = self.several.tasks().remove(&life);
        found.unwrap_or_else(|| panic!("{life} has no process")).signal(Signal::KILL);
        self.expected.push(format!("{TASK}#{slot}.2"));
        self.holds(step);
    }

    /// Every life is there that has to be, and no other; the registry knows those that are ready.
    fn holds(&mut self, step: &str) {
        (self.talk)(step);
        self.expected.sort();
        until(&format!("every life, when {step}"), SOON, || {
            (self.several.journal().incarnations() == self.expected).then_some(())
        });
        let status = self.several.all_ready(self.leader, self.count);
        let mut ready: Vec<String> = status.incarnations().into_values().collect();
        ready.sort();
        until(&format!("the registry to show them, when {step}"), SOON, || {
            let shown = self.several.shown_ready(TASK)?;
            (shown == ready).then_some(())
        });
        let journal = self.several.journal();
        assert_eq!(journal.incarnations(), self.expected, "when {step}");
        assert_eq!(journal.twice(), [], "when {step}");
        self.steps.push(step.to_owned());
    }
}

impl fmt::Display for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "with {}: nothing restarted, none ran twice", self.commit)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  {step}"))
    }
}
