//! Heartbeats: who was heard when, and whom the silence makes suspect.
//!
//! Owns the decision alone. What it finds is to be written into the catalog by its caller, comes
//! back as a change of the catalog (`observe`), and is found again until it shows there. It reads
//! no clock: all times are the caller's monotonic milliseconds. Only the framework says *gone*.

use std::collections::BTreeMap;

use crate::{Entry, State};

/// When silence counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds between two beats of one executor.
    pub beat_ms: u64,
    /// Milliseconds since the last beat after which an incarnation is suspect.
    pub suspect_after_ms: u64,
    /// Milliseconds of one window of the brake.
    pub window_ms: u64,
    /// The brake holds when more than so many percent would become suspect in one window…
    pub brake_percent: u64,
    /// …and they are at least so many.
    pub brake_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            beat_ms: 1000,
            suspect_after_ms: 3000,
            window_ms: 10_000,
            brake_percent: 30,
            brake_min: 5,
        }
    }
}

/// The brake holds: so much silence at once says more about the listener than about those who
/// are silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Incarnations that would become suspect within the window.
    pub would: u64,
    /// Incarnations that were ever heard and are watched.
    pub of: u64,
}

/// An incarnation whose entry should say something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which one.
    pub incarnation: String,
    /// The state that it should have: suspect, or the one from before.
    pub state: State,
    /// Why.
    pub reason: Option<String>,
}

/// What a look at all pulses gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Entries to write, by incarnation.
    pub wanted: Vec<Finding>,
    /// Set while the brake holds; nobody becomes suspect then, but those who are heard come back.
    pub brake: Option<Brake>,
}

/// Heartbeat bookkeeping of all incarnations in a catalog.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    limits: Limits,
    pulses: BTreeMap<String, Pulse>,
}

#[derive(Clone, Debug)]
struct Pulse {
    /// As the catalog shows it.
    shown: State,
    /// The last state that was not suspect, with its reason.
    before: Option<(State, Option<String>)>,
    /// Nobody is suspect who was never heard: it may beat at another registry.
    heard_ms: Option<u64>,
    /// What the last beat said of itself.
    said: State,
    /// Whether it was heard here since the catalog shows its state.
    heard_since: bool,
}

impl Pulse {
    fn is_watched(&self) -> bool {
        matches!(self.shown, State::Starting | State::Ready | State::Suspect)
    }

    fn silence_ms(&self, now_ms: u64) -> Option<u64> {
        self.heard_ms.map(|heard| now_ms.saturating_sub(heard))
    }

    fn back(&self, incarnation: &str) -> Finding {
        let (state, reason) = self.before.clone().unwrap_or_else(|| {
            let starts = self.said == State::Starting;
            (if starts { State::Starting } else { State::Ready }, None)
        });
        Finding { incarnation: incarnation.to_owned(), state, reason }
    }
}

impl Liveness {
    /// Nobody was heard yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, pulses: BTreeMap::new() }
    }

    /// Takes note of an entry as the catalog shows it now.
    pub fn observe(&mut self, entry: &Entry) {
        let pulse = self.pulses.entry(entry.incarnation.clone()).or_insert(Pulse {
            shown: entry.state,
            before: None,
            heard_ms: None,
            said: entry.state,
            heard_since: false,
        });
        // Another registry has heard a suspect: it beats there now, and the silence here says
        // nothing any more.
        let back = pulse.shown == State::Suspect && entry.state != State::Suspect;
        if back && !pulse.heard_since {
            pulse.heard_ms = None;
        }
        pulse.heard_since &= pulse.shown == entry.state;
        pulse.shown = entry.state;
        if entry.state != State::Suspect {
            pulse.before = Some((entry.state, entry.reason.clone()));
        }
    }

    /// The catalog shows this incarnation no more.
    pub fn forget(&mut self, incarnation: &str) {
        self.pulses.remove(incarnation);
    }

    /// Keeps only those for which the answer is yes: after a new listing.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.pulses.retain(|incarnation, _| keep(incarnation));
    }

    /// An incarnation was heard. Gives a finding at once if its entry says suspect; `None` also
    /// for one that the catalog does not show.
    pub fn beat(&mut self, now_ms: u64, incarnation: &str, said: State) -> Option<Finding> {
        let pulse = self.pulses.get_mut(incarnation)?;
        pulse.heard_ms = Some(pulse.heard_ms.map_or(now_ms, |heard| heard.max(now_ms)));
        pulse.said = said;
        pulse.heard_since = true;
        (pulse.shown == State::Suspect).then(|| pulse.back(incarnation))
    }

    /// The listener itself was stopped or starved for so long and could hear nobody: silence in
    /// that time counts against no one.
    pub fn was_deaf(&mut self, ms: u64) {
        for heard in self.pulses.values_mut().filter_map(|pulse| pulse.heard_ms.as_mut()) {
            *heard = heard.saturating_add(ms);
        }
    }

    /// Incarnations that are watched and were heard.
    #[must_use]
    pub fn watched(&self) -> u64 {
        self.pulses.values().filter(|pulse| pulse.is_watched() && pulse.heard_ms.is_some()).count()
            as u64
    }

    /// Looks at every pulse.
    #[must_use]
    pub fn findings(&self, now_ms: u64) -> Findings {
        let limits = self.limits;
        let mut findings = Findings::default();
        let mut silent = Vec::new();
        let mut brake = Brake { would: 0, of: 0 };
        for (incarnation, pulse) in self.pulses.iter().filter(|(_, pulse)| pulse.is_watched()) {
            let Some(silence_ms) = pulse.silence_ms(now_ms) else { continue };
            brake.of += 1;
            if pulse.shown == State::Suspect {
                if silence_ms < limits.suspect_after_ms {
                    findings.wanted.push(pulse.back(incarnation));
                } else if silence_ms < limits.suspect_after_ms.saturating_add(limits.window_ms) {
                    brake.would += 1;
                }
                continue;
            }
            // Who fell silent together crosses the line within one beat of each other: those who
            // are on their way count, or the first of many would slip through.
            if silence_ms >= limits.suspect_after_ms.saturating_sub(limits.beat_ms) {
                brake.would += 1;
            }
            if silence_ms >= limits.suspect_after_ms {
                silent.push(Finding {
                    incarnation: incarnation.clone(),
                    state: State::Suspect,
                    reason: Some(format!("no heartbeat for {silence_ms} ms")),
                });
            }
        }
        let holds = brake.would >= limits.brake_min
            && brake.would.saturating_mul(100) > brake.of.saturating_mul(limits.brake_percent);
        if holds {
            findings.brake = Some(brake);
        } else {
            findings.wanted.append(&mut silent);
            findings.wanted.sort_by(|a, b| a.incarnation.cmp(&b.incarnation));
        }
        findings
    }
}

#[cfg(test)]
mod tests;
