//! Heartbeats: who was heard when, whom the silence makes suspect, and whom its own word.
//!
//! Owns the decision alone. What goes before what: the framework's word (who drains or is gone is not
//! judged here), health (who says that it is not well is suspect however often it is heard, and no
//! brake holds that), heartbeats, and the connection by which they come: who has closed it is waited for
//! less long, and a beat by another one makes that good. Of several registries one judges an incarnation's silence, its owner;
//! the others note what they hear, and one that cannot pass a beat on stands in: it writes what the
//! beat says, and takes nothing from silence. What is found is to be written into the catalog by the
//! caller, comes back as a change of the catalog (`observe`), and is found again until it shows there.
//! It reads no clock: all times are the caller's monotonic milliseconds. Only the framework says *gone*.

use std::collections::BTreeMap;

use crate::{Beat, Entry, State};

/// How the reason of a silence begins.
const SILENT: &str = "no heartbeat";
/// What is said of one whose connection is closed, too.
const CLOSED: &str = ", and its connection is closed";

/// When silence counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds between two beats of one executor.
    pub beat_ms: u64,
    /// Milliseconds since the last beat after which an incarnation is suspect.
    pub suspect_after_ms: u64,
    /// The same where the connection is closed by which it came.
    pub closed_after_ms: u64,
    /// Milliseconds that an executor has for its first beat at its owner, from when that owns it.
    pub first_after_ms: u64,
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
            closed_after_ms: 1500,
            first_after_ms: 10_000,
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
    /// Incarnations that are judged here.
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
    /// With this reason.
    shown_reason: Option<String>,
    /// Since then, by the writer's clock.
    shown_since_ms: u64,
    /// The last state that was not suspect, with its reason.
    before: Option<(State, Option<String>)>,
    heard_ms: Option<u64>,
    /// The connection by which it was heard last is closed.
    closed: bool,
    /// Since when it is judged here.
    owned_ms: Option<u64>,
    /// When a beat of it could not be passed on to its owner.
    stood_in_ms: Option<u64>,
    /// Another registry has taken its suspicion back: it beats where it cannot be heard from here.
    elsewhere: bool,
    /// What the last beat said of itself, since something was missed of it.
    said: Option<State>,
    /// Whether it was heard here since the catalog shows its state.
    heard_since: bool,
    /// What it said to be wrong with it.
    failing: Option<String>,
}

impl Pulse {
    fn assign(&mut self, now_ms: u64, owned: bool, limits: &Limits) {
        if !owned {
            self.owned_ms = None;
        } else if self.owned_ms.is_none() {
            self.owned_ms = Some(now_ms);
            self.elsewhere = false;
            if !self.is_heard(now_ms, limits) {
                // What it said of itself may be long over.
                self.failing = None;
                self.said = None;
            }
        }
    }

    fn is_watched(&self) -> bool {
        matches!(self.shown, State::Starting | State::Ready | State::Suspect)
    }

    /// How long it has been silent for its judge, and after how long that counts.
    fn silence_ms(&self, now_ms: u64, limits: &Limits) -> Option<(u64, u64)> {
        let owned = self.owned_ms.filter(|_| !self.elsewhere)?;
        let heard = self.heard_ms.filter(|heard| *heard >= owned);
        let limit = match heard {
            Some(_) if self.closed => limits.closed_after_ms.min(limits.suspect_after_ms),
            Some(_) => limits.suspect_after_ms,
            // It may not know the way here yet.
            None => limits.first_after_ms.max(limits.suspect_after_ms),
        };
        Some((now_ms.saturating_sub(heard.unwrap_or(owned)), limit))
    }

    /// What its reason says of its connection.
    fn closed(&self) -> &'static str {
        if self.closed { CLOSED } else { "" }
    }

    fn is_heard(&self, now_ms: u64, limits: &Limits) -> bool {
        let lately = |at: u64| now_ms.saturating_sub(at) < limits.suspect_after_ms;
        self.heard_ms.is_some_and(lately) && !self.closed
    }

    /// Whether what it says is written here, by its owner or in the owner's place.
    fn is_spoken_for(&self, now_ms: u64, limits: &Limits) -> bool {
        let lately = |at: u64| now_ms.saturating_sub(at) < limits.suspect_after_ms;
        self.owned_ms.is_some() || self.stood_in_ms.is_some_and(lately)
    }

    /// What it says of itself, where the catalog shows something else.
    fn unwell(&self, incarnation: &str) -> Option<Finding> {
        let why = self.failing.as_ref()?;
        let told = match self.shown {
            State::Ready => false,
            // The reason of its silence gives way to its own.
            State::Suspect => {
                !self.shown_reason.as_deref().is_some_and(|shown| shown.starts_with(SILENT))
            }
            State::Starting | State::Draining | State::Gone => true,
        };
        (!told).then(|| Finding {
            incarnation: incarnation.to_owned(),
            state: State::Suspect,
            reason: Some(why.clone()),
        })
    }

    /// It may have become ready unseen before it became suspect; and what it said so far may be
    /// older than that.
    fn missed(&mut self) {
        self.before = None;
        self.said = None;
    }

    /// As it was before, or else as it says; none before it has said anything.
    fn back(&self, incarnation: &str) -> Option<Finding> {
        let (state, reason) = match (&self.before, self.said) {
            (Some(before), _) => before.clone(),
            (None, Some(State::Starting)) => (State::Starting, None),
            (None, Some(_)) => (State::Ready, None),
            (None, None) => return None,
        };
        Some(Finding { incarnation: incarnation.to_owned(), state, reason })
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
            shown_reason: None,
            shown_since_ms: entry.since_ms,
            before: None,
            heard_ms: None,
            closed: false,
            owned_ms: None,
            stood_in_ms: None,
            elsewhere: false,
            said: None,
            heard_since: false,
            failing: None,
        });
        // Another registry has heard a suspect, and wrote so because it could not pass it on: it
        // beats there, and the silence here says nothing any more.
        let back = pulse.shown == State::Suspect && entry.state != State::Suspect;
        // It came back into its state, and was suspect in between: that was not seen here, so it
        // was heard elsewhere since.
        let unseen = pulse.shown != State::Suspect
            && pulse.shown == entry.state
            && entry.since_ms > pulse.shown_since_ms;
        if unseen || (back && !pulse.heard_since) {
            pulse.heard_ms = None;
            pulse.closed = false;
            pulse.elsewhere = true;
        }
        let back = back || unseen;
        // Whoever wrote it knows more of its health than what was said here before.
        pulse.failing = pulse.failing.take().filter(|_| !back);
        pulse.heard_since &= pulse.shown == entry.state && !unseen;
        pulse.shown = entry.state;
        pulse.shown_since_ms = entry.since_ms;
        pulse.shown_reason.clone_from(&entry.reason);
        if entry.state != State::Suspect {
            pulse.before = Some((entry.state, entry.reason.clone()));
        }
    }

    /// The catalog shows this incarnation no more.
    pub fn forget(&mut self, incarnation: &str) {
        self.pulses.remove(incarnation);
    }

    /// Not everything that the catalog has shown of it was seen: before what it shows now is
    /// observed.
    pub fn missed(&mut self, incarnation: &str) {
        self.pulses.get_mut(incarnation).into_iter().for_each(Pulse::missed);
    }

    /// Keeps only those for which the answer is yes: before all that a new listing shows is
    /// observed. Of each of them something may have been missed.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.pulses.retain(|incarnation, _| keep(incarnation));
        self.pulses.values_mut().for_each(Pulse::missed);
    }

    /// An incarnation was heard. Gives a finding at once if its entry should say something else;
    /// `None` also for one that the catalog does not show.
    pub fn beat(&mut self, now_ms: u64, incarnation: &str, beat: Beat) -> Option<Finding> {
        let pulse = self.pulses.get_mut(incarnation)?;
        pulse.heard_ms = Some(pulse.heard_ms.map_or(now_ms, |heard| heard.max(now_ms)));
        pulse.closed = false;
        pulse.said = Some(beat.state);
        pulse.failing = beat.failing;
        pulse.elsewhere = false;
        pulse.heard_since = true;
        if pulse.failing.is_some() {
            return pulse.unwell(incarnation);
        }
        if pulse.shown == State::Suspect { pulse.back(incarnation) } else { None }
    }

    /// The connection is closed by which an incarnation was heard last. That alone makes nobody suspect.
    pub fn closed(&mut self, incarnation: &str) {
        if let Some(pulse) = self.pulses.get_mut(incarnation) {
            pulse.closed = pulse.heard_ms.is_some();
        }
    }

    /// Says whether this listener is the judge of an incarnation, from now on.
    pub fn assign(&mut self, now_ms: u64, incarnation: &str, owned: bool) {
        if let Some(pulse) = self.pulses.get_mut(incarnation) {
            pulse.assign(now_ms, owned, &self.limits);
        }
    }

    /// The same of all.
    pub fn assign_all(&mut self, now_ms: u64, mut owned: impl FnMut(&str) -> bool) {
        for (incarnation, pulse) in &mut self.pulses {
            pulse.assign(now_ms, owned(incarnation), &self.limits);
        }
    }

    /// A beat could not be passed on to its owner: what it says is written here.
    pub fn stand_in(&mut self, now_ms: u64, incarnation: &str) {
        if let Some(pulse) = self.pulses.get_mut(incarnation) {
            pulse.stood_in_ms = Some(now_ms);
        }
    }

    /// All registries can pass on to each other: whoever beat elsewhere is expected here again.
    pub fn in_touch(&mut self, now_ms: u64) {
        for pulse in self.pulses.values_mut().filter(|pulse| pulse.elsewhere) {
            pulse.elsewhere = false;
            pulse.owned_ms = pulse.owned_ms.map(|_| now_ms);
        }
    }

    /// The listener was stopped, starved or cut off for so long, and those who spoke may not have been
    /// heard: silence in that time counts against no one.
    pub fn was_deaf(&mut self, ms: u64) {
        for pulse in self.pulses.values_mut().filter(|pulse| pulse.owned_ms.is_some()) {
            for at in [&mut pulse.heard_ms, &mut pulse.owned_ms].into_iter().flatten() {
                *at = at.saturating_add(ms);
            }
        }
    }

    /// Incarnations that are watched and were heard.
    #[must_use]
    pub fn watched(&self) -> u64 {
        self.pulses.values().filter(|pulse| pulse.is_watched() && pulse.heard_ms.is_some()).count()
            as u64
    }

    /// Incarnations that are judged here, and how many of them were not heard since.
    #[must_use]
    pub fn owned(&self) -> (u64, u64) {
        let owned = self.pulses.values().filter(|pulse| pulse.is_watched());
        owned.fold((0, 0), |(all, unheard), pulse| match (pulse.owned_ms, pulse.heard_ms) {
            (Some(owned), Some(heard)) if heard >= owned => (all + 1, unheard),
            (Some(_), _) => (all + 1, unheard + 1),
            (None, _) => (all, unheard),
        })
    }

    /// Looks at every pulse. Silence counts only where `judges` says that it says something.
    #[must_use]
    pub fn findings(&self, now_ms: u64, judges: bool) -> Findings {
        let limits = self.limits;
        let mut findings = Findings::default();
        let mut silent = Vec::new();
        let mut brake = Brake { would: 0, of: 0 };
        for (incarnation, pulse) in self.pulses.iter().filter(|(_, pulse)| pulse.is_watched()) {
            if !pulse.is_spoken_for(now_ms, &limits) {
                continue;
            }
            brake.of += u64::from(pulse.owned_ms.is_some());
            if pulse.failing.is_some() {
                findings.wanted.extend(pulse.unwell(incarnation));
                continue;
            }
            let is_suspect = pulse.shown == State::Suspect;
            if is_suspect && pulse.is_heard(now_ms, &limits) {
                findings.wanted.extend(pulse.back(incarnation));
                continue;
            }
            let Some((silence_ms, limit_ms)) = pulse.silence_ms(now_ms, &limits) else { continue };
            if is_suspect {
                let lately = limit_ms..limit_ms.saturating_add(limits.window_ms);
                brake.would += u64::from(lately.contains(&silence_ms));
                continue;
            }
            // Who fell silent together crosses the line within one beat of each other: those who
            // are on their way count, or the first of many would slip through.
            brake.would += u64::from(silence_ms >= limit_ms.saturating_sub(limits.beat_ms));
            if silence_ms >= limit_ms {
                silent.push(Finding {
                    incarnation: incarnation.clone(),
                    state: State::Suspect,
                    reason: Some(format!("{SILENT} for {silence_ms} ms{}", pulse.closed())),
                });
            }
        }
        if !judges {
            return findings;
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
