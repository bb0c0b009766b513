//! consul-template before a server of Consul, with one file and the same program.
//!
//! Owns its configuration and its process. It keeps nothing by which one could tell at a death whether a run was
//! under way, so that is told by what the program has noted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lathe_child::{Child, Output, Pid, Signal, Spawn, descendants};
use lathe_engines::{Consul, ConsulTemplate};
use rustix::process::kill_process;

use super::{Follower, Judge, ended, script, whole_file};
use crate::until;
use crate::wire::put;

const KEY: &str = "web/cache";
/// When its file says the newest and nothing has run for so long, nothing will: it looks at the file alone.
const NOTHING_RUNS: Duration = Duration::from_secs(5);

pub(super) struct Beside {
    consul: Consul,
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Beside {
    pub(super) async fn start() -> Self {
        let program = ConsulTemplate::program().await.expect("consul-template is to be had");
        let consul = Consul::start().await.expect("Consul starts");
        let one = Self { consul, program, folder: tempfile::tempdir().expect("a folder") };
        let file = one.file();
        let script = script(one.folder.path(), &format!("state=$(grep '#' {})", file.display()));
        let text = configuration(&one.consul.address(), &one.pid_file(), &file, &script);
        fs::write(one.config(), text).expect("it is written");
        one
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("template.hcl")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("pid")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("one")
    }
}

impl Follower for Beside {
    type Life = Child;

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    async fn change(&mut self, life: u32) {
        let url = format!("http://{}", self.consul.address());
        let reply = put(&url, &format!("/v1/kv/{KEY}"), &super::state(life)).await;
        assert_eq!(reply.map(|reply| reply.status), Some(200), "Consul takes the value");
    }

    /// Waits until it has noted its process id, which it does before it follows anything.
    async fn start(&self) -> Child {
        let _ = fs::remove_file(self.pid_file());
        let spawn = Spawn::new(&self.program)
            .arg("-config")
            .arg(self.config())
            .inherit_env("PATH")
            .stdout(Output::Null)
            .stderr(Output::Inherit)
            .parent_death(Signal::Kill);
        let child = spawn.start().expect("it starts");
        until("consul-template to start", || async { self.pid_file().exists() }).await;
        child
    }

    async fn kill(&self, mut child: Child, judge: &mut Judge) {
        // Nothing may begin between the look at what it has started and the end. It stands still as soon as the
        // signal is taken, which is before the next look.
        child.signal(Signal::Stop).expect("it is ours");
        until("it to stand still", || async { stands_still(child.id()) }).await;
        for pid in descendants(child.id()) {
            let pid = i32::try_from(pid.as_raw()).ok().and_then(rustix::process::Pid::from_raw);
            // One that has ended meanwhile cannot be killed.
            pid.map(|pid| kill_process(pid, rustix::process::Signal::KILL).ok());
        }
        child.signal(Signal::Kill).expect("it is ours");
        child.wait().await;
        let was_running = judge.killed(&self.log());
        judge.was_cut(was_running);
        whole_file(&self.file(), judge);
    }

    async fn settled(&self, _: &Child, state: &str) -> bool {
        let (log, file) = (self.log(), self.file());
        let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let (mut since, mut before) = (Instant::now(), length(&log));
        let hopeless = || {
            let rendered = fs::read_to_string(&file).is_ok_and(|text| text.contains(state));
            let now = length(&log);
            if !rendered || now != before {
                (since, before) = (Instant::now(), now);
            }
            since.elapsed() > NOTHING_RUNS
        };
        ended(&log, state, hopeless).await
    }
}

/// Whether all of it is stopped, by the state that the system shows.
fn stands_still(pid: Pid) -> bool {
    let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw())).unwrap_or_default();
    text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 'Z']))
}

/// It settles as the agent's hook does, and asks again as soon.
fn configuration(consul: &str, pid: &Path, file: &Path, script: &Path) -> String {
    format!(
        "pid_file = {pid:?}\nlog_level = \"err\"\n\
         consul {{\n  address = {consul:?}\n  retry {{\n    backoff = \"100ms\"\n    max_backoff = \"300ms\"\n  }}\n}}\n\
         wait {{\n  min = \"5ms\"\n  max = \"20ms\"\n}}\n\
         template {{\n  contents = \"begin\\n{{{{ key \\\"{KEY}\\\" }}}}\\nend\\n\"\n  destination = {file:?}\n\
         \x20 exec {{\n    command = [\"/bin/sh\", {script:?}]\n  }}\n}}\n"
    )
}
