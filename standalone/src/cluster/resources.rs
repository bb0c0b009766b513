//! Amounts of resources: sums, differences, comparison, and their form on the wire.
//!
//! It owns the arithmetic (scalars in thousandths, as Mesos counts them) and must not know whose
//! resources they are. Only unreserved scalars and ranges exist here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lathe_mesos::v1;

use super::event::HostSpec;

const MIB: u64 = 1024 * 1024;

/// An amount of resources. A name with nothing of it is not kept, so equal amounts are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    /// Thousandths.
    scalars: BTreeMap<String, u64>,
    /// Sorted, disjoint, inclusive.
    ranges: BTreeMap<String, Vec<(u64, u64)>>,
}

impl Amount {
    /// What a host has.
    pub(super) fn of_host(spec: &HostSpec) -> Self {
        let mut amount = Self::default();
        // MiB in thousandths: bytes * 1000 / 2^20.
        let mebi = |bytes: u64| {
            u64::try_from(u128::from(bytes) * 1000 / u128::from(MIB)).unwrap_or(u64::MAX)
        };
        for (name, milli) in [
            ("cpus", spec.cpus_milli),
            ("mem", mebi(spec.mem_bytes)),
            ("disk", mebi(spec.disk_bytes)),
        ] {
            amount.add_scalar(name, milli);
        }
        for (begin, end) in &spec.ports {
            amount.add_range("ports", (u64::from(*begin), u64::from(*end)));
        }
        amount
    }

    /// What a message says, which must be allocated to `role` where it says so.
    pub(super) fn of_message(resources: &[v1::Resource], role: &str) -> Result<Self, String> {
        let mut amount = Self::default();
        for resource in resources {
            amount.take_in(resource, role)?;
        }
        Ok(amount)
    }

    fn take_in(&mut self, resource: &v1::Resource, role: &str) -> Result<(), String> {
        let name = resource.name.as_str();
        let named = || format!("Task uses invalid resources: '{name}'");
        if let Some(allocated) = resource.allocation_info.as_ref().and_then(|a| a.role.as_deref())
            && allocated != role
        {
            return Err(format!("{} is allocated to role '{allocated}', not '{role}'", named()));
        }
        if resource.disk.is_some()
            || resource.reservation.is_some()
            || !resource.reservations.is_empty()
            || resource.revocable.is_some()
            || resource.shared.is_some()
            || resource.provider_id.is_some()
        {
            return Err(format!("{} is reserved, revocable, shared or a volume", named()));
        }
        match (resource.r#type(), &resource.scalar, &resource.ranges) {
            (v1::value::Type::Scalar, Some(scalar), _) => {
                let milli = (scalar.value * 1000.0).round();
                if !(0.0..=1e15).contains(&milli) {
                    return Err(format!("{} has the amount {}", named(), scalar.value));
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "checked to lie between 0 and 1e15"
                )]
                self.add_scalar(name, milli as u64);
                Ok(())
            }
            (v1::value::Type::Ranges, _, Some(ranges)) => {
                for range in &ranges.range {
                    if range.begin > range.end || self.overlaps(name, (range.begin, range.end)) {
                        return Err(format!("{} has bad or overlapping ranges", named()));
                    }
                    self.add_range(name, (range.begin, range.end));
                }
                Ok(())
            }
            _ => Err(format!("{} has no value of its type", named())),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.scalars.is_empty() && self.ranges.is_empty()
    }

    /// Whether it is worth an offer: the master's default `cpus:0.01|mem:32`.
    pub(super) fn is_allocatable(&self) -> bool {
        self.scalar("cpus") >= 10 || self.scalar("mem") >= 32_000
    }

    /// A scalar in thousandths.
    pub(super) fn scalar(&self, name: &str) -> u64 {
        self.scalars.get(name).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (name, milli) in &other.scalars {
            self.add_scalar(name, *milli);
        }
        for (name, ranges) in &other.ranges {
            for range in ranges {
                self.add_range(name, *range);
            }
        }
    }

    /// Takes `other` away; what is not there stays not there.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (name, milli) in &other.scalars {
            if let Some(have) = self.scalars.get_mut(name) {
                *have = have.saturating_sub(*milli);
                if *have == 0 {
                    self.scalars.remove(name);
                }
            }
        }
        for (name, ranges) in &other.ranges {
            if let Some(have) = self.ranges.get_mut(name) {
                for range in ranges {
                    cut(have, *range);
                }
                if have.is_empty() {
                    self.ranges.remove(name);
                }
            }
        }
    }

    pub(super) fn contains(&self, other: &Self) -> bool {
        other.scalars.iter().all(|(name, milli)| self.scalar(name) >= *milli)
            && other.ranges.iter().all(|(name, ranges)| {
                ranges.iter().all(|(begin, end)| {
                    self.ranges
                        .get(name)
                        .is_some_and(|have| have.iter().any(|(b, e)| b <= begin && end <= e))
                })
            })
    }

    fn add_scalar(&mut self, name: &str, milli: u64) {
        if milli == 0 {
            return;
        }
        match self.scalars.get_mut(name) {
            Some(have) => *have = have.saturating_add(milli),
            None => {
                self.scalars.insert(name.to_owned(), milli);
            }
        }
    }

    fn overlaps(&self, name: &str, (begin, end): (u64, u64)) -> bool {
        self.ranges.get(name).is_some_and(|have| have.iter().any(|(b, e)| *b <= end && begin <= *e))
    }

    fn add_range(&mut self, name: &str, (begin, end): (u64, u64)) {
        let have = self.ranges.entry(name.to_owned()).or_default();
        cut(have, (begin, end));
        let at = have.partition_point(|(b, _)| *b < begin);
        have.insert(at, (begin, end));
        // Join neighbours, so that equal sets have equal forms.
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(have.len());
        for (b, e) in have.drain(..) {
            match joined.last_mut() {
                Some((_, last)) if *last + 1 == b => *last = e,
                _ => joined.push((b, e)),
            }
        }
        *have = joined;
    }

    /// The form on the wire, ports first as a master sends them, allocated to `role`.
    pub(super) fn to_message(&self, role: Option<&str>) -> Vec<v1::Resource> {
        let allocation =
            role.map(|role| v1::resource::AllocationInfo { role: Some(role.to_owned()) });
        let mut list = Vec::new();
        for (name, ranges) in &self.ranges {
            let range =
                ranges.iter().map(|(begin, end)| v1::value::Range { begin: *begin, end: *end });
            list.push(v1::Resource {
                name: name.clone(),
                r#type: v1::value::Type::Ranges.into(),
                ranges: Some(v1::value::Ranges { range: range.collect() }),
                allocation_info: allocation.clone(),
                ..v1::Resource::default()
            });
        }
        for (name, milli) in self.scalars_in_order() {
            list.push(v1::Resource {
                name: name.to_owned(),
                r#type: v1::value::Type::Scalar.into(),
                scalar: Some(v1::value::Scalar { value: units(milli) }),
                allocation_info: allocation.clone(),
                ..v1::Resource::default()
            });
        }
        list
    }

    /// The form in a master's messages: `cpus(allocated: r):0.1; mem(allocated: r):32`.
    pub(super) fn describe(&self, role: &str) -> String {
        let mut text = String::new();
        for (name, ranges) in &self.ranges {
            let listed: Vec<String> = ranges.iter().map(|(b, e)| format!("{b}-{e}")).collect();
            let _ = write!(text, "{name}(allocated: {role}):[{}]; ", listed.join(", "));
        }
        for (name, milli) in self.scalars_in_order() {
            let _ = write!(text, "{name}(allocated: {role}):{}; ", units(milli));
        }
        text.truncate(text.trim_end_matches("; ").len());
        text
    }

    fn scalars_in_order(&self) -> impl Iterator<Item = (&str, u64)> {
        const FIRST: [&str; 3] = ["cpus", "mem", "disk"];
        let known = FIRST.iter().filter_map(|name| Some((*name, *self.scalars.get(*name)?)));
        let others = self
            .scalars
            .iter()
            .filter(|(name, _)| !FIRST.contains(&name.as_str()))
            .map(|(name, milli)| (name.as_str(), *milli));
        known.chain(others)
    }
}

/// Removes `begin..=end` from sorted disjoint ranges.
fn cut(have: &mut Vec<(u64, u64)>, (begin, end): (u64, u64)) {
    let mut left = Vec::with_capacity(have.len() + 1);
    for (b, e) in have.drain(..) {
        if e < begin || b > end {
            left.push((b, e));
            continue;
        }
        if b < begin {
            left.push((b, begin - 1));
        }
        if e > end {
            left.push((end + 1, e));
        }
    }
    *have = left;
}

#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53 thousandths")]
fn units(milli: u64) -> f64 {
    milli as f64 / 1000.0
}

#[cfg(test)]
mod tests;
