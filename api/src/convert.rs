//! The one place where wire messages and domain values meet.

use std::collections::BTreeMap;

use lathe_placement::Refusal;
use lathe_topology::{Health, Probe};

use crate::rest::{HealthSpec, ProbeSpec};
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
            topology: reason.topology.clone().unwrap_or_default(),
            line: 0,
        }
    });
    v1::Refusal {
        verdict: verdict.to_owned(),
        sentence: refusal.sentence.clone(),
        hint: refusal.hint.clone(),
        reasons: reasons.collect(),
        repairs: refusal.repairs.iter().map(|repair| repair.text.clone()).collect(),
    }
}

/// A health check for one instance, whose ports have numbers.
#[must_use]
pub fn health_to_wire(health: &Health, ports: &BTreeMap<String, u16>) -> HealthSpec {
    // A checked topology names ports of the task only.
    let number = |name: &str| ports.get(name).copied().unwrap_or_default();
    match health {
        Health::None => HealthSpec::None,
        Health::Beat { interval_ms, timeout_ms } => {
            HealthSpec::Beat { interval_ms: *interval_ms, timeout_ms: *timeout_ms }
        }
        Health::Probe { probe, interval_ms, timeout_ms, failures, grace_ms } => HealthSpec::Probe {
            probe: match probe {
                Probe::Http { port, path } => {
                    ProbeSpec::Http { port: number(port), path: path.clone() }
                }
                Probe::Tcp { port } => ProbeSpec::Tcp { port: number(port) },
                Probe::Command { command } => ProbeSpec::Command { command: command.clone() },
            },
            interval_ms: *interval_ms,
            timeout_ms: *timeout_ms,
            failures: *failures,
            grace_ms: *grace_ms,
        },
    }
}

#[cfg(test)]
mod tests;
