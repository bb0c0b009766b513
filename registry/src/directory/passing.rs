//! Beats that are on their way to the registries that judge them.
//!
//! Owns what waits for whom and when it is sent: one batch is under way to each registry at a time,
//! and of each incarnation the newest beat alone waits, and that its connection is closed since. Who judges whom is the catalog's `Share`'s.

use std::collections::BTreeMap;

use lathe_catalog::{Beat, Passed, Share};

use super::Command;

/// Beats in one batch.
pub(crate) const BATCH_BEATS_MAX: usize = 400;
/// Beats that wait for one registry; more are not passed on.
const WAITING_MAX: usize = 100_000;
/// A beat waits so long for others that go the same way, in milliseconds.
const GATHER_MS: u64 = 250;

#[derive(Debug, Default)]
pub(super) struct Passing {
    out: BTreeMap<String, Out>,
}

#[derive(Debug, Default)]
struct Out {
    /// By incarnation; the news that its connection is closed after what it said by it.
    waiting: BTreeMap<(String, bool), (Beat, u8)>,
    under_way: bool,
    /// Something waits that is written at once where it comes.
    urgent: bool,
    sent_ms: Option<u64>,
    /// What was said of the registries when it was sent.
    view: Option<String>,
}

impl Out {
    fn is_due(&self, now_ms: u64, beat_ms: u64, view: Option<&str>) -> bool {
        let since = |ms| self.sent_ms.is_none_or(|sent| now_ms.saturating_sub(sent) >= ms);
        let waits = self.waiting.len();
        !self.under_way
            && (self.urgent
                || waits >= BATCH_BEATS_MAX
                || (waits > 0 && since(GATHER_MS))
                || since(beat_ms)
                || self.view.as_deref() != view)
    }
}

impl Passing {
    /// Takes a beat for another registry. False when there is no place for it.
    pub(super) fn put(&mut self, to: &str, passed: Passed, urgent: bool) -> bool {
        let out = self.out.entry(to.to_owned()).or_default();
        let Passed { incarnation, beat, hops, closed } = passed;
        let key = (incarnation, closed);
        if out.waiting.len() >= WAITING_MAX && !out.waiting.contains_key(&key) {
            return false;
        }
        out.urgent |= urgent;
        if !closed {
            // It goes on by another connection.
            out.waiting.remove(&(key.0.clone(), true));
        }
        out.waiting.insert(key, (beat, hops));
        true
    }

    /// What waits for one, which goes on waiting for it.
    pub(super) fn waiting_for(&self, to: &str) -> Vec<Passed> {
        let waiting = self.out.get(to).map(|out| &out.waiting).into_iter().flatten();
        let copy = |((incarnation, closed), (beat, hops)): (&(String, bool), &(Beat, u8))| Passed {
            incarnation: incarnation.clone(),
            beat: beat.clone(),
            hops: *hops,
            closed: *closed,
        };
        waiting.map(copy).collect()
    }

    /// The batch that was under way is over.
    pub(super) fn done(&mut self, to: &str) {
        if let Some(out) = self.out.get_mut(to) {
            out.under_way = false;
        }
    }

    /// Gives back what waits for others than it goes to now.
    pub(super) fn misdirected(&mut self, share: &Share) -> Vec<Passed> {
        let mut back = Vec::new();
        for (to, out) in &mut self.out {
            let goes = |(incarnation, _): &(String, bool), _: &mut (Beat, u8)| {
                share.owner(incarnation) != Some(to) && share.route(incarnation) != Some(to)
            };
            let taken = out.waiting.extract_if(.., goes);
            back.extend(taken.map(|((incarnation, closed), (beat, hops))| Passed {
                incarnation,
                beat,
                hops,
                closed,
            }));
        }
        let listed: Vec<&str> = share.others().collect();
        self.out.retain(|to, out| out.under_way || listed.contains(&to.as_str()));
        back
    }

    /// Sends what is due. Each other registry is met once a beat, whether anything waits for it or
    /// not: so each knows that the other hears it.
    pub(super) fn send(
        &mut self,
        now_ms: u64,
        (share, beat_ms): (&Share, u64),
        view: Option<&str>,
        commands: &mut Vec<Command>,
    ) {
        for to in share.others() {
            if !self.out.contains_key(to) {
                self.out.insert(to.to_owned(), Out::default());
            }
            let out = self.out.get_mut(to).expect("it was put there just now");
            if !out.is_due(now_ms, beat_ms, view) {
                continue;
            }
            let mut beats = Vec::new();
            while let Some(((incarnation, closed), (beat, hops))) = out.waiting.pop_first() {
                beats.push(Passed { incarnation, beat, hops: hops.saturating_add(1), closed });
                if beats.len() == BATCH_BEATS_MAX {
                    break;
                }
            }
            out.urgent &= !out.waiting.is_empty();
            out.under_way = true;
            out.sent_ms = Some(now_ms);
            out.view = view.map(str::to_owned);
            let view = out.view.clone();
            commands.push(Command::PassOn { to: to.to_owned(), view, beats });
        }
    }
}
