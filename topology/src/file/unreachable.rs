//! `[task.X.unreachable]`, as a file says it.
//!
//! Owns its one key and the bounds of it. It must not know what runs.

use super::check::{complaint, table, wrong_type};
use super::findings::Findings;
use super::unknown_key;
use crate::code::Code;
use crate::model::{LONGEST_REPLACE_AFTER_MS, ReplaceAfter};
use crate::tree::{Item, Node};
use crate::units::parse_duration_ms;

const KEYS: [&str; 1] = ["replace_after"];
const NAME: &str = "unreachable.replace_after";
const HELP: &str = "write it as in `replace_after = \"5m\"`, or `replace_after = \"never\"`";

pub(super) fn read(item: &Item, owner: &str, findings: &mut Findings) -> Option<ReplaceAfter> {
    let entries = table("unreachable", owner, item, findings)?;
    let place = format!("in `unreachable` of {owner}");
    for (key, entry) in entries {
        if !KEYS.contains(&key.as_str()) {
            unknown_key(key, entry, &place, &KEYS, findings);
        }
    }
    let item = &entries.get("replace_after")?.item;
    let Node::String(written) = &item.node else {
        findings.add(wrong_type(NAME, owner, item, "a duration or `never`").help(HELP));
        return None;
    };
    if written == "never" {
        return Some(ReplaceAfter::Never);
    }
    match parse_duration_ms(written) {
        Ok(ms) if ms <= LONGEST_REPLACE_AFTER_MS => Some(ReplaceAfter::Ms(ms)),
        Ok(_) => {
            let what = "must be at most 14 days, or `never`";
            findings.add(complaint(Code::OUT_OF_RANGE, NAME, owner, item, what).help(HELP));
            None
        }
        Err(error) => {
            let what = format!("is not a duration: {error}");
            findings.add(complaint(Code::BAD_UNIT, NAME, owner, item, &what).help(HELP));
            None
        }
    }
}
