//! Amounts: Mesos counts in fixed-point cpus and in mebibytes, we count in thousandths and bytes.

use lathe_mesos::v1;

use crate::framework::event::Free;

const MIB: u64 = 1024 * 1024;

/// The share of a list that we may use: unreserved or reserved for our role, not revocable, not
/// shared, no persistent volume.
#[must_use]
pub fn free_of(resources: &[v1::Resource], role: &str) -> Free {
    let mut free = Free::default();
    for resource in resources.iter().filter(|resource| is_ours(resource, role)) {
        let amount = resource.scalar.as_ref().map_or(0.0, |scalar| scalar.value);
        match resource.name.as_str() {
            "cpus" => free.cpus_milli = free.cpus_milli.saturating_add(thousandths(amount)),
            "mem" => free.mem_bytes = free.mem_bytes.saturating_add(mebibytes(amount)),
            "disk" => free.disk_bytes = free.disk_bytes.saturating_add(mebibytes(amount)),
            "ports" => free.ports.extend(ranges(resource)),
            _ => {}
        }
    }
    free.ports.sort_unstable();
    free
}

fn is_ours(resource: &v1::Resource, role: &str) -> bool {
    let special = resource.revocable.is_some() || resource.shared.is_some();
    let volume = resource
        .disk
        .as_ref()
        .is_some_and(|disk| disk.persistence.is_some() || disk.source.is_some());
    // Reservations name the role that owns them; the last one counts.
    let reserved = resource.reservations.last().and_then(|reservation| reservation.role.as_deref());
    !special && !volume && reserved.is_none_or(|owner| owner == role)
}

fn mebibytes(amount: f64) -> u64 {
    let thousandths = thousandths(amount);
    (thousandths / 1000).saturating_mul(MIB).saturating_add(thousandths % 1000 * MIB / 1000)
}

/// Mesos keeps three decimals; everything beyond them is noise of floating point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be finite, positive and far below the limit"
)]
fn thousandths(amount: f64) -> u64 {
    let scaled = (amount * 1000.0).round();
    if scaled.is_finite() && scaled > 0.0 && scaled < 1e15 { scaled as u64 } else { 0 }
}

fn ranges(resource: &v1::Resource) -> Vec<(u16, u16)> {
    let ranges = resource.ranges.iter().flat_map(|ranges| &ranges.range);
    ranges
        .filter_map(|range| {
            let low = u16::try_from(range.begin).ok()?;
            let high = u16::try_from(range.end.min(u64::from(u16::MAX))).ok()?;
            (low <= high).then_some((low, high))
        })
        .collect()
}

/// Our amounts as Mesos takes them in a launch, allocated to our role.
#[must_use]
pub fn resources_of(free: &Free, role: &str) -> Vec<v1::Resource> {
    let mut resources = Vec::new();
    #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52")]
    let mut scalar = |name: &str, thousandths: u64| {
        if thousandths > 0 {
            let value = thousandths as f64 / 1000.0;
            let mut made = resource(name, role, v1::value::Type::Scalar);
            made.scalar = Some(v1::value::Scalar { value });
            resources.push(made);
        }
    };
    scalar("cpus", free.cpus_milli);
    scalar("mem", mebi_thousandths(free.mem_bytes));
    scalar("disk", mebi_thousandths(free.disk_bytes));
    if !free.ports.is_empty() {
        let range = free
            .ports
            .iter()
            .map(|(low, high)| v1::value::Range { begin: u64::from(*low), end: u64::from(*high) });
        let mut made = resource("ports", role, v1::value::Type::Ranges);
        made.ranges = Some(v1::value::Ranges { range: range.collect() });
        resources.push(made);
    }
    resources
}

/// Rounded down, so that the sum of what is launched never exceeds the offer.
fn mebi_thousandths(bytes: u64) -> u64 {
    bytes / MIB * 1000 + bytes % MIB * 1000 / MIB
}

fn resource(name: &str, role: &str, kind: v1::value::Type) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: kind.into(),
        allocation_info: Some(v1::resource::AllocationInfo { role: Some(role.to_owned()) }),
        ..v1::Resource::default()
    }
}
