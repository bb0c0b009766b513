//! The one place where wire messages and domain values meet.

use lathe_placement::Refusal;

use crate::v1;

/// A refusal as it crosses the wire.
#[must_use]
pub fn refused_to_wire(verdict: &str, refusal: &Refusal) -> v1::Refusal {
    let reasons = refusal.reasons.iter().map(|reason| {
        let (start, end) = reason.span.as_ref().map_or((0, 0), |span| (span.start, span.end));
        v1::Reason {
            code: reason.code.to_string(),
            statement: reason.statement.clone(),
            start: u32::try_from(start).unwrap_or(0),
            end: u32::try_from(end).unwrap_or(0),
            task: reason.task.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    });
    v1::Refusal {
        verdict: verdict.to_owned(),
        sentence: refusal.sentence.clone(),
        hint: refusal.hint.clone(),
        reasons: reasons.collect(),
    }
}
