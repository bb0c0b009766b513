//! The stage on Lathe's standalone.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use lathe_engines::SOON;
use lathe_mesos::Credentials;

use super::{Engine, Stage, built};
use crate::Request;

/// A running stand-in.
#[derive(Debug)]
pub(super) struct Standalone {
    master: Child,
    pub(super) address: String,
    credentials: Credentials,
}

impl Standalone {
    /// Pauses or resumes a host.
    pub(super) async fn order(&self, agent: usize, what: &str) {
        let path = format!("/standalone/hosts/h{}/{what}", agent + 1);
        let request = Request::post(&path).signed(&self.credentials);
        let answer = request.send(&self.address).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        // Its hosts and their executors die with it.
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

impl Stage {
    /// Starts a stand-in with so many hosts.
    #[expect(clippy::unused_async, reason = "as a real one, which takes its time")]
    pub async fn standalone_of(agents: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new(built("lathe-standalone"));
        command.arg("--data").arg(folder.path().join("data"));
        for number in 1..=agents {
            let host = format!("name=h{number},rack=r{number},cpus=4,mem=4GiB,disk=4GiB");
            command.args(["--host", &host]);
        }
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut master = command.spawn().unwrap();
        let (said, heard) = mpsc::channel();
        let stdout = BufReader::new(master.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let line = heard.recv_timeout(SOON).unwrap_or_else(|_| {
            let _ = master.kill();
            panic!("not ready:\n{}", fs::read_to_string(&log).unwrap_or_default())
        });
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = ready["listening"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap().to_owned();
        let secret = fs::read_to_string(folder.path().join("data/run/token")).unwrap();
        let credentials = Credentials { principal: "lathe".into(), secret };
        let standalone = Standalone { master, address, credentials: credentials.clone() };
        Self { engine: Engine::Standalone(standalone), credentials, folder }
    }
}
