//! `[task.X.update]`, as a file says it.
//!
//! Owns its keys, their bounds, and which of them contradict each other. It must not know what runs.

use std::ops::{Range, RangeInclusive};

use super::check::{complaint, table, wrong_type};
use super::findings::Findings;
use super::unknown_key;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::INSTANCES;
use crate::model::{Share, Update};
use crate::tree::{Item, Node, Table};
use crate::units::parse_duration_ms;

const KEYS: [&str; 6] = ["parallel", "max_surge", "min_healthy", "canary", "bake", "auto_rollback"];
/// The longest bake: a day.
const LONGEST_BAKE_MS: u64 = 24 * 3_600_000;

/// The table, right in itself; whether it leaves a way depends on the task's count.
#[derive(Debug, Clone)]
pub(super) struct Written {
    update: Update,
    min_healthy: Range<usize>,
    canary: Range<usize>,
}

pub(super) fn read(item: &Item, owner: &str, findings: &mut Findings) -> Option<Written> {
    let entries = table("update", owner, item, findings)?;
    let place = format!("in `update` of {owner}");
    for (key, entry) in entries {
        if !KEYS.contains(&key.as_str()) {
            unknown_key(key, entry, &place, &KEYS, findings);
        }
    }
    let mut of = |key, least| share(entries, key, least, owner, findings);
    let usual = Update::default();
    let update = Update {
        parallel: of("parallel", 1).unwrap_or(usual.parallel),
        max_surge: of("max_surge", 0).unwrap_or(usual.max_surge),
        min_healthy: of("min_healthy", 0),
        canary: of("canary", 0).unwrap_or(usual.canary),
        bake_ms: bake(entries, owner, findings).unwrap_or(usual.bake_ms),
        auto_rollback: yes_or_no(entries, "auto_rollback", owner, findings)
            .unwrap_or(usual.auto_rollback),
    };
    let span = |key: &str| {
        entries.get(key).map_or_else(|| item.span.clone(), |entry| entry.item.span.clone())
    };
    Some(Written { update, min_healthy: span("min_healthy"), canary: span("canary") })
}

/// A whole number, or a text such as `"25%"`.
fn share(
    entries: &Table,
    key: &str,
    least: u32,
    owner: &str,
    findings: &mut Findings,
) -> Option<Share> {
    let item = &entries.get(key)?.item;
    let name = format!("update.{key}");
    let most = u32::try_from(INSTANCES).unwrap_or(u32::MAX);
    let within = |number: u32, range: RangeInclusive<u32>| {
        Some(number).filter(|number| range.contains(number))
    };
    let read = match &item.node {
        Node::Integer(number) => number
            .and_then(|number| u32::try_from(number).ok())
            .and_then(|number| within(number, least..=most))
            .map(Share::Number),
        Node::String(text) => {
            let Some(digits) = text.strip_suffix('%') else {
                let what = format!("is {text:?}, which is no number and no percentage");
                findings.add(
                    complaint(Code::BAD_UNIT, &name, owner, item, &what)
                        .help(format!("write it as in `{key} = 2` or `{key} = \"25%\"`")),
                );
                return None;
            };
            let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            let number = digits.parse().ok().filter(|_| plain);
            number.and_then(|number| within(number, least..=100)).map(Share::Percent)
        }
        _ => {
            let finding = wrong_type(&name, owner, item, "a number or a percentage");
            findings.add(finding.help(format!("write it as in `{key} = 2` or `{key} = \"25%\"`")));
            return None;
        }
    };
    if read.is_none() {
        let what = format!("must be from {least} to {most}, or from \"{least}%\" to \"100%\"");
        findings.add(
            complaint(Code::OUT_OF_RANGE, &name, owner, item, &what)
                .help(format!("write it as in `{key} = 2` or `{key} = \"25%\"`")),
        );
    }
    read
}

fn bake(entries: &Table, owner: &str, findings: &mut Findings) -> Option<u64> {
    let item = &entries.get("bake")?.item;
    let help = "write it with its unit, as in `bake = \"10s\"`";
    let Node::String(written) = &item.node else {
        findings.add(wrong_type("update.bake", owner, item, "a duration").help(help));
        return None;
    };
    match parse_duration_ms(written) {
        Ok(ms) if ms <= LONGEST_BAKE_MS => Some(ms),
        Ok(_) => {
            let what = "must be at most a day";
            let finding = complaint(Code::OUT_OF_RANGE, "update.bake", owner, item, what);
            findings.add(finding.help(help));
            None
        }
        Err(error) => {
            let what = format!("is not a duration: {error}");
            findings.add(complaint(Code::BAD_UNIT, "update.bake", owner, item, &what).help(help));
            None
        }
    }
}

fn yes_or_no(entries: &Table, key: &str, owner: &str, findings: &mut Findings) -> Option<bool> {
    let item = &entries.get(key)?.item;
    let Node::Boolean(value) = &item.node else {
        let finding = wrong_type(&format!("update.{key}"), owner, item, "true or false");
        findings.add(finding.help(format!("write it as in `{key} = false`")));
        return None;
    };
    Some(*value)
}

/// The rule of a task that wants so many instances.
pub(super) fn settle(
    written: &Written,
    count: u32,
    owner: &str,
    findings: &mut Findings,
) -> Update {
    let update = &written.update;
    let party = owner.trim_matches('`');
    if update.is_stuck(count) {
        let least = update.min_healthy.map_or(0, |share| share.up(count));
        let message = format!(
            "`update` of {owner} leaves no way: {least} of {count} instances must always be ready, \
             and no more than {count} may run"
        );
        let finding = Diagnostic::error(Code::STUCK_UPDATE, written.min_healthy.clone(), message)
            .party(party)
            .party("update.min_healthy");
        findings.add(finding.help(if least > count {
            format!("let `min_healthy` be at most {count}, and add `max_surge = 1`")
        } else {
            "add `max_surge = 1`, or let `min_healthy` be smaller".to_owned()
        }));
    } else if let Some(Share::Number(least)) = update.min_healthy.filter(|_| count > 0)
        && least > count
    {
        let message = format!("`update.min_healthy` of {owner} is {least}, and `tasks` is {count}");
        let finding = Diagnostic::error(Code::OUT_OF_RANGE, written.min_healthy.clone(), message)
            .party(party)
            .party("update.min_healthy");
        findings.add(finding.help(format!("write a number up to {count}, or a percentage")));
    }
    if let Share::Number(first) = update.canary
        && first > count
        && count > 0
    {
        let message = format!("`update.canary` of {owner} is {first}, and `tasks` is {count}");
        let finding = Diagnostic::error(Code::OUT_OF_RANGE, written.canary.clone(), message)
            .party(party)
            .party("update.canary");
        findings.add(finding.help(format!("write a number up to {count}, or a percentage")));
    }
    update.clone()
}
