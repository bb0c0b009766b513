//! Carries a plan's making out: the whole at once, or slot by slot where a repair cannot have the
//! whole. A pure function, so that it may run on any thread.

use std::collections::BTreeSet;

use lathe_placement::{Assignment, Change, Plan, RunningInstance, Verdict, place};
use lathe_topology::{TaskPath, Topology};

use crate::framework::command::PlanInput;

/// Slots that are tried one by one in a repair; more wait for the next.
const PIECES_MAX: usize = 64;

/// Makes the plan.
#[must_use]
pub fn plan(input: &PlanInput) -> Verdict {
    let whole = place(&input.cluster, &input.topologies, &input.running, &input.options);
    match whole {
        Verdict::Placed(_) => whole,
        _ if !input.piecemeal => whole,
        refused => pieces(input).map_or(refused, Verdict::Placed),
    }
}

/// What can be placed although the whole cannot: each topology by itself; and where that cannot be
/// had either, each of its missing instances by itself. What was placed before counts as running.
/// None when not one of them finds a host.
fn pieces(input: &PlanInput) -> Option<Plan> {
    let mut input = input.clone();
    // Nobody reads why a part has no place.
    input.options.repairs = false;
    let mut plan = Plan::default();
    for topology in std::mem::take(&mut input.topologies) {
        let alone = std::slice::from_ref(&topology);
        match place(&input.cluster, alone, &input.running, &input.options) {
            Verdict::Placed(found) => {
                let starts = found.assignments.into_iter().filter(|a| a.change == Change::Start);
                for start in starts {
                    input.running.instances.extend(as_running(&topology, &start));
                    plan.assignments.push(start);
                }
            }
            _ => {
                for (path, slot) in missing(&topology, &input).into_iter().take(PIECES_MAX) {
                    plan.assignments.extend(piece(&mut input, &topology, &path, slot));
                }
            }
        }
    }
    (!plan.assignments.is_empty()).then_some(plan)
}

fn as_running(topology: &Topology, start: &Assignment) -> Option<RunningInstance> {
    let task = topology.task(&start.task)?;
    Some(RunningInstance {
        topology: topology.name.clone(),
        task: start.task.clone(),
        slot: start.slot,
        host: start.host.clone(),
        tags: task.carried_tags(),
        biases: task.biases.clone(),
        resources: task.resources.clone(),
        keep: true,
    })
}

fn missing(topology: &Topology, input: &PlanInput) -> Vec<(TaskPath, u32)> {
    let mut missing = Vec::new();
    for task in &topology.tasks {
        let taken: BTreeSet<u32> = input
            .running
            .instances
            .iter()
            .filter(|running| running.task == task.path && running.keep)
            .map(|running| running.slot)
            .collect();
        let wanted = usize::try_from(task.count).unwrap_or(usize::MAX);
        let free = (0..).filter(|slot| !taken.contains(slot));
        missing
            .extend(free.take(wanted.saturating_sub(taken.len())).map(|s| (task.path.clone(), s)));
    }
    missing
}

/// One instance of one task, everything that runs being fixed.
fn piece(
    input: &mut PlanInput,
    topology: &Topology,
    path: &TaskPath,
    slot: u32,
) -> Option<Assignment> {
    let task = topology.task(path)?;
    let mut single = task.clone();
    single.count = 1;
    // A name that no file can have, so that what runs of the real one is fixed.
    let alone = Topology {
        name: format!("{}\u{0}piece", topology.name),
        crates_paths: Vec::new(),
        tasks: vec![single],
    };
    let mut options = input.options.clone();
    options.previous = options
        .previous
        .get(&(path.clone(), slot))
        .map(|host| ((path.clone(), 0), host.clone()))
        .into_iter()
        .collect();
    let verdict = place(&input.cluster, &[alone], &input.running, &options);
    let Verdict::Placed(plan) = verdict else { return None };
    let found = plan.assignments.into_iter().find(|a| a.change == Change::Start)?;
    let start = Assignment { topology: topology.name.clone(), slot, ..found };
    input.running.instances.extend(as_running(topology, &start));
    Some(start)
}

#[cfg(test)]
mod tests;
