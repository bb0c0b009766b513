//! From counts to slots: which running instance stays, which stops, where each new one goes.
//!
//! Instances of one task are interchangeable until here. Must not change how many are where.

use crate::input::{Input, Wanted};
use crate::verdict::{Assignment, Change, Plan, Stop};

/// The lowest numbers for the slots that do not run yet.
pub(crate) fn free_slots(wanted: &Wanted<'_>) -> Vec<u32> {
    let running = u32::try_from(wanted.runs.len()).unwrap_or(u32::MAX);
    let missing = wanted.spec.count.saturating_sub(running);
    let missing = usize::try_from(missing).unwrap_or(usize::MAX);
    // They are in order, so the numbers between them are free.
    let mut taken = wanted.runs.iter().map(|(slot, _, _)| *slot).peekable();
    let free = (0..=u32::MAX).filter(|slot| taken.next_if_eq(slot).is_none());
    free.take(missing).collect()
}

/// The plan that puts so many of each task on hosts, given as host and number, ascending.
pub(crate) fn plan(
    input: &Input<'_>,
    counts: &[Vec<(usize, u32)>],
    score: i64,
    bound: i64,
) -> Plan {
    let mut plan = Plan { score, bound: Some(bound), ..Plan::default() };
    for one in &input.unwanted {
        plan.stops.push(Stop {
            topology: one.topology.clone(),
            task: one.task.clone(),
            slot: one.slot,
            host: one.host.clone(),
        });
    }
    for (wanted, count) in input.wanted.iter().zip(counts) {
        of_task(input, wanted, count, &mut plan);
    }
    plan.stops.sort();
    plan
}

fn of_task(input: &Input<'_>, wanted: &Wanted<'_>, count: &[(usize, u32)], plan: &mut Plan) {
    let begin = plan.assignments.len();
    let mut open = count.to_vec();
    let mut add = |slot: u32, host: usize, change: Change| {
        plan.assignments.push(Assignment {
            topology: wanted.topology.to_owned(),
            task: wanted.spec.path.clone(),
            slot,
            host: input.hosts[host].name.to_owned(),
            change,
        });
    };
    // The lowest slots stay, so the highest ones leave.
    let mut leaving = Vec::new();
    for (slot, host, _) in &wanted.runs {
        if take(&mut open, *host) {
            add(*slot, *host, Change::Keep);
        } else {
            leaving.push((*slot, *host));
        }
    }
    let most = usize::try_from(wanted.spec.count).unwrap_or(usize::MAX);
    let stops = wanted.runs.len().saturating_sub(most).min(leaving.len());
    for (slot, host) in leaving.split_off(leaving.len() - stops) {
        plan.stops.push(Stop {
            topology: wanted.topology.to_owned(),
            task: wanted.spec.path.clone(),
            slot,
            host: input.hosts[host].name.to_owned(),
        });
    }
    let mut homeless: Vec<(u32, Option<usize>)> = Vec::new();
    for (slot, from) in leaving {
        homeless.push((slot, Some(from)));
    }
    for slot in free_slots(wanted) {
        let previous = &input.options.previous;
        let any = !previous.is_empty();
        let before = any.then(|| previous.get(&(wanted.spec.path.clone(), slot))).flatten();
        let host = before
            .and_then(|name| input.hosts.binary_search_by(|row| row.name.cmp(name.as_str())).ok());
        match host {
            Some(host) if take(&mut open, host) => add(slot, host, Change::Start),
            _ => homeless.push((slot, None)),
        }
    }
    homeless.sort_unstable();
    for ((slot, from), host) in homeless.iter().zip(in_turn(open, homeless.len())) {
        let change = match from {
            None => Change::Start,
            Some(from) => Change::Move { from: input.hosts[*from].name.to_owned() },
        };
        add(*slot, host, change);
    }
    // Tasks come in order, and each slot stands once.
    plan.assignments[begin..].sort_unstable_by_key(|one| one.slot);
}

fn take(open: &mut [(usize, u32)], host: usize) -> bool {
    let Ok(at) = open.binary_search_by_key(&host, |(host, _)| *host) else { return false };
    let left = &mut open[at].1;
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

/// One place of each host after the other, so that neighbouring slots stand on different hosts; no fewer
/// than wanted, if there are so many.
fn in_turn(mut open: Vec<(usize, u32)>, wanted: usize) -> Vec<usize> {
    let mut hosts = Vec::new();
    open.retain(|(_, left)| *left > 0);
    while hosts.len() < wanted && !open.is_empty() {
        for (host, left) in &mut open {
            hosts.push(*host);
            *left -= 1;
        }
        open.retain(|(_, left)| *left > 0);
    }
    hosts
}
