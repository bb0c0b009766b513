//! What came of it, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::steady::Seen;
use super::story::Told;
use crate::status::Instance;

/// The account of one run.
#[derive(Clone, Debug)]
pub struct Account {
    pub time: Duration,
    /// How often each fault was done.
    pub faults: BTreeMap<&'static str, usize>,
    /// Requests with a 200, at the first or the second load balancer.
    pub good: usize,
    pub retried: usize,
    /// Requests that failed at both.
    pub failed: usize,
    /// The first of them.
    pub failures: Vec<String>,
    /// Requests that should have been sent and were not: the client was too slow.
    pub not_sent: usize,
    /// Times of all requests, sorted.
    pub times: Vec<Duration>,
    /// From a hit to the next life's being ready, by fault, sorted.
    pub replaced: BTreeMap<&'static str, Vec<Duration>>,
    /// What the events said that cannot be.
    pub contradictions: Vec<String>,
    /// Lives launched in the place of those to whom nothing was done.
    pub unasked: Vec<String>,
    /// Replacements that took longest, one by one.
    pub slow: Vec<String>,
    /// Lives beyond the first of each instance.
    pub replacements: u64,
}

impl Account {
    pub(super) fn new(
        time: Duration,
        faults: BTreeMap<&'static str, usize>,
        seen: Seen,
        told: Told,
        healed: &[Instance],
    ) -> Self {
        let mut times = seen.times;
        times.sort();
        let mut replaced = told.replaced;
        replaced.values_mut().for_each(|times| times.sort());
        Self {
            time,
            faults,
            good: seen.good,
            retried: seen.retried,
            failed: seen.failed,
            failures: seen.failures,
            not_sent: seen.not_sent,
            times,
            replaced,
            contradictions: told.contradictions,
            unasked: told.unasked,
            slow: told.slow,
            replacements: healed.iter().map(|one| one.life().saturating_sub(1)).sum(),
        }
    }

    /// Nothing failed and nothing was contradictory.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.contradictions.is_empty() && self.good > 0
    }
}

/// By nearest rank, in milliseconds.
fn rank(sorted: &[Duration], percent: usize) -> String {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    let found = sorted.get(at).copied().unwrap_or_default();
    format!("{:.1} ms", found.as_secs_f64() * 1_000.0)
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |f: &mut fmt::Formatter<'_>, what: &str, sorted: &[Duration]| {
            let (half, most, all) = (rank(sorted, 50), rank(sorted, 95), rank(sorted, 100));
            writeln!(f, "{what}: {} times, p50 {half}, p95 {most}, most {all}", sorted.len())
        };
        writeln!(f, "time: {:.0} s", self.time.as_secs_f64())?;
        let total = self.good + self.failed;
        writeln!(f, "requests: {total}, {} not sent", self.not_sent)?;
        writeln!(f, "retried at another load balancer: {}", self.retried)?;
        writeln!(f, "failed: {}", self.failed)?;
        let (half, most, all) =
            (rank(&self.times, 50), rank(&self.times, 99), rank(&self.times, 100));
        writeln!(f, "time of a request: p50 {half}, p99 {most}, most {all}")?;
        let faults: usize = self.faults.values().sum();
        writeln!(f, "faults: {faults}")?;
        for (name, number) in &self.faults {
            writeln!(f, "  {name}: {number}")?;
        }
        writeln!(f, "replacements: {}, from the fault until ready:", self.replacements)?;
        for (name, sorted) in &self.replaced {
            rows(f, &format!("  {name}"), sorted)?;
        }
        let slow: Vec<&String> = self.slow.iter().filter(|one| !one.ends_with("stopped")).collect();
        writeln!(f, "slow, but for those that were stopped: {}", slow.len())?;
        for one in slow {
            writeln!(f, "  {one}")?;
        }
        let unasked = self.unasked.join(" ");
        writeln!(f, "replaced though nothing was done to them: {} {unasked}", self.unasked.len())?;
        writeln!(f, "contradictions: {}", self.contradictions.len())?;
        for one in self.contradictions.iter().chain(&self.failures) {
            writeln!(f, "  {one}")?;
        }
        Ok(())
    }
}
