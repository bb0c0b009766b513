//! A master's stream, as the framework takes it while a topology of one task is accepted.

use std::collections::{BTreeMap, VecDeque};

use lathe_mesos::v1;
use lathe_scheduler::framework::command::Command;
use lathe_scheduler::framework::event::{
    Edit, Event, Free, HostInfo, HostState, Question, Submission,
};
use lathe_scheduler::framework::ids::{AgentId, AskId, FrameworkId, HostName, Time};
use lathe_scheduler::framework::records::{ArtifactRecord, Recovered};
use lathe_scheduler::framework::{Config, Framework};
use lathe_scheduler::mesos_calls::event_of;
use lathe_scheduler::planner;
use prost::Message as _;

use super::mesos::records;

/// Steps of one input; what asks itself for ever more is a finding of its own.
const STEPS_MAX: usize = 2_000;

const SOURCE: &str = "[topology]\nname = \"first\"\n[task.page]\ncrate = \"app\"\n\
                      version = \"1.0.0\"\ntask = \"my::Page\"\ntasks = 2\n";

/// Writes are durable and plans made at once.
struct Rig {
    framework: Framework,
    now: Time,
    steps: usize,
}

impl Rig {
    fn step(&mut self, event: Event) {
        let mut waiting = VecDeque::from([event]);
        while let Some(event) = waiting.pop_front() {
            self.steps += 1;
            assert!(self.steps < STEPS_MAX, "it never comes to rest");
            let mut commands = Vec::new();
            self.framework.step(self.now, event, &mut commands);
            waiting.extend(commands.into_iter().filter_map(|command| match command {
                Command::Persist { batch, .. } => Some(Event::Persisted(batch)),
                Command::ListHosts => Some(Event::HostsListed(hosts())),
                Command::Plan { job, input } => {
                    Some(Event::Planned { job, verdict: planner::plan(&input) })
                }
                _ => None,
            }));
        }
    }
}

/// Two hosts, whose agents are `a-1` and `a-2`.
fn hosts() -> Vec<HostInfo> {
    let host = |number: u16| HostInfo {
        name: HostName(format!("host-{number}")),
        agent: AgentId(format!("a-{number}")),
        address: "127.0.0.1".to_owned(),
        endpoint: format!("127.0.0.1:{}", 5_050 + number),
        total: Free {
            cpus_milli: 4_000,
            mem_bytes: 8 << 30,
            disk_bytes: 8 << 30,
            ports: vec![(31_000, 31_999)],
        },
        attributes: BTreeMap::new(),
        state: HostState::Active,
    };
    vec![host(1), host(2)]
}

/// Events of a master, one after another, with time between them.
pub(super) fn events(bytes: &[u8]) {
    let mut rig = Rig { framework: Framework::new(Config::default()), now: 1_000_000, steps: 0 };
    rig.step(Event::Recovered(Recovered { term: 1, ..Recovered::default() }));
    let framework_id = FrameworkId("f".to_owned());
    rig.step(Event::Subscribed { framework_id, master: "m:5050".to_owned() });
    let artifact = ArtifactRecord {
        crate_name: "app".to_owned(),
        version: "1.0.0".to_owned(),
        sha256: "0".repeat(64),
        size: 1,
        source_key: "k".to_owned(),
        tasks: vec!["my::Page".to_owned()],
        sdk: true,
    };
    let submission = Submission {
        name: "first".to_owned(),
        source: SOURCE.to_owned(),
        artifacts: vec![artifact],
    };
    let question = Question::Submit {
        edit: Edit::Source(submission),
        max_moves: 0,
        wait_ms: 0,
        id: String::new(),
        may_stop: false,
        queues: false,
    };
    rig.step(Event::Asked { ask: AskId(1), question });
    for record in records(bytes).into_iter().take(64) {
        let Ok(event) = v1::scheduler::Event::decode(record) else { continue };
        if let Some(event) = event_of(event, "*", "m:5050") {
            rig.step(event);
        }
        rig.now += 1_000;
        rig.step(Event::TimePassed);
        drop(rig.framework.status());
    }
}
