//! Ranges of ports for hosts that were given none, apart from those of other stand-ins.
//!
//! Owns slots of a thousand ports on this machine: a slot is taken by a lock on a file in the
//! system's folder for temporary files, which the kernel lets go of when the process ends.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use rustix::fs::FlockOperation;

use crate::config::HostConfig;

/// Where slots begin: below the ports that systems give to outgoing connections, then above.
const SLOTS: [u16; 16] = [
    20_000, 21_000, 22_000, 23_000, 24_000, 25_000, 26_000, 27_000, 28_000, 29_000, 30_000, 31_000,
    61_000, 62_000, 63_000, 64_000,
];
const SLOT: u16 = 1_000;

/// The locks on the slots that are taken; dropping it frees them.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    locks: Vec<File>,
}

/// Gives ports to the hosts that have none.
pub(crate) fn fill(hosts: &mut [HostConfig]) -> Slots {
    let given: Vec<(u16, u16)> = hosts.iter().flat_map(|host| host.ports.clone()).collect();
    let clashes = |start: u16| {
        given.iter().any(|(begin, end)| *begin < start.saturating_add(SLOT) && start <= *end)
    };
    let free: Vec<u16> = SLOTS.into_iter().filter(|start| !clashes(*start)).collect();
    let wanting = hosts.iter().filter(|host| host.ports.is_empty()).count();
    let mut slots = Slots::default();
    // Few hosts have a slot each; many share what there is.
    if wanting <= free.len() {
        let mut starts = free.iter().filter_map(|start| {
            let lock = lock(*start)?;
            slots.locks.push(lock);
            Some(*start)
        });
        let mut taken: Vec<u16> = starts.by_ref().take(wanting).collect();
        // Other stand-ins have the rest: better to share than to have none.
        let shared: Vec<u16> = free.iter().copied().filter(|s| !taken.contains(s)).collect();
        taken.extend(shared.into_iter().take(wanting - taken.len()));
        let without = hosts.iter_mut().filter(|host| host.ports.is_empty());
        for (host, start) in without.zip(taken) {
            host.ports.push((start, start + (SLOT - 1)));
        }
    } else {
        let each = usize::from(SLOT) * free.len() / wanting.max(1);
        let mut all = free.iter().flat_map(|start| *start..*start + SLOT);
        for host in hosts.iter_mut().filter(|host| host.ports.is_empty()) {
            let own: Vec<u16> = all.by_ref().take(each).collect();
            host.ports = own
                .chunk_by(|one, next| one.checked_add(1) == Some(*next))
                .filter_map(|run| Some((*run.first()?, *run.last()?)))
                .collect();
        }
    }
    slots
}

fn lock(start: u16) -> Option<File> {
    let folder: PathBuf = std::env::temp_dir().join("lathe-ports");
    if fs::create_dir(&folder).is_ok() {
        // Everyone's stand-ins share the ports, so everyone may make files here.
        let _ = fs::set_permissions(&folder, Permissions::from_mode(0o1777));
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o666)
        .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
        .open(folder.join(start.to_string()))
        .ok()?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(count: usize) -> Vec<HostConfig> {
        let host = |at: usize| HostConfig {
            name: format!("h{at}"),
            cpus_milli: 1,
            mem_bytes: 1,
            disk_bytes: 1,
            ports: Vec::new(),
            attributes: Default::default(),
        };
        (0..count).map(host).collect()
    }

    fn all_ports(hosts: &[HostConfig]) -> Vec<u16> {
        hosts.iter().flat_map(|host| &host.ports).flat_map(|(b, e)| *b..=*e).collect()
    }

    #[test]
    fn every_host_has_ports_and_none_are_shared() {
        for count in [1, 3, 16, 17, 64] {
            let mut hosts = hosts(count);
            let _slots = fill(&mut hosts);
            assert!(hosts.iter().all(|host| !host.ports.is_empty()), "{count}");
            let mut all = all_ports(&hosts);
            let before = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), before, "{count}");
            assert!(before >= 200 * count.min(64), "{count} hosts have {before} ports");
        }
    }

    #[test]
    fn ports_that_were_given_are_left_out() {
        let mut hosts = hosts(2);
        hosts[0].ports = vec![(20_500, 21_000)];
        let _slots = fill(&mut hosts);
        let mut all = all_ports(&hosts);
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
        assert_eq!(hosts[0].ports, [(20_500, 21_000)]);
    }
}
