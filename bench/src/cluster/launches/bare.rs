//! A framework that places nothing: it fills each offer with its share of the tasks.
//!
//! Owns its subscription and its count. It keeps nothing and decides nothing else.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lathe_mesos::Limits;
use lathe_mesos::scheduler::{Caller, Client, Endpoint, Subscription};
use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Call, call, event};

use crate::failure::{Failure, with_causes};

const ROLE: &str = "bare";
/// As Lathe's are.
const EXECUTOR: &str = "lathe-executor";
/// For a loaded machine.
const LIMIT: Duration = Duration::from_secs(600);
/// What it does not use is not offered again in a round.
const REFUSED: Duration = Duration::from_secs(600);

/// What it launches, and where.
#[derive(Clone, Debug)]
pub(super) struct Bare {
    pub(super) master: String,
    /// Which agents copy, once, as they do with what they are to fetch.
    pub(super) executor: PathBuf,
    pub(super) agents: usize,
    pub(super) tasks: u32,
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::Unexpected(format!("the bare framework: {}", with_causes(error)))
}

impl Bare {
    /// From asking for offers to the last task's being told to run, in seconds. Nothing of it is left.
    pub(super) async fn round(&self) -> Result<f64, Failure> {
        let endpoint = Endpoint { masters: vec![self.master.clone()], ..Endpoint::default() };
        let client = Client::new(endpoint, Limits::default()).map_err(|error| failed(&error))?;
        let subscribed = client.subscribe(framework(), vec![ROLE.to_owned()]).await;
        let mut subscription = subscribed.map_err(|error| failed(&error))?;
        let first = subscription.next().await.map_err(|error| failed(&error))?;
        let id = first.subscribed.map(|told| told.framework_id);
        let id = id.ok_or_else(|| Failure::Unexpected("it is not subscribed".to_owned()))?;
        let caller = subscription.caller();
        let way = Way { id, caller };
        let started = Instant::now();
        way.send(
            call::Type::Revive,
            Call { revive: Some(call::Revive { roles: Vec::new() }), ..Call::default() },
        );
        let launched = tokio::time::timeout(LIMIT, self.launch(&mut subscription, &way)).await;
        let took = started.elapsed().as_secs_f64();
        let torn = way.call(call::Type::Teardown, Call::default());
        let torn = way.caller.call(torn).await.map_err(|error| failed(&error));
        launched
            .map_err(|_| Failure::Late { what: "the last task".to_owned(), limit: LIMIT })??;
        torn.map(|()| took)
    }

    async fn launch(&self, subscription: &mut Subscription, way: &Way) -> Result<(), Failure> {
        let share = self.tasks.div_ceil(u32::try_from(self.agents).unwrap_or(1));
        let (mut next, mut running) = (0, 0);
        while running < self.tasks {
            let event = subscription.next().await.map_err(|error| failed(&error))?;
            match event.r#type() {
                event::Type::Offers => {
                    for offer in event.offers.map(|all| all.offers).unwrap_or_default() {
                        let end = self.tasks.min(next + share);
                        way.accept(
                            &offer,
                            (next..end).map(|number| self.task(&offer, number, way)),
                        );
                        next = end;
                    }
                }
                event::Type::Update => {
                    let Some(update) = event.update else { continue };
                    let state = update.status.state();
                    way.acknowledge(update.status);
                    match state {
                        v1::TaskState::TaskRunning => running += 1,
                        v1::TaskState::TaskStarting | v1::TaskState::TaskStaging => {}
                        other => {
                            let text = format!("a task of the bare framework is {other:?}");
                            return Err(Failure::Unexpected(text));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn task(&self, offer: &v1::Offer, number: u32, way: &Way) -> v1::TaskInfo {
        let name = format!("bare-{number}");
        let uri = v1::command_info::Uri {
            value: self.executor.display().to_string(),
            executable: Some(true),
            extract: Some(false),
            cache: Some(true),
            output_file: Some(EXECUTOR.to_owned()),
        };
        let command = v1::CommandInfo {
            uris: vec![uri],
            shell: Some(false),
            value: Some(format!("./{EXECUTOR}")),
            arguments: vec![EXECUTOR.to_owned()],
            ..v1::CommandInfo::default()
        };
        let executor = v1::ExecutorInfo {
            executor_id: v1::ExecutorId { value: name.clone() },
            framework_id: Some(way.id.clone()),
            r#type: Some(v1::executor_info::Type::Custom.into()),
            resources: resources(0.01, 32.0),
            command: Some(command),
            ..v1::ExecutorInfo::default()
        };
        v1::TaskInfo {
            name: name.clone(),
            task_id: v1::TaskId { value: name },
            agent_id: offer.agent_id.clone(),
            resources: resources(0.1, 32.0),
            executor: Some(executor),
            ..v1::TaskInfo::default()
        }
    }
}

/// Who it is there, and how it speaks.
struct Way {
    id: v1::FrameworkId,
    caller: Caller,
}

impl Way {
    fn call(&self, kind: call::Type, call: Call) -> Call {
        Call { framework_id: Some(self.id.clone()), r#type: Some(kind.into()), ..call }
    }

    /// Without waiting for the answer.
    fn send(&self, kind: call::Type, call: Call) {
        drop(self.caller.enqueue(&self.call(kind, call)));
    }

    fn accept(&self, offer: &v1::Offer, tasks: impl Iterator<Item = v1::TaskInfo>) {
        use v1::offer::{Operation, operation};
        let launch = operation::Launch { task_infos: tasks.collect() };
        let operation = Operation {
            r#type: Some(operation::Type::Launch.into()),
            launch: Some(launch),
            ..Operation::default()
        };
        let accept = call::Accept {
            offer_ids: vec![offer.id.clone()],
            operations: vec![operation],
            filters: Some(v1::Filters { refuse_seconds: Some(REFUSED.as_secs_f64()) }),
        };
        self.send(call::Type::Accept, Call { accept: Some(accept), ..Call::default() });
    }

    fn acknowledge(&self, status: v1::TaskStatus) {
        let (Some(agent_id), Some(uuid)) = (status.agent_id, status.uuid) else { return };
        let acknowledge = call::Acknowledge { agent_id, task_id: status.task_id, uuid };
        let call = Call { acknowledge: Some(acknowledge), ..Call::default() };
        self.send(call::Type::Acknowledge, call);
    }
}

fn framework() -> v1::FrameworkInfo {
    use v1::framework_info::{Capability, capability::Type};
    v1::FrameworkInfo {
        user: std::env::var("USER").unwrap_or_else(|_| "root".to_owned()),
        name: "bare".to_owned(),
        roles: vec![ROLE.to_owned()],
        checkpoint: Some(true),
        failover_timeout: Some(0.0),
        capabilities: vec![
            Capability { r#type: Some(Type::MultiRole.into()) },
            Capability { r#type: Some(Type::PartitionAware.into()) },
        ],
        ..v1::FrameworkInfo::default()
    }
}

fn resources(cpus: f64, mem: f64) -> Vec<v1::Resource> {
    let scalar = |name: &str, value| v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..v1::Resource::default()
    };
    vec![scalar("cpus", cpus), scalar("mem", mem)]
}
