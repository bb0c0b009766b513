//! The file that says what was started in a folder, for the commands that come later.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::{Code, Failure};

const FILE: &str = "engines.json";

/// What was started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The process that holds all others.
    pub(super) holder: Process,
    /// Whether all were ready once.
    pub(super) started: bool,
    /// How clients find each engine.
    pub(super) urls: Vec<Url>,
    pub(super) daemons: Vec<Entry>,
}

/// An engine, as clients take it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Url {
    pub(super) engine: String,
    pub(super) url: String,
}

/// One process of an engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) port: u16,
    pub(super) process: Process,
    pub(super) log: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Zookeeper,
    Master,
    Agent,
    Kafka,
}

/// A process, named for ever by its id and the time of its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) start: u64,
}

impl Process {
    /// The process with this id, unless only its exit status is left.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let start = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, start })
    }

    pub(super) fn runs(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends it a signal; one that has ended gets none.
    pub(super) fn signal(self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.runs()) {
            // It may have ended just now.
            let _ = kill_process(pid, signal);
        }
    }
}

impl State {
    /// What is written in a folder; nothing if nothing was started there.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, Failure> {
        let path = dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::system(path.display(), error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let what = format!("{}: {error}", path.display());
            Failure::new(
                Code::Asked,
                what,
                "another version wrote it; end its processes, remove it",
            )
        })
    }

    /// Written as a whole or not at all.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Failure> {
        let (path, part) = (dir.join(FILE), dir.join(format!("{FILE}.part")));
        let bytes = serde_json::to_vec_pretty(self).expect("it is plain data");
        fs::write(&part, bytes)
            .and_then(|()| fs::rename(&part, &path))
            .map_err(|error| Failure::system(path.display(), error))
    }

    pub(super) fn remove(dir: &Path) {
        // Whoever removed it before meant the same.
        let _ = fs::remove_file(dir.join(FILE));
    }
}
