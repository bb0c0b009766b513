//! An executor for tests: each task plays the script in its `data`.
//!
//! ```json
//! {"states": ["TASK_STARTING", "TASK_RUNNING"], "descendants": true, "deaf": false}
//! ```
//! `descendants` starts processes below it that do not end by themselves and leave their group;
//! `deaf` ignores KILL and SHUTDOWN. MESSAGE is sent back. Without a script: the two states above.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use lathe_mesos::executor::{Client, Environment, Subscription};
use lathe_mesos::v1::executor::{Call, Event, call, event};
use lathe_mesos::v1::{TaskInfo, TaskState, TaskStatus, task_status};
use lathe_mesos::{Limits, v1};
use serde::Deserialize;

/// How long the last acknowledgements are waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two attempts to find the agent again: it waits two seconds for its executors.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
struct Script {
    states: Vec<String>,
    descendants: bool,
    deaf: bool,
}

impl Default for Script {
    fn default() -> Self {
        let states = ["TASK_STARTING", "TASK_RUNNING"].map(str::to_owned).to_vec();
        Self { states, descendants: false, deaf: false }
    }
}

struct Executor {
    client: Client,
    tasks: BTreeMap<String, TaskInfo>,
    updates: BTreeMap<Bytes, call::Update>,
    living: BTreeSet<String>,
    deaf: bool,
}

fn main() -> ExitCode {
    let linger = std::env::args().nth(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done =
        runtime.map_err(Box::<dyn Error>::from).and_then(|runtime| match linger.as_deref() {
            Some(generations) => runtime.block_on(linger_on(generations)),
            None => runtime.block_on(execute()),
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the scripted executor failed");
            ExitCode::FAILURE
        }
    }
}

/// Does not end by itself or by SIGTERM; starts one more in a group of its own, and so on.
async fn linger_on(generations: &str) -> Result<(), Box<dyn Error>> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let left: u32 = generations.parse()?;
    let _child = match left.checked_sub(1) {
        Some(left) => Some(start_lingering(left)?),
        None => None,
    };
    loop {
        terminate.recv().await;
    }
}

fn start_lingering(generations: u32) -> Result<lathe_child::Child, Box<dyn Error>> {
    let spawn = lathe_child::Spawn::new(std::env::current_exe()?)
        .arg(generations.to_string())
        .inherit_all_env()
        .own_group();
    Ok(spawn.start()?)
}

async fn execute() -> Result<(), Box<dyn Error>> {
    let client = Client::new(Environment::from_env()?, Limits::default());
    let mut executor = Executor {
        client,
        tasks: BTreeMap::new(),
        updates: BTreeMap::new(),
        living: BTreeSet::new(),
        deaf: false,
    };
    let mut subscription = executor.subscribe().await?;
    // So long an agent may be away when it restarts.
    let environment = executor.client.environment();
    let away = if environment.checkpoint { environment.recovery_timeout } else { Duration::ZERO };
    loop {
        match subscription.next().await {
            Ok(event) => {
                if executor.happened(event).await? {
                    return executor.leave(&mut subscription).await;
                }
            }
            Err(_) => subscription = executor.subscribe_within(away).await?,
        }
    }
}

impl Executor {
    async fn subscribe(&self) -> Result<Subscription, Box<dyn Error>> {
        let tasks = self.tasks.values().cloned().collect();
        let updates = self.updates.values().cloned().collect();
        Ok(self.client.subscribe(tasks, updates).await?)
    }

    /// Tries it until it is done, or the time is up.
    async fn subscribe_within(&self, limit: Duration) -> Result<Subscription, Box<dyn Error>> {
        let end = tokio::time::Instant::now() + limit;
        loop {
            match self.subscribe().await {
                Err(_) if tokio::time::Instant::now() < end => tokio::time::sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    /// Whether it is time to leave.
    async fn happened(&mut self, event: Event) -> Result<bool, Box<dyn Error>> {
        match event.r#type() {
            event::Type::Launch => {
                let task = event.launch.ok_or("LAUNCH without a task")?.task;
                self.launch(task).await?;
            }
            event::Type::Kill if !self.deaf => {
                let kill = event.kill.ok_or("KILL without a task")?;
                self.update(&kill.task_id.value, TaskState::TaskKilled).await?;
            }
            event::Type::Acknowledged => {
                let known = event.acknowledged.ok_or("ACKNOWLEDGED of nothing")?;
                self.updates.remove(&known.uuid);
                self.tasks.remove(&known.task_id.value);
            }
            event::Type::Message => {
                let data = event.message.unwrap_or_default().data;
                let echo = Call {
                    message: Some(call::Message { data }),
                    ..self.client.environment().call(call::Type::Message)
                };
                self.client.call(echo).await?;
            }
            event::Type::Shutdown if !self.deaf => {
                for task in self.living.clone() {
                    self.update(&task, TaskState::TaskKilled).await?;
                }
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    async fn launch(&mut self, task: TaskInfo) -> Result<(), Box<dyn Error>> {
        let script = match &task.data {
            Some(data) => serde_json::from_slice(data)?,
            None => Script::default(),
        };
        let id = task.task_id.value.clone();
        self.tasks.insert(id.clone(), task);
        self.living.insert(id.clone());
        self.deaf |= script.deaf;
        if script.descendants {
            start_lingering(2)?;
        }
        for state in script.states {
            let state = TaskState::from_str_name(&state).ok_or("no such state")?;
            self.update(&id, state).await?;
        }
        Ok(())
    }

    async fn update(&mut self, task: &str, state: TaskState) -> Result<(), Box<dyn Error>> {
        let uuid = Bytes::copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        let status = TaskStatus {
            task_id: v1::TaskId { value: task.to_owned() },
            state: state.into(),
            source: Some(task_status::Source::Executor.into()),
            uuid: Some(uuid.clone()),
            timestamp: Some(0.0),
            ..TaskStatus::default()
        };
        if !matches!(state, TaskState::TaskStarting | TaskState::TaskRunning) {
            self.living.remove(task);
        }
        let update = call::Update { status };
        self.updates.insert(uuid, update.clone());
        let call =
            Call { update: Some(update), ..self.client.environment().call(call::Type::Update) };
        match self.client.call(call).await {
            // The agent went away meanwhile: the next subscription tells it.
            Err(error) if error.is_retryable() => Ok(()),
            told => Ok(told?),
        }
    }

    /// Waits for the acknowledgement of what was sent last.
    async fn leave(&mut self, subscription: &mut Subscription) -> Result<(), Box<dyn Error>> {
        let known = async {
            while !self.updates.is_empty() {
                let Ok(event) = subscription.next().await else { return };
                if let Some(acknowledged) = event.acknowledged {
                    self.updates.remove(&acknowledged.uuid);
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, known).await;
        Ok(())
    }
}
