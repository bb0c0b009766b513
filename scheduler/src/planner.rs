//! Carries a plan's making out: the whole at once, or in pieces where a repair cannot have the
//! whole. A pure function, so that it may run on any thread; a session asks it nothing twice.

use lathe_placement::{Verdict, place};

use crate::framework::command::PlanInput;

mod pieces;
mod session;

pub use session::Session;

/// Makes the plan.
#[must_use]
pub fn plan(input: &PlanInput) -> Verdict {
    let whole = place(&input.cluster, &input.topologies, &input.running, &input.options);
    match whole {
        Verdict::Placed(_) => whole,
        _ if !input.piecemeal => whole,
        refused => pieces::pieces(input).map_or(refused, Verdict::Placed),
    }
}

#[cfg(test)]
mod tests;
