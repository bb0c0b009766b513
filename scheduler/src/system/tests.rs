//! Tests of when registries are submitted, and how many.

use lathe_api::rest::{HostView, SchedulerView, TaskView, TopologyView};

use super::*;
use crate::driver::Message;
use crate::framework::command::Refused;

fn status(hosts: usize, placed: Option<u32>) -> StatusView {
    let host = |at| HostView {
        name: format!("h{at}"),
        cpus_milli: 4000,
        mem_bytes: 1 << 32,
        disk_bytes: 1 << 32,
        ports: 100,
        attributes: Default::default(),
        instances: Vec::new(),
        state: "active".to_owned(),
        maintenance: None,
    };
    let topology = |wanted| TopologyView {
        name: TOPOLOGY.to_owned(),
        revision: 1,
        tasks: vec![TaskView {
            task: REGISTRY.to_owned(),
            topology: TOPOLOGY.to_owned(),
            crate_name: "lathe-registry".to_owned(),
            version: "0.1.0".to_owned(),
            wanted,
            ready: wanted,
            own: serde_json::Map::new(),
            rollout: None,
        }],
        submitted_ms: 0,
        paused: false,
    };
    StatusView {
        scheduler: SchedulerView {
            framework_id: None,
            master: None,
            connected: true,
            term: 1,
            waiting_for: None,
            losses: None,
        },
        topologies: placed.into_iter().map(topology).collect(),
        instances: Vec::new(),
        hosts: (0..hosts).map(host).collect(),
    }
}

/// Looks once a second while there are so many hosts in turn, before a framework that takes up to `fit`
/// registries; the counts that were submitted.
async fn counts(hosts: &[usize], fit: u32) -> Vec<u32> {
    let (handle, mut asked) = Handle::unheard();
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("program");
    std::fs::write(&program, b"a program").expect("it is written");
    let artifacts = Artifacts::open(&folder.path().join("artifacts"), &program).expect("a folder");
    let (sha256, size) = artifacts.keep(&program).await.expect("it is kept");
    assert_eq!(artifacts.keep(&program).await.expect("again"), (sha256.clone(), size));
    let built = artifact(sha256, size);
    let mut system = System::new(handle, artifacts, program, 3, None);
    let (mut placed, mut counts, start) = (None, Vec::new(), Instant::now());
    for (second, hosts) in hosts.iter().enumerate() {
        let mut look = std::pin::pin!(system.look(&built, start + LOOK * second as u32));
        loop {
            tokio::select! {
                done = &mut look => {
                    done.expect("the loop turns");
                    break;
                }
                message = asked.recv() => answer(message, (*hosts, fit), &mut placed, &mut counts).await,
            }
        }
    }
    counts
}

async fn answer(
    message: Option<Message>,
    (hosts, fit): (usize, u32),
    placed: &mut Option<u32>,
    counts: &mut Vec<u32>,
) {
    match message.expect("something is asked") {
        Message::Status(answer) => answer.send(status(hosts, *placed)).expect("it waits"),
        Message::Ask { question: Question::Submit { edit, .. }, answers, caller } => {
            assert_eq!(&*caller.who, "scheduler");
            let Edit::Source(submission) = edit else { panic!("a file is submitted") };
            let read = lathe_topology::parse(&submission.name, &submission.source);
            let topology = read.expect("it is a topology").topology;
            assert_eq!(topology.name, TOPOLOGY);
            let count = topology.tasks[0].count;
            counts.push(count);
            let answer = if count <= fit {
                *placed = Some(count);
                Answer::Done { revision: 1, changed: true, ready: count }
            } else {
                let refusal = crate::framework::plain(lathe_topology::Code::BLOCKED, "no room", "");
                Answer::Refused(Refused { verdict: "refused".to_owned(), refusal })
            };
            answers.send(answer).await.expect("it waits");
        }
        other => panic!("{other:?} is asked"),
    }
}

#[tokio::test]
async fn as_many_as_are_wanted_are_submitted_once() {
    assert_eq!(counts(&[5; 40], 9).await, [3]);
}

#[tokio::test]
async fn with_fewer_hosts_there_are_as_many_as_fit_and_more_when_hosts_come() {
    assert_eq!(counts(&[0, 1, 1, 2, 2, 4, 4, 1], 9).await, [1, 2, 3]);
}

#[tokio::test]
async fn where_there_is_no_room_fewer_are_tried_and_more_again_later() {
    assert_eq!(counts(&[4; 40], 2).await, [3, 2, 3]);
}
