//! Did memory run out? Asks the kernel's counters of the control group that this process is in.
//! Where there is none (a virtual host), the answer is no.

use std::fs;
use std::path::PathBuf;

/// The counter at one moment.
#[derive(Debug, Clone)]
pub struct Watch {
    file: Option<PathBuf>,
    kills: u64,
}

impl Watch {
    /// Remembers the counter as it is now.
    pub fn start() -> Self {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let file = candidates(&groups).into_iter().find(|path| path.exists());
        let kills = file.as_ref().map_or(0, |file| kills_in(&read(file)));
        Self { file, kills }
    }

    /// Did the kernel kill something of this group for its memory since then?
    pub fn ran_out(&self) -> bool {
        self.file.as_ref().is_some_and(|file| kills_in(&read(file)) > self.kills)
    }
}

fn read(file: &PathBuf) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Where the counter may stand: version 2 of control groups has one path, version 1 one a
/// controller.
fn candidates(groups: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        if controllers.is_empty() {
            found.push(PathBuf::from(format!("/sys/fs/cgroup{path}/memory.events")));
        } else if controllers.split(',').any(|name| name == "memory") {
            found.push(PathBuf::from(format!("/sys/fs/cgroup/memory{path}/memory.oom_control")));
        }
    }
    found
}

fn kills_in(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_are_found() {
        let found = candidates("4:cpu,cpuacct:/a\n3:memory:/mesos/x\n0::/system.slice\nnonsense\n");
        assert_eq!(
            found,
            [
                PathBuf::from("/sys/fs/cgroup/memory/mesos/x/memory.oom_control"),
                PathBuf::from("/sys/fs/cgroup/system.slice/memory.events"),
            ]
        );
    }

    #[test]
    fn the_counter_is_read_from_either_file() {
        assert_eq!(kills_in("low 0\noom 4\noom_kill 3\noom_group_kill 0\n"), 3);
        assert_eq!(kills_in("oom_kill_disable 0\nunder_oom 0\noom_kill 1"), 1);
        assert_eq!(kills_in(""), 0);
    }
}
