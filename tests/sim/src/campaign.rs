//! Many seeds on several threads, and the report of what was found.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::settings::{Sabotage, Settings};
use crate::shrink::{Shrunk, shrink};
use crate::world::run;

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    pub from: u64,
    pub seeds: u64,
    pub steps: u64,
    pub threads: usize,
    pub without: Vec<u64>,
    pub sabotage: Option<Sabotage>,
    /// Whether operators have a hand in it.
    pub operators: bool,
    /// Whether maintenance is planned.
    pub maintenance: bool,
    /// Lines of a failing run's trace that are shown.
    pub lines: usize,
}

/// What it came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub seeds: u64,
    pub steps: u64,
    pub started: u64,
    pub accepted: u64,
    pub refused: u64,
    /// The lowest seed that was seen to fail.
    pub failed: Option<u64>,
    pub seconds: f64,
}

impl Campaign {
    /// How one seed of it is run.
    #[must_use]
    pub fn settings(&self, seed: u64) -> Settings {
        Settings {
            seed,
            steps: self.steps,
            without: self.without.iter().copied().collect(),
            sabotage: self.sabotage,
            operators: self.operators,
            maintenance: self.maintenance,
            lines: self.lines,
        }
    }

    /// Runs until all seeds are done or one has failed; `progress` is told now and then.
    pub fn run(&self, progress: impl Fn(u64, Duration) + Sync) -> Report {
        let start = Instant::now();
        let next = AtomicU64::new(0);
        let report = Mutex::new(Report::default());
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds {
                            return;
                        }
                        let outcome = run(&self.settings(self.from + number));
                        let mut report = report.lock().expect("no thread panics with the lock");
                        report.seeds += 1;
                        report.steps += outcome.steps;
                        report.started += outcome.started as u64;
                        report.accepted += outcome.accepted;
                        report.refused += outcome.refused;
                        progress(report.seeds, start.elapsed());
                        if outcome.failure.is_some() {
                            let seed = self.from + number;
                            let lowest = report.failed.map_or(seed, |known| known.min(seed));
                            report.failed = Some(lowest);
                            // Those below it are under way or done; none above it is begun.
                            next.fetch_max(self.seeds, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let mut report = report.into_inner().expect("no thread panics with the lock");
        report.seconds = start.elapsed().as_secs_f64();
        report
    }

    /// The report of a seed that fails: the smallest run that was found, with its trace.
    #[must_use]
    pub fn explain(&self, seed: u64) -> String {
        match shrink(&self.settings(seed)) {
            Some(shrunk) => self.describe(&shrunk),
            None => format!("seed {seed} does not fail"),
        }
    }

    fn describe(&self, shrunk: &Shrunk) -> String {
        let Shrunk { settings, outcome, decisions, runs } = shrunk;
        let seed = settings.seed;
        let Some(failure) = &outcome.failure else { return format!("seed {seed} does not fail") };
        let mut lines = failure.trace.clone();
        lines.push(String::new());
        lines.push(format!("the decisions that it takes, {} of {}:", decisions.1, decisions.0));
        lines.extend(outcome.decisions.iter().map(|(number, text)| format!("{number:>4} {text}")));
        let when = match failure.step {
            Some(step) => format!("in step {step}"),
            None => format!("after {} steps and the healing", settings.steps),
        };
        let breach = &failure.breach;
        lines.push(format!("\nseed {seed} {when}: {}: {}", breach.invariant, breach.what));
        let mut again = format!("cargo xtask sim --seed {seed} --steps {}", settings.steps);
        if !settings.without.is_empty() {
            let numbers: Vec<String> = settings.without.iter().map(u64::to_string).collect();
            again.push_str(&format!(" --without {}", numbers.join(",")));
        }
        if let Some(sabotage) = settings.sabotage {
            again.push_str(&format!(" --sabotage {}", sabotage.name()));
        }
        if !settings.operators {
            again.push_str(" --operators no");
        }
        if !settings.maintenance {
            again.push_str(" --maintenance no");
        }
        lines.push(format!("found smaller in {runs} runs; again: {again}"));
        lines.join("\n")
    }
}
