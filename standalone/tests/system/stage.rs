//! A running stand-in in a folder of its own, and a look at what it leaves behind.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use lathe_mesos::Credentials;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) master: Child,
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

impl Stage {
    /// Starts a stand-in with these hosts and waits until it is ready.
    pub(crate) fn start(hosts: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lathe-standalone"));
        command.arg("--data").arg(dir.path().join("data"));
        for host in hosts {
            command.args(["--host", host]);
        }
        let mut master = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let (said, heard) = mpsc::channel();
        let stdout = BufReader::new(master.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines() {
                let _ = said.send(line.unwrap());
            }
        });
        let Ok(line) = heard.recv_timeout(PATIENCE) else {
            let _ = master.kill();
            panic!("not ready:\n{}", fs::read_to_string(dir.path().join("log")).unwrap());
        };
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = ready["listening"].as_str().unwrap().to_owned();
        assert!(ready["store"].as_str().unwrap().starts_with("local:/"));
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let token = fs::read_to_string(dir.path().join("data/run/token")).unwrap();
        Self { dir, master, url, address, token }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials { principal: "lathe".to_owned(), secret: self.token.clone() }
    }

    /// Processes that were started in this stage's folder, by id and command line.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let marks = [self.dir.path(), &fs::canonicalize(self.dir.path()).unwrap()]
            .map(|path| path.display().to_string());
        let marked = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            marks.iter().any(|mark| text.contains(mark.as_str()))
        };
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let (line, environment) = (read("cmdline"), read("environ"));
            // One that has ended has neither.
            if pid != std::process::id() && (marked(&line) || marked(&environment)) {
                found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
            }
        }
        found
    }

    /// Processes below one host.
    pub(crate) fn processes_of(&self, host: &str) -> Vec<(u32, String)> {
        let folder = format!("/hosts/{host}");
        let of_host = |(pid, _): &(u32, String)| {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let all = [read("cmdline"), read("environ")].concat();
            String::from_utf8_lossy(&all).contains(&folder)
        };
        self.processes().into_iter().filter(of_host).collect()
    }

    /// The process of a host itself.
    pub(crate) fn host_pid(&self, host: &str) -> u32 {
        let line = format!(" host --name {host} ");
        let all = self.processes();
        all.iter().find(|(_, command)| command.contains(&line)).expect("the host runs").0
    }

    /// Waits until `of` gives nothing any more.
    pub(crate) fn wait_for_none<T: std::fmt::Debug>(&self, of: impl Fn(&Self) -> Vec<T>) {
        let since = Instant::now();
        loop {
            let left = of(self);
            if left.is_empty() {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "still there: {left:?}\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the master.
    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.master.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The folder of a host.
    pub(crate) fn host_dir(&self, host: &str) -> std::path::PathBuf {
        self.dir.path().join("data/hosts").join(host)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.master.kill();
        let _ = self.master.wait();
        if thread::panicking() {
            return;
        }
        self.wait_for_none(Self::processes);
    }
}

pub(crate) fn kill_9(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// A variable of a running process.
pub(crate) fn variable_of(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(Path::new("/proc").join(pid.to_string()).join("environ")).ok()?;
    let prefix = format!("{name}=");
    let text = String::from_utf8_lossy(&environment).into_owned();
    text.split('\0').find_map(|entry| entry.strip_prefix(&prefix).map(str::to_owned))
}
