//! What is done to the world and when: a list that follows from the seed alone. Each decision has a
//! number and a stream of its own, so that one can be left out and the others stay as they are.

use std::collections::BTreeMap;

use super::World;
use super::faults::KINDS;
use super::network::Coming;
use crate::draw::Draw;

/// The decisions of a run.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// What was carried out, for people.
    pub(crate) made: BTreeMap<u64, String>,
}

impl World {
    pub(super) fn decide(&mut self, number: u64) {
        if self.calm() {
            return;
        }
        let mut draw = Draw::new(self.settings.seed, &format!("decision {number}"));
        let longest = self.weather.pause_ms;
        let pause = draw.between(longest / 30, longest);
        self.after(pause, Coming::Decision(number + 1));
        // The first questions find a cluster to be placed on.
        let asks = number < 3 || draw.permille(450);
        let kind = draw.pick(&self.weather.kinds).copied().unwrap_or(KINDS[0]);
        if self.settings.without.contains(&number) {
            return;
        }
        let at = self.trace.lines();
        let text = if asks { self.ask(&mut draw) } else { self.fault(kind, &mut draw) };
        if let Some(text) = text_of(text) {
            self.trace.line(self.now, &format!("decision {number}: {text}"));
            self.decisions.made.insert(number, format!("{:>9} line {at}: {text}", self.now));
        }
    }
}

fn text_of(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
