//! Tasks in real processes, and what is left when somebody dies.

use std::fs;

use lathe_mesos::Limits;
use lathe_mesos::address::Url;
use lathe_mesos::operator;
use lathe_mesos::scheduler::Endpoint;
use lathe_mesos::v1::scheduler::{Call, call};
use lathe_mesos::v1::task_status::Reason;
use lathe_mesos::v1::{self, TaskState};
use serde_json::Value;

use crate::framework::{Framework, of_type};
use crate::stage::{PATIENCE, Stage, kill_9, signal};
use crate::wire::{Answer, basic, exchange, request};

const PLAIN: &str = r"{}";
const WITH_DESCENDANTS: &str = r#"{"descendants": true}"#;
const DEAF: &str = r#"{"descendants": true, "deaf": true}"#;

fn admin(stage: &Stage, line: &str) -> Answer {
    let headers = [("Authorization".to_owned(), basic(&stage.token))];
    exchange(stage.address, &request(line, &headers, b""), None)
}

fn state_of(stage: &Stage, host: &str) -> Value {
    let answer = admin(stage, "GET /standalone/hosts HTTP/1.1");
    let hosts: Vec<Value> = serde_json::from_str(&answer.body).unwrap();
    hosts.into_iter().find(|one| one["name"] == host).unwrap()
}

fn kill_call(task: &str) -> Call {
    let task_id = v1::TaskId { value: task.into() };
    let kill = call::Kill { task_id, ..Default::default() };
    Call { kill: Some(kill), ..of_type(call::Type::Kill) }
}

#[tokio::test]
async fn a_task_runs_in_a_sandbox_and_is_killed() {
    let stage = Stage::start(&["name=one,rack=r1", "name=two"]);
    let mut framework = Framework::subscribe(&stage).await;
    let offer = framework.run("one", "a.1", PLAIN).await;
    assert_eq!(offer.attributes[0].name, "rack");

    let message = call::Message {
        agent_id: offer.agent_id.clone(),
        executor_id: v1::ExecutorId { value: "a.1".into() },
        data: "hello".into(),
    };
    framework.call(Call { message: Some(message), ..of_type(call::Type::Message) }).await;
    let echo = framework.wait(|event| event.message.clone()).await;
    assert_eq!(&echo.data[..], b"hello");

    let listed = list_sandbox(&stage, &offer, &framework.id.value).await;
    for name in ["stdout", "stderr", "scripted-executor"] {
        assert!(listed.iter().any(|path| path.ends_with(name)), "{name} of {listed:?}");
    }
    framework.call(kill_call("a.1")).await;
    framework.update("a.1", TaskState::TaskKilled).await;
    framework.call(of_type(call::Type::Teardown)).await;
    stage.wait_for_none(|stage| {
        let mut left = stage.processes_of("one");
        left.retain(|(pid, _)| *pid != stage.host_pid("one"));
        left
    });
}

async fn list_sandbox(stage: &Stage, offer: &v1::Offer, framework: &str) -> Vec<String> {
    let endpoint = Endpoint {
        masters: vec![stage.url.clone()],
        credentials: Some(stage.credentials()),
        ..Endpoint::default()
    };
    let client = operator::Client::new(endpoint, Limits::default()).unwrap();
    let address = &offer.url.as_ref().unwrap().address;
    let url = format!("http://{}:{}/slave(1)", address.ip(), address.port);
    let path = format!("/frameworks/{framework}/executors/a.1/runs/latest");
    let call = v1::agent::Call {
        r#type: Some(v1::agent::call::Type::ListFiles.into()),
        list_files: Some(v1::agent::call::ListFiles { path }),
        ..Default::default()
    };
    let answer = client.agent_call(&Url::parse(&url, 5051).unwrap(), call).await.unwrap();
    answer.list_files.unwrap().file_infos.into_iter().map(|info| info.path).collect()
}

#[tokio::test]
async fn a_killed_executor_fails_its_task_and_leaves_no_descendant() {
    let stage = Stage::start(&["name=one"]);
    let mut framework = Framework::subscribe(&stage).await;
    framework.run("one", "a.1", WITH_DESCENDANTS).await;
    let host = stage.host_pid("one");
    let executor = |stage: &Stage| {
        let all = stage.processes_of("one");
        all.iter().find(|(_, line)| line.trim().ends_with("scripted-executor")).map(|one| one.0)
    };
    kill_9(executor(&stage).expect("the executor runs"));
    let failure = framework.failure().await;
    assert_eq!(failure.status, Some(9));
    assert_eq!(failure.executor_id.unwrap().value, "a.1");
    let status = framework.update("a.1", TaskState::TaskFailed).await;
    assert_eq!(status.reason(), Reason::ExecutorTerminated);
    stage.wait_for_none(|stage| {
        let mut left = stage.processes_of("one");
        left.retain(|(pid, _)| *pid != host);
        left
    });
    // The host is as good as before.
    framework.run("one", "a.2", PLAIN).await;
}

#[tokio::test]
async fn a_killed_host_is_gone_and_leaves_no_process() {
    let stage = Stage::start(&["name=one", "name=two"]);
    let mut framework = Framework::subscribe(&stage).await;
    let offer = framework.run("one", "a.1", DEAF).await;
    kill_9(stage.host_pid("one"));
    let status = framework.update("a.1", TaskState::TaskGoneByOperator).await;
    assert_eq!(status.reason(), Reason::AgentRemovedByOperator);
    assert_eq!(framework.failure().await.agent_id, Some(offer.agent_id));
    stage.wait_for_none(|stage| stage.processes_of("one"));
    assert_eq!(state_of(&stage, "one")["state"], "dead");
    framework.run("two", "a.2", PLAIN).await;
}

#[tokio::test]
async fn a_killed_master_leaves_no_process() {
    let mut stage = Stage::start(&["name=one", "name=two"]);
    let mut framework = Framework::subscribe(&stage).await;
    framework.run("one", "a.1", DEAF).await;
    framework.run("two", "a.2", PLAIN).await;
    kill_9(stage.master.id());
    stage.wait_for_end();
    stage.wait_for_none(Stage::processes);
}

#[tokio::test]
async fn everything_ends_in_order_on_sigterm() {
    let mut stage = Stage::start(&["name=one", "name=two"]);
    let mut framework = Framework::subscribe(&stage).await;
    framework.run("one", "a.1", WITH_DESCENDANTS).await;
    framework.run("two", "a.2", PLAIN).await;
    signal(stage.master.id(), rustix::process::Signal::TERM);
    // Executors are asked, and their last words are heard.
    framework.update("a.1", TaskState::TaskKilled).await;
    assert!(stage.wait_for_end().success(), "{}", stage.log());
    stage.wait_for_none(Stage::processes);
}

#[tokio::test]
async fn a_paused_host_is_unreachable_and_comes_back_with_its_tasks() {
    let stage = Stage::start(&["name=one"]);
    let mut framework = Framework::subscribe(&stage).await;
    framework.run("one", "a.1", PLAIN).await;
    let answer = admin(&stage, "POST /standalone/hosts/one/pause HTTP/1.1");
    assert_eq!(answer.status, 200, "{answer:?}");
    let status = framework.update("a.1", TaskState::TaskUnreachable).await;
    assert_eq!(status.reason(), Reason::AgentRemoved);
    assert_eq!(state_of(&stage, "one")["state"], "unreachable");
    let again = admin(&stage, "POST /standalone/hosts/one/pause HTTP/1.1");
    assert_eq!(again.status, 409);
    assert_eq!(admin(&stage, "POST /standalone/hosts/one/resume HTTP/1.1").status, 200);
    let log = stage.log();
    let audit: Vec<&str> = log.lines().filter(|line| line.contains(" audit: ")).collect();
    assert_eq!(audit.len(), 2, "one line for each write that was done\n{log}");
    for (line, what) in audit.iter().zip(["pause", "resume"]) {
        let told = format!("what=\"{what}\" subject=\"one\"");
        assert!(line.contains("who=\"token\" peer=\"127.0.0.1:") && line.contains(&told), "{line}");
    }
    assert!(!log.contains(&stage.token), "the token stands in the log");
    let status = framework.update("a.1", TaskState::TaskRunning).await;
    assert_eq!(status.reason(), Reason::AgentReregistered);
    framework.call(kill_call("a.1")).await;
    framework.update("a.1", TaskState::TaskKilled).await;
}

#[tokio::test]
async fn a_host_that_was_killed_by_order_can_be_started_again() {
    let stage = Stage::start(&["name=one"]);
    let mut framework = Framework::subscribe(&stage).await;
    let offer = framework.run("one", "a.1", DEAF).await;
    assert_eq!(admin(&stage, "POST /standalone/hosts/one/kill HTTP/1.1").status, 200);
    framework.update("a.1", TaskState::TaskGoneByOperator).await;
    framework.failure().await;
    stage.wait_for_none(|stage| stage.processes_of("one"));
    let mut answer = admin(&stage, "POST /standalone/hosts/one/resume HTTP/1.1");
    // The last process is gone a moment before the master knows.
    let since = std::time::Instant::now();
    while answer.status == 409 && since.elapsed() < PATIENCE {
        answer = admin(&stage, "POST /standalone/hosts/one/resume HTTP/1.1");
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    let again = framework.run("one", "a.2", PLAIN).await;
    assert_ne!(again.agent_id, offer.agent_id);
    assert_eq!(admin(&stage, "POST /standalone/hosts/nobody/kill HTTP/1.1").status, 404);
    assert_eq!(admin(&stage, "POST /standalone/hosts/one/dance HTTP/1.1").status, 404);
}

#[tokio::test]
async fn a_deaf_executor_is_killed_after_its_grace() {
    let stage = Stage::start(&["name=one"]);
    let mut framework = Framework::subscribe(&stage).await;
    let offer = framework.run("one", "a.1", DEAF).await;
    let shutdown = call::Shutdown {
        executor_id: v1::ExecutorId { value: "a.1".into() },
        agent_id: offer.agent_id,
    };
    framework.call(Call { shutdown: Some(shutdown), ..of_type(call::Type::Shutdown) }).await;
    assert_eq!(framework.failure().await.status, Some(9));
    framework.update("a.1", TaskState::TaskFailed).await;
    let host = stage.host_pid("one");
    stage.wait_for_none(|stage| {
        let mut left = stage.processes_of("one");
        left.retain(|(pid, _)| *pid != host);
        left
    });
}

#[tokio::test]
async fn old_sandboxes_are_removed_but_for_the_last_few() {
    let stage = Stage::start(&["name=one"]);
    let mut framework = Framework::subscribe(&stage).await;
    let finished = r#"{"states": ["TASK_FINISHED"]}"#;
    for life in 1..=8 {
        let task = format!("a#0.{life}");
        let offer = framework.launch("one", &task, finished).await;
        framework.update(&task, TaskState::TaskFinished).await;
        let shutdown = call::Shutdown {
            executor_id: v1::ExecutorId { value: task },
            agent_id: offer.agent_id,
        };
        framework.call(Call { shutdown: Some(shutdown), ..of_type(call::Type::Shutdown) }).await;
        framework.failure().await;
    }
    let folder =
        stage.host_dir("one").join("frameworks").join(&framework.id.value).join("executors");
    let names = |_: &Stage| {
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    stage.wait_for_none(|stage| {
        let left = names(stage);
        if left.len() <= 5 { Vec::new() } else { left }
    });
    assert_eq!(names(&stage), ["a#0.4", "a#0.5", "a#0.6", "a#0.7", "a#0.8"]);
}
