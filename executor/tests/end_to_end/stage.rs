//! One executor, its agent, its artifact server and its sandbox; what a test does with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use lathe_api::rest::LaunchSpec;
use lathe_mesos::v1::{TaskState, TaskStatus};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use tokio::process::{Child, Command};

use crate::fake_agent::FakeAgent;
use crate::test_server::{Reply, TestServer, specification, until};

pub(crate) const TASK: &str = "http.lb#2.7";

pub(crate) struct Stage {
    pub(crate) agent: FakeAgent,
    pub(crate) folder: tempfile::TempDir,
    executor: Option<Child>,
}

impl Stage {
    /// An agent without an executor.
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sandbox")).unwrap();
        Self { agent: FakeAgent::start().await, folder, executor: None }
    }

    /// A subscribed executor.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With these variables over the usual ones.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut stage = Self::empty().await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_lathe-executor"));
        command.env_clear().envs(stage.environment()).envs(variables.iter().copied());
        let log = fs::File::create(stage.folder.path().join("stderr")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        stage.executor = Some(command.spawn().unwrap());
        stage.until_subscribed(1).await;
        stage
    }

    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let sandbox = self.sandbox().to_str().unwrap().to_owned();
        let cache = self.folder.path().join("cache").to_str().unwrap().to_owned();
        let all = [
            ("MESOS_FRAMEWORK_ID", "f-1".to_owned()),
            ("MESOS_EXECUTOR_ID", TASK.to_owned()),
            ("MESOS_SLAVE_ID", "agent-1".to_owned()),
            ("MESOS_SLAVE_PID", format!("slave(1)@127.0.0.1:{}", self.agent.port)),
            ("MESOS_DIRECTORY", sandbox),
            ("MESOS_CHECKPOINT", "1".to_owned()),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "50ms".to_owned()),
            ("LATHE_CACHE_DIR", cache),
            ("LATHE_LOG", "debug".to_owned()),
        ];
        all.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    pub(crate) fn sandbox(&self) -> PathBuf {
        self.folder.path().join("sandbox")
    }

    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.sandbox().join(name)).unwrap_or_default()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    pub(crate) fn executor_pid(&self) -> Pid {
        let id = self.executor.as_ref().and_then(Child::id).expect("the executor runs");
        Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.executor_pid(), signal).unwrap();
    }

    /// A program with these bytes, served truthfully; no hand-shake, a grace of a minute.
    pub(crate) async fn program(&self, bytes: &[u8]) -> LaunchSpec {
        let served = bytes.to_vec();
        let server = TestServer::start(move |_| Reply::ok(&served)).await;
        let mut spec = specification();
        spec.artifact.urls = vec![server.url];
        spec.artifact.size = u64::try_from(bytes.len()).unwrap();
        spec.artifact.sha256 =
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        spec.registries.clear();
        spec.schedulers.clear();
        spec.env.clear();
        spec.args.clear();
        spec.sdk = false;
        spec.grace_ms = 60_000;
        spec
    }

    pub(crate) async fn script(&self, text: &str) -> LaunchSpec {
        self.program(format!("#!/bin/sh\n{text}\n").as_bytes()).await
    }

    pub(crate) fn launch(&self, spec: &LaunchSpec) {
        self.agent.launch(TASK, serde_json::to_vec(spec).unwrap());
    }

    /// Launches a script that says its number and runs until it is killed; gives its number.
    pub(crate) async fn launch_endless(&self) -> Pid {
        let spec = self.script("trap '' TERM\necho $$\nwhile :; do sleep 0.05; done").await;
        self.launch(&spec);
        self.until_state(TaskState::TaskRunning).await;
        until("the script's number", || self.file("task.out").ends_with('\n')).await;
        let number = self.file("task.out").trim().parse().unwrap();
        Pid::from_raw(number).unwrap()
    }

    pub(crate) async fn until_subscribed(&self, times: usize) {
        let what = "a subscription";
        until_or(what, || self.agent.subscriptions().len() >= times, || self.log()).await;
    }

    /// Waits for an update with this state.
    pub(crate) async fn until_state(&self, state: TaskState) -> TaskStatus {
        let find = || self.agent.updates().into_iter().find(|update| update.state() == state);
        until_or(
            &format!("{state:?}"),
            || find().is_some(),
            || format!("{:?}\n{}", self.agent.updates(), self.log()),
        )
        .await;
        find().unwrap()
    }

    pub(crate) fn states(&self) -> Vec<TaskState> {
        self.agent.updates().iter().map(TaskStatus::state).collect()
    }

    /// Waits for the executor's end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let mut executor = self.executor.take().expect("the executor was started");
        let ended = tokio::time::timeout(Duration::from_secs(30), executor.wait()).await;
        match ended {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("the executor does not end:\n{}", self.log()),
        }
    }
}

async fn until_or(what: &str, mut holds: impl FnMut() -> bool, more: impl Fn() -> String) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never came: {what}\n{}", more());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Does this process run? One that ended and was not reaped does not.
pub(crate) fn is_alive(pid: Pid) -> bool {
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let Ok(text) = fs::read_to_string(Path::new(&path)) else { return false };
    let state = text.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    !matches!(state, Some("Z" | "X") | None)
}

pub(crate) async fn until_dead(pid: Pid) {
    until("the end of a process", || !is_alive(pid)).await;
}
