//! When each incarnation began and ended, by its executor's own words in its sandbox: whole, and not
//! what somebody saw when looking.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What an executor says when its task's process runs, and when it has ended.
const BEGINS: &str = "the process runs";
const ENDS: &str = "the process ended";

/// One life of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lived {
    /// Such as `page#0.1`.
    pub incarnation: String,
    /// The folder of the agent that it was on.
    pub agent: PathBuf,
    /// When it began, as the executor's clock says, to be compared as text.
    pub from: String,
    /// When it ended; none while it runs, or when its executor was killed.
    pub to: Option<String>,
}

impl Lived {
    /// Such as `page#0`.
    #[must_use]
    pub fn instance(&self) -> &str {
        self.incarnation.rsplit_once('.').map_or(&self.incarnation, |(instance, _)| instance)
    }

    /// Such as `page`.
    #[must_use]
    pub fn task(&self) -> &str {
        self.incarnation.rsplit_once('#').map_or(&self.incarnation, |(task, _)| task)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let before = |one: &Self, other: &Self| one.to.as_ref().is_some_and(|to| *to <= other.from);
        !before(self, other) && !before(other, self)
    }
}

/// All lives of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    pub lives: Vec<Lived>,
}

impl Journal {
    /// Reads the sandboxes below a folder: `…/executors/INCARNATION/runs/ID/stderr`.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut lives = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder {
                    folders.push(entry.path());
                } else if entry.file_name() == "stderr" {
                    lives.extend(life(&entry.path()));
                }
            }
        }
        lives.sort_by(|a: &Lived, b| (&a.from, &a.incarnation).cmp(&(&b.from, &b.incarnation)));
        Self { lives }
    }

    /// The incarnations that have ever begun.
    #[must_use]
    pub fn incarnations(&self) -> Vec<String> {
        let mut all: Vec<String> = self.lives.iter().map(|one| one.incarnation.clone()).collect();
        all.sort();
        all
    }

    /// Pairs of lives of one instance that were there at the same time.
    #[must_use]
    pub fn twice(&self) -> Vec<(Lived, Lived)> {
        self.pairs(|a, b| a.instance() == b.instance())
    }

    /// Pairs of lives of one task that were at the same time on the same agent.
    #[must_use]
    pub fn together(&self, task: &str) -> Vec<(Lived, Lived)> {
        self.pairs(|a, b| a.task() == task && b.task() == task && a.agent == b.agent)
    }

    /// How many of each instance there ever were.
    #[must_use]
    pub fn lives_of(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for one in &self.lives {
            *count.entry(one.instance().to_owned()).or_default() += 1;
        }
        count
    }

    fn pairs(&self, are_of_one: impl Fn(&Lived, &Lived) -> bool) -> Vec<(Lived, Lived)> {
        let mut found = Vec::new();
        for (number, one) in self.lives.iter().enumerate() {
            let later = self.lives[number + 1..].iter();
            let bad = later.filter(|other| are_of_one(one, other) && one.overlaps(other));
            found.extend(bad.map(|other| (one.clone(), other.clone())));
        }
        found
    }
}

fn life(stderr: &Path) -> Option<Lived> {
    let run = stderr.parent()?;
    let executor = run.parent()?.parent()?;
    if executor.parent()?.file_name()? != "executors" {
        return None;
    }
    let agent = executor.ancestors().find(|folder| folder.join("slaves").is_dir())?.to_owned();
    let text = fs::read_to_string(stderr).ok()?;
    let at = |words: &str| {
        let line = text.lines().find(|line| line.contains(words))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let incarnation = executor.file_name()?.to_str()?.to_owned();
    Some(Lived { incarnation, agent, from: at(BEGINS)?, to: at(ENDS) })
}
