//! Calls of schedulers and executors, as standalone's master takes them.

use std::collections::BTreeMap;

use lathe_mesos::v1;
use lathe_standalone::cluster::{
    Answer, Cluster, Command, Config, Event, ExecutorKey, HostCommand, HostName, HostSpec,
    RequestId, StreamId, check_executor_call, check_scheduler_call,
};
use prost::Message as _;

use super::mesos::records;

/// The host that the calls find.
pub(crate) fn one_host() -> Event {
    let spec = HostSpec {
        hostname: "127.0.0.1".to_owned(),
        ip: "127.0.0.1".to_owned(),
        port: 1,
        cpus_milli: 4_000,
        mem_bytes: 1 << 30,
        disk_bytes: 1 << 30,
        ports: vec![(31_000, 31_999)],
        attributes: BTreeMap::new(),
    };
    Event::HostRegistered { host: HostName("one".to_owned()), spec: Box::new(spec) }
}

/// A record of calls: a scheduler's, or an executor's where it is none.
pub(super) fn calls(bytes: &[u8]) {
    let mut cluster = Cluster::new(Config::new(1));
    let mut out = Vec::new();
    let host = HostName("one".to_owned());
    cluster.step(1, one_host(), &mut out);
    let mut stream: Option<StreamId> = None;
    let mut started: Option<ExecutorKey> = None;
    for (at, record) in (2..).zip(records(bytes).into_iter().take(64)) {
        if let Some(executor) = &started
            && let Ok(call) = v1::executor::Call::decode(record.clone())
            && check_executor_call(&call).is_ok()
        {
            executor_call(&mut cluster, at, (&host, executor), call);
        }
        let Ok(call) = v1::scheduler::Call::decode(record) else { continue };
        if check_scheduler_call(&call, Some("lathe")).is_err() {
            continue;
        }
        let principal = Some("lathe".to_owned());
        let (request, call) = (RequestId(at), Box::new(call));
        let stream_now = stream.clone();
        let event = Event::SchedulerCalled { request, principal, stream: stream_now, call };
        cluster.step(at * 1_000, event, &mut out);
        for command in out.drain(..) {
            match command {
                Command::Answer { answer: Answer::Subscribed { stream: id }, .. } => {
                    stream = Some(id);
                }
                Command::Host { command: HostCommand::StartExecutor { executor, .. }, .. } => {
                    started = Some(executor);
                }
                _ => {}
            }
        }
        drop(cluster.get_tasks());
    }
}

fn executor_call(
    cluster: &mut Cluster,
    at: u64,
    (host, executor): (&HostName, &ExecutorKey),
    call: v1::executor::Call,
) {
    let (host, executor) = (host.clone(), executor.clone());
    let event = if let Some(subscribe) = call.subscribe {
        Event::ExecutorSubscribed { host, executor, subscribe: Box::new(subscribe) }
    } else if let Some(update) = call.update {
        Event::ExecutorUpdated { host, executor, status: Box::new(update.status) }
    } else if let Some(message) = call.message {
        Event::ExecutorMessaged { host, executor, data: message.data.to_vec() }
    } else {
        return;
    };
    cluster.step(at * 1_000, event, &mut Vec::new());
}
