//! `kill -9` of the agent while its hook follows changes, again and again, with an account of what came of it.
//!
//! Owns the judgement, which is made from outside: from what the hook's program noted, from the files, and from
//! what the journal said at each death.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lathe_hooks::Journal;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::{Agent, Site, instance, until};

const TASK: &str = "web.cache";

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kills {
    /// How often the agent is killed.
    pub kills: u32,
    /// Of the dice.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Kills.
    pub kills: u32,
    /// Kills that found a run announced and not acknowledged.
    pub hit: u32,
    /// Changes of the catalog.
    pub changes: u32,
    /// Runs of the program that were begun.
    pub begun: u32,
    /// First runs after a kill that found one under way.
    pub resumed: u32,
    /// Newest states that were not run to their end.
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

    /// The agent is dead: what does its journal say?
    fn killed(&mut self, data: &Path, log: &Path) {
        self.read(log);
        self.running = None;
        // Opening mends what was cut off, so a copy is opened.
        let copy = data.with_extension("looked-at");
        if fs::copy(data.join("journal"), &copy).is_err() {
            return;
        }
        match Journal::open(&copy) {
            Ok(opened) if !opened.damaged => {
                let record = opened.journal.records().get("h");
                self.open = record.is_some_and(|record| record.pending.is_some());
                self.cut = self.open;
            }
            Ok(_) => self.account.wrong.push("the journal is damaged".to_owned()),
            Err(error) => self.account.wrong.push(error.to_string()),
        }
    }
}

impl Kills {
    /// Kills, starts again, and looks, until it is enough.
    pub async fn run(self, mut talk: impl FnMut(&str)) -> Account {
        let mut site = Site::start(1).await;
        let mut dice = StdRng::seed_from_u64(self.seed);
        let (config, log) = configuration(&site);
        let data = site.folder().join("agent");
        let mut judge = Judge::default();
        let mut life = 1;
        change(&mut site, life).await;
        for kill in 0..self.kills {
            let agent = Agent::start(&config).await;
            // Several changes, so that some come while one is followed.
            for _ in 0..dice.random_range(1..4) {
                life += 1;
                change(&mut site, life).await;
                judge.account.changes += 1;
                let pause = Duration::from_micros(dice.random_range(0..60_000));
                tokio::time::sleep(pause).await;
                judge.read(&log);
            }
            // Long enough, at times, for the run of the newest state to be the one that is hit.
            if dice.random_range(0..3) > 0 {
                tokio::time::sleep(Duration::from_micros(dice.random_range(0..150_000))).await;
            }
            agent.kill().await;
            judge.account.kills += 1;
            judge.killed(&data, &log);
            judge.account.hit += u32::from(judge.open);
            whole_files(&site, &mut judge);
            if kill % 3 == 2 {
                // What was announced is resumed, and the newest state is followed.
                let agent = Agent::start(&config).await;
                settle(&agent, &log, life, &mut judge).await;
                agent.kill().await;
                judge.killed(&data, &log);
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

/// Waits until the newest state was run to its end, then sees that nothing more runs.
async fn settle(agent: &Agent, log: &Path, life: u32, judge: &mut Judge) {
    let state = format!("{TASK}#0.{life}");
    let wanted = format!("end {state}");
    let ended = || async {
        let text = fs::read_to_string(log).unwrap_or_default();
        text.lines().next_back() == Some(wanted.as_str())
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !ended().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    if waited.await.is_err() {
        judge.account.lost += 1;
        return;
    }
    until("the hook is idle", || async {
        let reply = agent.get("/v1/hooks/h").await;
        reply.is_some_and(|reply| reply.json()["standing"] == "idle")
    })
    .await;
    judge.read(log);
}

/// Whatever the moment: a file is one of the renderings, to its last line.
fn whole_files(site: &Site, judge: &mut Judge) {
    for name in ["one", "two"] {
        let Ok(text) = fs::read_to_string(site.folder().join(name)) else { continue };
        if !(text.starts_with("begin\n") && text.ends_with("end\n") && text.contains(TASK)) {
            judge.account.wrong.push(format!("the file {name} is {text:?}"));
        }
    }
}

async fn change(site: &mut Site, life: u32) {
    let before = format!("{TASK}#0.{}", life - 1);
    let gone: &[&str] = if life > 1 { &[before.as_str()] } else { &[] };
    site.change(&[instance(TASK, 0, life, 31_000)], gone).await;
}

/// A hook with two files and a program that notes its begin and its end; the state is read out of a file, so
/// that the files of before the program are judged too.
fn configuration(site: &Site) -> (PathBuf, PathBuf) {
    let folder = site.folder();
    let log = folder.join("log");
    let script = folder.join("script");
    let text = format!(
        "#!/bin/sh\nstate=$(grep '#' {one})\ncmp -s {one} {two} || state=torn\necho begin $state >> {log}\n\
         sleep 0.02\necho end $state >> {log}\n",
        one = folder.join("one").display(),
        two = folder.join("two").display(),
        log = log.display(),
    );
    fs::write(&script, text).expect("it is written");
    let file = |name: &str| {
        let template =
            "begin\\n{% for one in entries %}\\n{{ one.incarnation }}\\n{% endfor %}\\nend\\n";
        format!("[[hook.h.file]]\npath = {:?}\ntext = \"{template}\"\n", folder.join(name))
    };
    let more = format!(
        "[hook.h]\ngroups = [\"{TASK}\"]\nsettle = \"5ms\"\nurgent_settle = \"5ms\"\n\
         command = [\"/bin/sh\", {script:?}]\n{}{}",
        file("one"),
        file("two"),
    );
    (site.configuration(&more), log)
}
