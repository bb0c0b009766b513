//! An executor that does nothing: whatever it is to launch runs at once, until it is killed.
//!
//! Owns its answers to the agent. It starts no process and keeps nothing over a restart of the agent.
//! It must not know whose tasks it has.

use std::process::ExitCode;
use std::time::SystemTime;

use lathe_mesos::Limits;
use lathe_mesos::executor::{Client, Environment};
use lathe_mesos::v1;
use lathe_mesos::v1::executor::{Event, call, event};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Ok(environment) = Environment::from_env() else { return ExitCode::from(2) };
    let client = Client::new(environment.clone(), Limits::default());
    let Ok(mut subscription) = client.subscribe(Vec::new(), Vec::new()).await else {
        return ExitCode::FAILURE;
    };
    let caller = subscription.caller();
    let mut over = false;
    while let Ok(event) = subscription.next().await {
        let (task, state) = match answer(event, over) {
            Answer::Update(task, state) => (task, state),
            Answer::Nothing => continue,
            Answer::End => return ExitCode::SUCCESS,
        };
        over |= state == v1::TaskState::TaskKilled;
        let update = call::Update { status: status(&environment, task, state) };
        let call =
            v1::executor::Call { update: Some(update), ..environment.call(call::Type::Update) };
        if caller.call(call).await.is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::FAILURE
}

enum Answer {
    Update(v1::TaskId, v1::TaskState),
    Nothing,
    End,
}

/// `over`: the end of the task was told, and only its acknowledgement is waited for.
fn answer(event: Event, over: bool) -> Answer {
    match (event.r#type(), event.launch, event.kill) {
        (event::Type::Launch, Some(launch), _) => {
            Answer::Update(launch.task.task_id, v1::TaskState::TaskRunning)
        }
        (event::Type::Kill, _, Some(kill)) if !over => {
            Answer::Update(kill.task_id, v1::TaskState::TaskKilled)
        }
        (event::Type::Acknowledged, ..) if over => Answer::End,
        (event::Type::Shutdown | event::Type::Error, ..) => Answer::End,
        _ => Answer::Nothing,
    }
}

fn status(environment: &Environment, task: v1::TaskId, state: v1::TaskState) -> v1::TaskStatus {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    v1::TaskStatus {
        task_id: task,
        state: state.into(),
        agent_id: Some(v1::AgentId { value: environment.agent_id.clone() }),
        executor_id: Some(v1::ExecutorId { value: environment.executor_id.clone() }),
        source: Some(v1::task_status::Source::Executor.into()),
        timestamp: Some(since_1970.unwrap_or_default().as_secs_f64()),
        uuid: Some(uuid::Uuid::new_v4().into_bytes().to_vec().into()),
        ..v1::TaskStatus::default()
    }
}
