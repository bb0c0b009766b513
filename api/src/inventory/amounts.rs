//! What a host has: cpus, memory, disk and ports, in either of the two forms in which they are written.
//!
//! Owns the amounts, their bounds and what stands for one that is left out. It must not know hosts' other
//! keys nor JSON's syntax.

use std::collections::BTreeMap;

use lathe_placement::Capacity;
use lathe_topology::{Code, parse_bytes};

use super::findings::Findings;
use super::host::wrong_type;
use super::json::Json;

/// The keys, in a file written by hand and as `lathe hosts --json` prints them.
pub(super) const KEYS: [&str; 7] =
    ["cpus", "cpus_milli", "mem", "mem_bytes", "disk", "disk_bytes", "ports"];
const MOST_CPUS: f64 = 10_000.0;
const MOST_MEM: u64 = 1 << 50;
const MOST_DISK: u64 = 1 << 60;
/// Ranges of ports of one host.
const PORT_RANGES: usize = 1_000;
/// Whole numbers up to here are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// The first of ports of which only the number is known.
const FIRST_PORT: u16 = 31_000;
/// The last one.
const LAST_PORT: u16 = 65_535;

/// What a host has; each amount is said once.
pub(super) struct Amounts {
    pub(super) capacity: Capacity,
    said: BTreeMap<&'static str, String>,
}

impl Amounts {
    /// What a host has that says nothing: what one of `lathe up` has.
    pub(super) fn usual() -> Self {
        let capacity = Capacity {
            cpus_milli: 4_000,
            mem_bytes: 8 << 30,
            disk_bytes: 16 << 30,
            ports: vec![(FIRST_PORT, 31_999)],
        };
        Self { capacity, said: BTreeMap::new() }
    }

    /// Reads the amount of a key of `KEYS`. `listed`: it stands beside the host's name, where a number of
    /// ports is how many there are, and not which one.
    pub(super) fn read(
        &mut self,
        (key, value): (&str, &Json),
        listed: bool,
        place: &str,
        findings: &mut Findings,
    ) {
        let place = format!("{place}{}{key}", if listed { ": " } else { ": resources." });
        let capacity = &mut self.capacity;
        let amount = match key {
            "cpus" => {
                capacity.cpus_milli = cpus(value, &place, findings);
                "cpus"
            }
            "cpus_milli" => {
                capacity.cpus_milli = whole(value, &place, 10_000_000, findings);
                "cpus"
            }
            "mem" | "mem_bytes" => {
                capacity.mem_bytes = size(value, &place, MOST_MEM, findings);
                "memory"
            }
            "disk" | "disk_bytes" => {
                capacity.disk_bytes = size(value, &place, MOST_DISK, findings);
                "disk"
            }
            _ => {
                capacity.ports = match value {
                    Json::Whole(_) | Json::Decimal(_) if listed => counted(value, &place, findings),
                    _ => ports(value, &place, findings),
                };
                "ports"
            }
        };
        if let Some(first) = self.said.insert(amount, place.clone()) {
            let text = format!("{place}: its {amount} stand at {first} already");
            findings.add(Code::DUPLICATE_KEY, text, "leave one of them");
        }
    }
}

/// So many ports, as from the first that a host of `lathe up` has.
fn counted(value: &Json, place: &str, findings: &mut Findings) -> Vec<(u16, u16)> {
    let count = u16::try_from(whole(value, place, LAST_PORT.into(), findings)).unwrap_or(0);
    let first = FIRST_PORT.min(LAST_PORT - count.saturating_sub(1));
    if count == 0 { Vec::new() } else { vec![(first, first + (count - 1))] }
}

fn whole(value: &Json, place: &str, most: u64, findings: &mut Findings) -> u64 {
    let number = match value {
        Json::Whole(_) | Json::Decimal(_) => as_whole(value).filter(|number| *number <= most),
        _ => {
            wrong_type(place, "a whole number", value, findings);
            return 0;
        }
    };
    number.unwrap_or_else(|| {
        let text = format!("{place} has to be a whole number from 0 to {most}");
        findings.add(Code::OUT_OF_RANGE, text, "docs/json.md has the units of each key");
        0
    })
}

/// A whole number that is not negative, also where it is written as `4.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before, and the number has no fraction"
)]
fn as_whole(value: &Json) -> Option<u64> {
    match value {
        Json::Whole(number) => u64::try_from(*number).ok(),
        Json::Decimal(number) => {
            let good = number.fract() == 0.0 && (0.0..=EXACT).contains(number);
            good.then_some(*number as u64)
        }
        _ => None,
    }
}

/// Thousandths; what is less than one is not there.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the range is checked before, and a thousandth is far above a double's precision"
)]
fn cpus(value: &Json, place: &str, findings: &mut Findings) -> u64 {
    let number = match value {
        Json::Whole(number) => *number as f64,
        Json::Decimal(number) => *number,
        _ => {
            wrong_type(place, "a number", value, findings);
            return 0;
        }
    };
    if !(0.0..=MOST_CPUS).contains(&number) {
        let text = format!("{place} has to be from 0 to 10000, and is {number}");
        findings.add(Code::OUT_OF_RANGE, text, "write it as in `\"cpus\": 4.0`");
        return 0;
    }
    let milli = number * 1_000.0;
    let near = milli.round();
    if (milli - near).abs() < 1e-6 { near as u64 } else { milli.floor() as u64 }
}

fn size(value: &Json, place: &str, most: u64, findings: &mut Findings) -> u64 {
    let hint = "write it with its unit, as in `\"mem\": \"8GiB\"`; a plain number is in bytes";
    let bytes = match value {
        Json::Text(text) => match parse_bytes(text) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                findings.add(Code::BAD_UNIT, format!("{place} is not a size: {error}"), hint);
                return 0;
            }
        },
        Json::Whole(_) | Json::Decimal(_) => as_whole(value),
        _ => {
            wrong_type(place, "a size", value, findings);
            return 0;
        }
    };
    match bytes {
        Some(bytes) if bytes <= most => bytes,
        _ => {
            let text = format!("{place} has to be from 0 to {most} whole bytes");
            findings.add(Code::OUT_OF_RANGE, text, hint);
            0
        }
    }
}

/// `"31000-31999"`, `"31000-31010, 31080"`, a number, or a list of these and of pairs of numbers.
fn ports(value: &Json, place: &str, findings: &mut Findings) -> Vec<(u16, u16)> {
    let mut ranges = Vec::new();
    let parts = match value {
        Json::List(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    for part in parts {
        let good = match part {
            Json::Whole(number) => u16::try_from(*number)
                .ok()
                .filter(|number| *number > 0)
                .map(|number| ranges.push((number, number))),
            Json::Text(text) => text
                .trim()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .split(',')
                .map(str::trim)
                .filter(|range| !range.is_empty())
                .try_for_each(|text| range(text).map(|range| ranges.push(range))),
            Json::List(pair) if matches!(pair.as_slice(), [Json::Whole(_), Json::Whole(_)]) => {
                let port = |at: &Json| u16::try_from(as_whole(at)?).ok();
                let pair = port(&pair[0]).zip(port(&pair[1]));
                let good = pair.filter(|(from, to)| *from > 0 && from <= to);
                good.map(|pair| ranges.push(pair))
            }
            _ => {
                wrong_type(place, "ranges of ports", part, findings);
                return Vec::new();
            }
        };
        if good.is_none() {
            let text = format!("{place} has something that is no range of ports from 1 to 65535");
            findings.add(Code::OUT_OF_RANGE, text, "write it as in `\"ports\": \"31000-31999\"`");
            return Vec::new();
        }
        if ranges.len() > PORT_RANGES {
            let text = format!("{place} has more than {PORT_RANGES} ranges");
            findings.add(Code::LIMIT, text, "join ranges that lie side by side");
            return Vec::new();
        }
    }
    ranges
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let digits = |text: &str| {
        let text = text.trim();
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?
    };
    let (from, to) = (digits(from)?, digits(to)?);
    (from > 0 && from <= to).then_some((from, to))
}
