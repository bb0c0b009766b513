//! `kill -9` of the agent while its hook follows changes, again and again, with an account of what came of it.
//!
//! Owns the judgement, which is made from outside: from what the hook's program noted, from the files, and from
//! what the journal said at each death.

mod beside;
mod own;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const TASK: &str = "web.cache";
/// How long the newest state may take to be run to its end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kills {
    /// How often the agent is killed.
    pub kills: u32,
    /// Of the dice.
    pub seed: u64,
}

/// Who is killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The agent, built as tests have it, or this binary of it.
    Agent(Option<PathBuf>),
    /// consul-template with one file, before a server of Consul; a change is another value of a key.
    ConsulTemplate,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Kills.
    pub kills: u32,
    /// Kills that found a run announced and not acknowledged; of a program that announces nothing, one that had
    /// begun and not ended.
    pub hit: u32,
    /// Changes of the catalog.
    pub changes: u32,
    /// Runs of the program that were begun.
    pub begun: u32,
    /// First runs after a kill that found one under way.
    pub resumed: u32,
    /// How often it was started once more, with nothing new, to see whether the newest state is run.
    pub looks: u32,
    /// Newest states that were not run to their end then.
    pub lost: u32,
    /// Runs that nothing was the cause of.
    pub without_cause: u32,
    /// Everything else that must not be, in words.
    pub wrong: Vec<String>,
}

impl Account {
    /// Whether nothing was lost, nothing ran without cause, and nothing else was wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.lost == 0 && self.without_cause == 0 && self.wrong.is_empty()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "kills                {:>6}", self.kills)?;
        writeln!(f, "  during a run       {:>6}", self.hit)?;
        writeln!(f, "changes              {:>6}", self.changes)?;
        writeln!(f, "runs                 {:>6}", self.begun)?;
        writeln!(f, "  resumed            {:>6}", self.resumed)?;
        writeln!(f, "looks                {:>6}", self.looks)?;
        writeln!(f, "lost                 {:>6}", self.lost)?;
        writeln!(f, "without cause        {:>6}", self.without_cause)?;
        for wrong in &self.wrong {
            writeln!(f, "WRONG: {wrong}")?;
        }
        Ok(())
    }
}

/// What is known of the hook from outside.
#[derive(Debug, Default)]
struct Judge {
    /// Lines of the log that were judged.
    read: usize,
    /// The state that was acknowledged last.
    acknowledged: Option<String>,
    /// A run may be under way since then.
    open: bool,
    /// The agent was killed since, with a run under way.
    cut: bool,
    /// A run that was begun in this life and has not ended.
    running: Option<String>,
    account: Account,
}

impl Judge {
    /// Judges what the program has noted since the last time: `begin STATE` and `end STATE`.
    fn read(&mut self, log: &Path) {
        let text = fs::read_to_string(log).unwrap_or_default();
        // A line that is not whole yet comes again.
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        let lines: Vec<&str> = whole.lines().skip(self.read).collect();
        self.read += lines.len();
        for line in lines {
            match line.split_once(' ') {
                Some(("begin", state)) => self.begun(state),
                Some(("end", state)) => {
                    if self.running.take().as_deref() != Some(state) {
                        self.account.wrong.push(format!("the end of {state} without its begin"));
                    }
                    self.acknowledged = Some(state.to_owned());
                    self.open = false;
                }
                _ => self.account.wrong.push(format!("the log says {line:?}")),
            }
        }
    }

    fn begun(&mut self, state: &str) {
        self.account.begun += 1;
        if let Some(other) = self.running.replace(state.to_owned()) {
            self.account.wrong.push(format!("{state} began while {other} ran"));
        }
        if self.acknowledged.as_deref() == Some(state) && !self.open {
            self.account.without_cause += 1;
        }
        self.account.resumed += u32::from(std::mem::take(&mut self.cut));
        self.open = true;
    }

    /// It is dead. Whether by the log a run had begun and not ended.
    fn killed(&mut self, log: &Path) -> bool {
        self.read(log);
        self.running.take().is_some()
    }

    /// A run was under way, as far as can be known.
    fn was_cut(&mut self, is_so: bool) {
        (self.open, self.cut) = (is_so, is_so);
    }
}

/// One that follows changes and is killed.
trait Follower: Sized {
    /// While it runs.
    type Life;

    /// Where its program notes what it does.
    fn log(&self) -> PathBuf;
    /// Makes this state the newest.
    async fn change(&mut self, life: u32);
    async fn start(&self) -> Self::Life;
    /// Kills it, with what it has started, and judges what that left.
    async fn kill(&self, life: Self::Life, judge: &mut Judge);
    /// Waits, with nothing new, for the newest state to be run to its end. Gives whether it was.
    async fn settled(&self, life: &Self::Life, state: &str) -> bool;
}

impl Kills {
    /// Kills, starts again, and looks, until it is enough.
    pub async fn run(self, victim: &Victim, talk: impl FnMut(&str)) -> Account {
        match victim {
            Victim::Agent(binary) => {
                let own = own::Own::start(binary.as_deref()).await;
                self.of(own, talk).await
            }
            Victim::ConsulTemplate => self.of(beside::Beside::start().await, talk).await,
        }
    }

    async fn of(self, mut follower: impl Follower, mut talk: impl FnMut(&str)) -> Account {
        let mut dice = StdRng::seed_from_u64(self.seed);
        let log = follower.log();
        let mut judge = Judge::default();
        let mut life = 1;
        follower.change(life).await;
        for kill in 0..self.kills {
            let running = follower.start().await;
            // Several changes, so that some come while one is followed.
            for _ in 0..dice.random_range(1..4) {
                life += 1;
                follower.change(life).await;
                judge.account.changes += 1;
                let pause = Duration::from_micros(dice.random_range(0..60_000));
                tokio::time::sleep(pause).await;
                judge.read(&log);
            }
            // Long enough, at times, for the run of the newest state to be the one that is hit.
            if dice.random_range(0..3) > 0 {
                tokio::time::sleep(Duration::from_micros(dice.random_range(0..150_000))).await;
            }
            follower.kill(running, &mut judge).await;
            judge.account.kills += 1;
            judge.account.hit += u32::from(judge.open);
            if kill % 3 == 2 {
                // What was announced is resumed, and the newest state is followed.
                let running = follower.start().await;
                let settled = follower.settled(&running, &state(life)).await;
                judge.account.looks += 1;
                judge.account.lost += u32::from(!settled);
                judge.read(&log);
                follower.kill(running, &mut judge).await;
            }
            if kill % 50 == 49 {
                let (account, kills) = (&judge.account, judge.account.kills);
                talk(&format!(
                    "{kills} kills: {} lost, {} without cause",
                    account.lost, account.without_cause
                ));
            }
        }
        judge.account
    }
}

fn state(life: u32) -> String {
    format!("{TASK}#0.{life}")
}

/// Whether the last line of the log is the end of this state.
fn is_ended(log: &Path, state: &str) -> bool {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().next_back().and_then(|line| line.strip_prefix("end ")) == Some(state)
}

/// Looks until the newest state is ended, or `hopeless` says that it will not be. Gives whether it is.
async fn ended(log: &Path, state: &str, mut hopeless: impl FnMut() -> bool) -> bool {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_ended(log, state) {
            if hopeless() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    });
    waited.await.unwrap_or(false)
}

/// Whatever the moment: a file is one of the renderings, to its last line.
fn whole_file(path: &Path, judge: &mut Judge) {
    let Ok(text) = fs::read_to_string(path) else { return };
    if !(text.starts_with("begin\n") && text.ends_with("end\n") && text.contains(TASK)) {
        judge.account.wrong.push(format!("the file {} is {text:?}", path.display()));
    }
}

/// A program that notes its begin and its end; it reads the state out of a file by this command, so that
/// the files of before the program are judged too.
fn script(folder: &Path, state: &str) -> PathBuf {
    let (path, log) = (folder.join("script"), folder.join("log"));
    let log = log.display();
    let text = format!(
        "#!/bin/sh\n{state}\necho begin $state >> {log}\nsleep 0.02\necho end $state >> {log}\n"
    );
    fs::write(&path, text).expect("it is written");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(judge: &mut Judge, log: &Path, lines: &str) {
        let before = fs::read_to_string(log).unwrap_or_default();
        fs::write(log, before + lines).expect("it is written");
        judge.read(log);
    }

    #[test]
    fn a_state_that_was_run_to_its_end_runs_again_without_cause_unless_a_run_was_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let mut judge = Judge::default();
        judged(&mut judge, &log, "begin a\nend a\nbegin b\nend b\n");
        assert_eq!((judge.account.begun, judge.account.without_cause), (2, 0));
        judged(&mut judge, &log, "begin b\nend b\n");
        assert_eq!(judge.account.without_cause, 1);
        judged(&mut judge, &log, "begin c\n");
        assert!(judge.killed(&log), "c was under way");
        judge.was_cut(true);
        judged(&mut judge, &log, "begin c\nend c\n");
        assert_eq!((judge.account.without_cause, judge.account.resumed), (1, 1));
        assert!(!judge.killed(&log));
        assert!(judge.account.wrong.is_empty(), "{:?}", judge.account.wrong);
    }

    #[test]
    fn runs_that_overlap_and_ends_without_a_begin_are_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let mut judge = Judge::default();
        judged(&mut judge, &log, "begin a\nbegin b\nend a\n");
        assert_eq!(judge.account.wrong, ["b began while a ran", "the end of a without its begin"]);
        assert!(!judge.account.is_good());
    }

    #[tokio::test]
    async fn the_newest_is_run_when_the_last_line_is_its_end_and_lost_when_it_will_not_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        fs::write(&log, "begin web.cache#0.12\nend web.cache#0.12\n").expect("it is written");
        assert!(ended(&log, &state(12), || true).await);
        assert!(!ended(&log, &state(2), || true).await);
    }
}
