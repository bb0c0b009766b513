//! The tree of processes below one: who is in it, ending all of it, reaping what was adopted.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::thread;
use std::time::Duration;

use rustix::process::{PidfdFlags, WaitOptions};

use crate::procfs::{self, Process};
use crate::{Pid, Signal, known};

/// How often a hunt looks again, and how long it waits between two looks: about two seconds.
pub(crate) const KILL_ROUNDS: u32 = 400;
pub(crate) const KILL_PAUSE: Duration = Duration::from_millis(5);
/// How often the tree is frozen again until nobody new is in it.
const FREEZE_ROUNDS: u32 = 50;

/// Makes this process the new parent of every descendant whose parent ends.
///
/// # Errors
/// What the kernel says.
pub fn become_subreaper() -> io::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// The signal that this process gets when the thread that started it ends. The parent may have ended
/// just before: look at [`Pid::parent`] after the call.
///
/// # Errors
/// What the kernel says.
pub fn set_parent_death_signal(signal: Signal) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(signal.inner()))?;
    Ok(())
}

/// The living children of a process.
#[must_use]
pub fn children(of: Pid) -> Vec<Pid> {
    let living = |process: &Process| process.parent == Some(of) && !process.ended;
    procfs::all().into_iter().filter(living).map(|process| process.pid).collect()
}

/// All living processes below one, parents before their children.
#[must_use]
pub fn descendants(of: Pid) -> Vec<Pid> {
    below(&procfs::all(), [of]).iter().filter(|p| !p.ended).map(|process| process.pid).collect()
}

/// Signals every process below `of`, again and again until no living one is left (for `Kill`) or no
/// new one shows up (for the others). Blocks for at most about two seconds; returns those that are
/// left. Call it with [`Pid::own`] in a subreaper to reach the orphans too.
///
/// For `Kill` the tree is stopped first, so that nobody forks or runs away from it meanwhile.
pub fn kill_descendants(of: Pid, signal: Signal) -> Vec<Pid> {
    let mut hunt = Hunt::new(of, None);
    if signal != Signal::Kill {
        let mut told = BTreeSet::new();
        for _ in 0..FREEZE_ROUNDS {
            let living = hunt.survey();
            let new: Vec<Process> =
                living.into_iter().filter(|p| told.insert((p.pid, p.start))).collect();
            if new.is_empty() {
                break;
            }
            new.iter().for_each(|process| signal_exactly(*process, signal));
        }
        return hunt.survey().iter().map(|process| process.pid).collect();
    }
    hunt.freeze();
    for _ in 0..KILL_ROUNDS {
        if hunt.strike() == 0 {
            return Vec::new();
        }
        thread::sleep(KILL_PAUSE);
    }
    hunt.survey().iter().map(|process| process.pid).collect()
}

/// Kills what an earlier life of this process has left: everybody who was started with this variable, but for
/// those who have begun a session of their own since, as daemons do. Blocks for at most about two seconds;
/// returns those that are left.
pub fn kill_leftovers(name: &str, value: &OsStr) -> Vec<Pid> {
    let pair = [name.as_bytes(), b"=", value.as_bytes()].concat();
    let left = || -> Vec<Process> {
        let all = procfs::all().into_iter();
        let living = all.filter(|one| !one.ended && one.pid != Pid::own());
        // Who has made a session leads a group of the same id, and so do those that it starts.
        let ours = living.filter(|one| one.group != one.session);
        ours.filter(|one| procfs::has_variable(one.pid, &pair)).collect()
    };
    for _ in 0..KILL_ROUNDS {
        let found = left();
        if found.is_empty() {
            return Vec::new();
        }
        found.iter().for_each(|process| signal_exactly(*process, Signal::Kill));
        thread::sleep(KILL_PAUSE);
    }
    left().iter().map(|process| process.pid).collect()
}

/// Reaps ended processes that this one adopted, and returns their ids. Never takes the end of one in
/// `known` or of a living [`crate::Child`].
pub fn reap_adopted(known: &BTreeSet<Pid>) -> Vec<Pid> {
    let mut ours = known::lock();
    ours.sweep();
    let own = Pid::own();
    let mut reaped = Vec::new();
    for process in procfs::all() {
        let pid = process.pid;
        let adopted = process.parent == Some(own) && process.ended;
        if !adopted || known.contains(&pid) || ours.owned.contains(&pid) {
            continue;
        }
        let end = rustix::process::waitpid(Some(pid.inner()), WaitOptions::NOHANG);
        if matches!(end, Ok(Some(_))) {
            ours.abandoned.remove(&pid);
            reaped.push(pid);
        }
    }
    reaped
}

/// Everyone below `roots` in a reading, parents before their children, ended ones included.
fn below(all: &[Process], roots: impl IntoIterator<Item = Pid>) -> Vec<Process> {
    let mut by_parent: BTreeMap<Pid, Vec<Process>> = BTreeMap::new();
    for process in all {
        if let Some(parent) = process.parent {
            by_parent.entry(parent).or_default().push(*process);
        }
    }
    let mut found = Vec::new();
    let mut ahead: Vec<Pid> = roots.into_iter().collect();
    // Taking each parent's children out makes an end certain, whatever a torn reading says.
    while let Some(parent) = ahead.pop() {
        for process in by_parent.remove(&parent).unwrap_or_default() {
            ahead.push(process.pid);
            found.push(process);
        }
    }
    found
}

/// Sends a signal to this very process, not to a later one of the same id.
fn signal_exactly(process: Process, signal: Signal) {
    let Ok(handle) = rustix::process::pidfd_open(process.pid.inner(), PidfdFlags::empty()) else {
        return;
    };
    // The handle is of whoever has the id now; the start says whether that is still the one meant.
    if procfs::read(process.pid).is_some_and(|now| now.start == process.start) {
        // One that has just ended needs no signal; one of another user is reported as left.
        let _ = rustix::process::pidfd_send_signal(handle, signal.inner());
    }
}

/// The ending of everything that came from one process: those below it, those of its group, and those
/// that were seen there once and have another parent by now.
#[derive(Debug)]
pub(crate) struct Hunt {
    root: Pid,
    group: Option<Pid>,
    seen: BTreeSet<(Pid, u64)>,
}

impl Hunt {
    pub(crate) fn new(root: Pid, group: Option<Pid>) -> Self {
        Self { root, group, seen: BTreeSet::new() }
    }

    /// Looks at who is there, remembers them, and returns the living. This process is never in it.
    pub(crate) fn survey(&mut self) -> Vec<Process> {
        let all = procfs::all();
        let group = self.group.map(Pid::as_raw);
        let mut here: BTreeMap<Pid, Process> = all
            .iter()
            .filter(|p| self.seen.contains(&(p.pid, p.start)) || group == Some(p.group))
            .map(|process| (process.pid, *process))
            .collect();
        let roots: Vec<Pid> = here.keys().copied().chain([self.root]).collect();
        here.extend(below(&all, roots).into_iter().map(|process| (process.pid, process)));
        here.remove(&Pid::own());
        self.seen = here.values().map(|process| (process.pid, process.start)).collect();
        here.into_values().filter(|process| !process.ended).collect()
    }

    /// Whether someone of the group, or the root itself, still lives.
    pub(crate) fn group_lives(&self) -> bool {
        let group = self.group.map(Pid::as_raw);
        procfs::all().iter().any(|p| !p.ended && (p.pid == self.root || group == Some(p.group)))
    }

    /// Stops everyone, until a look finds nobody new.
    pub(crate) fn freeze(&mut self) {
        let mut told = BTreeSet::new();
        for _ in 0..FREEZE_ROUNDS {
            let new: Vec<Process> = self
                .survey()
                .into_iter()
                .filter(|p| !p.stopped && told.insert((p.pid, p.start)))
                .collect();
            if new.is_empty() {
                return;
            }
            new.iter().for_each(|process| signal_exactly(*process, Signal::Stop));
        }
    }

    /// Kills everyone who lives, and says how many that were.
    pub(crate) fn strike(&mut self) -> usize {
        let living = self.survey();
        living.iter().for_each(|process| signal_exactly(*process, Signal::Kill));
        living.len()
    }
}
