//! What /proc says of processes: one line of `stat` each. Owns its reading; must not judge.

use std::fs;

use crate::Pid;

/// One process at the moment of reading. An id may be used again; id and start together are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    /// In clock ticks since the machine started.
    pub(crate) start: u64,
    /// `None` where the parent is outside of this pid namespace.
    pub(crate) parent: Option<Pid>,
    pub(crate) group: u32,
    pub(crate) session: u32,
    /// Ended, waiting to be reaped by its parent.
    pub(crate) ended: bool,
    pub(crate) stopped: bool,
}

/// All processes that this one can see.
pub(crate) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter_map(read)
        .collect()
}

/// One process; `None` when there is none of that id.
pub(crate) fn read(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(pid, &stat)
}

/// Whether a process was started with this variable. Nobody else's environment can be read.
pub(crate) fn has_variable(pid: Pid, pair: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|own| own == pair)
}

/// Fields of proc_pid_stat(5), counted from the state, which follows the name in parentheses; the
/// name may hold anything, parentheses too.
fn parse(pid: Pid, stat: &[u8]) -> Option<Process> {
    let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end_of_name + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let state = *fields.first()?;
    let threads: u64 = fields.get(17)?.parse().ok()?;
    // A leader that ended before its other threads is shown as a zombie, yet the process lives.
    let ended = matches!(state, "X" | "x") || (state == "Z" && threads <= 1);
    Some(Process {
        pid,
        start: fields.get(19)?.parse().ok()?,
        parent: Pid::from_raw(fields.get(1)?.parse().ok()?),
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        ended,
        stopped: matches!(state, "T" | "t"),
    })
}

#[cfg(test)]
mod tests;
