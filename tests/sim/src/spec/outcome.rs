//! Outcomes as lines: findings of a file, a verdict with its plan or reasons, weighed hosts.
//!
//! Owns the text of an outcome block. Must not decide anything.

use std::collections::BTreeMap;

use lathe_placement::{Change, Cluster, Plan, Reason, Refusal, Running, Verdict, Weighed};
use lathe_topology::{
    Bias, Diagnostic, Pace, Port, Severity, TaskSpec, Topology, Update, format_bytes, format_cpus,
    position,
};

use super::case::Source;

/// What is said of a topology's text, one line a finding.
pub(crate) fn findings(source: &Source) -> Vec<String> {
    let (said, refused) = match &source.read {
        Ok(checked) => (&checked.warnings, false),
        Err(findings) => (findings, true),
    };
    let mut lines = Vec::new();
    if refused {
        lines.push("refused: the file has errors, nothing is placed".to_owned());
    }
    lines.extend(said.iter().map(|one| finding(source, one)));
    lines
}

fn finding(source: &Source, one: &Diagnostic) -> String {
    let word = match one.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut lines: Vec<String> =
        one.labels.iter().map(|label| line_of(source, label.span.start).to_string()).collect();
    lines.dedup();
    let places = match lines.as_slice() {
        [] => String::new(),
        [only] => format!(", line {only}"),
        several => format!(", lines {}", several.join(" and ")),
    };
    format!("{word} {}{places}: {}", one.code, one.message)
}

fn line_of(source: &Source, at: usize) -> usize {
    position(&source.text, at).line + source.first_line - 1
}

/// A task as it was read.
pub(super) fn task(spec: &TaskSpec) -> Vec<String> {
    let tags: Vec<String> = spec.carried_tags().iter().map(ToString::to_string).collect();
    let needs = &spec.resources;
    let port = |port: &Port| match port.fixed {
        Some(number) => format!("{} at {number}", port.name),
        None => port.name.clone(),
    };
    let ports: Vec<String> = needs.ports.iter().map(port).collect();
    let mut lines = vec![
        format!(
            "{}: {} of {} in {} {}",
            spec.path, spec.count, spec.task, spec.crate_name, spec.version
        ),
        format!("  carries {}", tags.join(", ")),
        format!(
            "  needs {} cpus, {} of memory, {} of disk, ports: {}",
            format_cpus(needs.cpus_milli),
            format_bytes(needs.mem_bytes),
            format_bytes(needs.disk_bytes),
            if ports.is_empty() { "none".to_owned() } else { ports.join(", ") }
        ),
        format!("  restart {}, grace {} ms", spec.restart.as_str(), spec.grace_ms),
    ];
    lines
        .extend(spec.update.as_ref().map(|rule| format!("  updated {}", update(rule, spec.count))));
    lines.extend(spec.biases.iter().map(|one| format!("  says {}", bias(one))));
    lines.extend(spec.own.iter().map(|(key, value)| format!("  own key {key} = {value}")));
    lines
}

/// What an update rule comes to for so many instances.
fn update(rule: &Update, count: u32) -> String {
    let Pace { parallel, surge, min_healthy, canary } = rule.pace(count);
    let end = if rule.auto_rollback { "a failure is rolled back" } else { "a failure halts it" };
    format!(
        "{parallel} at a time, {surge} more beside, {min_healthy} always ready, {canary} first, \
         baked for {} ms, {end}",
        rule.bake_ms
    )
}

fn bias(bias: &Bias) -> String {
    let weight =
        if bias.word.is_hard() { String::new() } else { format!(", weight {}", bias.weight) };
    let domain = bias.domain.as_ref().map_or(String::new(), |name| format!(", within one {name}"));
    format!("{} {}{weight}{domain}", bias.word, bias.target)
}

/// A verdict with everything that belongs to it.
pub(super) fn verdict(
    cluster: &Cluster,
    running: &Running,
    verdict: &Verdict,
    sources: &[&Source],
) -> Vec<String> {
    match verdict {
        Verdict::Placed(plan) => placed(cluster, running, plan),
        Verdict::Blocked(refusal) => refused("blocked", refusal, sources),
        Verdict::Impossible(refusal) => refused("impossible", refusal, sources),
        Verdict::Unknown { refusal, .. } => refused("unknown", refusal, sources),
    }
}

fn placed(cluster: &Cluster, running: &Running, plan: &Plan) -> Vec<String> {
    let bound = plan.bound.map_or(String::new(), |bound| format!(" of at most {bound}"));
    let mut lines = vec![format!("placed, score {}{bound}", plan.score)];
    lines.extend(by_host(cluster, running, plan));
    if !running.instances.is_empty() {
        lines.extend(changes(plan));
    }
    lines
}

/// A plan of less than is wanted, and what waits.
pub(super) fn in_part(
    cluster: &Cluster,
    topologies: &[Topology],
    running: &Running,
    plan: &Plan,
) -> Vec<String> {
    let mut lines = vec!["placed in part".to_owned()];
    lines.extend(by_host(cluster, running, plan));
    lines.extend(changes(plan));
    for task in topologies.iter().flat_map(|topology| &topology.tasks) {
        let has = plan.assignments.iter().filter(|one| one.task == task.path).count();
        let waiting = usize::try_from(task.count).unwrap_or(usize::MAX).saturating_sub(has);
        if waiting > 0 {
            lines.push(format!("{waiting} {} waits", task.path));
        }
    }
    lines
}

/// What is to be done.
fn changes(plan: &Plan) -> Vec<String> {
    let mut changes = Vec::new();
    for one in &plan.assignments {
        let name = format!("{}#{}", one.task, one.slot);
        match &one.change {
            Change::Start => changes.push(format!("start {name} on {}", one.host)),
            Change::Move { from } => {
                changes.push(format!("move {name} from {from} to {}", one.host));
            }
            Change::Keep => {}
        }
    }
    changes.extend(
        plan.stops.iter().map(|one| format!("stop {}#{} on {}", one.task, one.slot, one.host)),
    );
    if changes.is_empty() {
        changes.push("nothing to do".to_owned());
    }
    changes
}

/// How many of which task each host has in the end; what is not the plan's stands in brackets.
fn by_host(cluster: &Cluster, running: &Running, plan: &Plan) -> Vec<String> {
    let mut hosts: Vec<&str> = cluster.hosts.iter().map(|host| host.name.as_str()).collect();
    let given = |topology: &str| {
        plan.assignments.iter().any(|one| one.topology == topology)
            || plan.stops.iter().any(|one| one.topology == topology)
    };
    let rest: Vec<_> =
        running.instances.iter().filter(|one| !one.keep || !given(&one.topology)).collect();
    let elsewhere = rest.iter().map(|one| one.host.as_str());
    let assigned = plan.assignments.iter().map(|one| one.host.as_str());
    for name in assigned.chain(elsewhere) {
        if !hosts.contains(&name) {
            hosts.push(name);
        }
    }
    let text = |host: &str| -> String {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for one in plan.assignments.iter().filter(|one| one.host == host) {
            *counts.entry(one.task.as_str()).or_default() += 1;
        }
        let mut others: BTreeMap<String, u32> = BTreeMap::new();
        for one in rest.iter().filter(|one| one.host == host) {
            let ending = if one.keep { "" } else { " ending" };
            *others.entry(format!("{}{ending}", one.task)).or_default() += 1;
        }
        let mut parts: Vec<String> = counts.iter().map(|(task, n)| format!("{n} {task}")).collect();
        parts.extend(others.iter().map(|(task, n)| format!("({n} {task})")));
        if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
    };
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for host in hosts {
        let text = text(host);
        match groups.last_mut() {
            Some((names, last)) if *last == text => names.push(host),
            _ => groups.push((vec![host], text)),
        }
    }
    // A few hosts are listed one by one: that is easier to read.
    let few = cluster.hosts.len() <= 8;
    let mut lines = Vec::new();
    for (names, text) in groups {
        match names.as_slice() {
            [first, .., last] if !few => lines.push(format!("{first}..{last}: {text} each")),
            names => lines.extend(names.iter().map(|name| format!("{name}: {text}"))),
        }
    }
    lines
}

fn refused(word: &str, refusal: &Refusal, sources: &[&Source]) -> Vec<String> {
    let mut lines = vec![format!("{word}: {}", refusal.sentence)];
    lines.extend(refusal.reasons.iter().map(|one| format!("  {}", reason(one, sources))));
    lines.push(format!("try: {}", refusal.hint));
    lines.extend(refusal.repairs.iter().map(|repair| format!("works: {}", repair.text)));
    lines
}

/// A reason of a refusal, with its line where its topology is given.
pub(crate) fn reason(reason: &Reason, sources: &[&Source]) -> String {
    let place = reason.span.as_ref().zip(reason.topology.as_ref()).and_then(|(span, name)| {
        let source = sources.iter().find(|source| source.name == *name)?;
        Some(format!(" (line {})", line_of(source, span.start)))
    });
    let task = reason.task.as_ref().map_or(String::new(), |task| format!("{task}: "));
    format!("{} {task}{}{}", reason.code, reason.statement, place.unwrap_or_default())
}

/// Every host with what keeps the instance away, or its points rule by rule.
pub(crate) fn weighed(all: &[Weighed]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in all {
        let here = if one.here { ", where it runs" } else { "" };
        if one.is_possible() {
            lines.push(format!("{}{here}: {:+} points", one.host, one.points));
            let shares = one.rules.iter();
            lines.extend(shares.map(|share| format!("  {:+} {}", share.points, share.sentence)));
        } else {
            lines.push(format!("{}{here}: no", one.host));
            lines.extend(one.excluded.iter().map(|why| format!("  {}", why.sentence)));
        }
    }
    lines
}
