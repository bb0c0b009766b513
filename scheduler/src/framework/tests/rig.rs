//! A framework with a store and a master that do what they are told, at once.

use std::collections::{BTreeMap, VecDeque};

use lathe_api::rest::EventView;

use crate::framework::command::{Answer, Call, Command, PlanInput};
use crate::framework::event::{
    Edit, Event, Free, HostInfo, HostState, Offer, Question, Status, Submission, TaskState, Window,
};
use crate::framework::ids::{AgentId, AskId, BatchId, FrameworkId, HostName, JobId, OfferId, Time};
use crate::framework::records::{ArtifactRecord, Recovered, Write};
use crate::framework::{Config, Framework};
use crate::planner;

const MIB: u64 = 1024 * 1024;

/// A topology of one task `page` with so many instances; other keys may be appended.
pub(super) fn page(count: u32) -> String {
    format!(
        "[topology]\nname = \"first\"\n[task.page]\ncrate = \"app\"\nversion = \"1.0.0\"\n\
         task = \"my::Page\"\ntasks = {count}\n"
    )
}

pub(super) struct Rig {
    pub(super) framework: Framework,
    pub(super) now: Time,
    /// Every command but writes, plans and answers, which are kept apart.
    pub(super) seen: Vec<Command>,
    pub(super) answers: Vec<Answer>,
    pub(super) writes_seen: usize,
    pub(super) writes: VecDeque<(BatchId, Vec<Write>)>,
    /// Launched incarnations that were told nothing yet, and to be ended.
    pub(super) launched: Vec<String>,
    pub(super) to_end: Vec<String>,
    pub(super) hosts: usize,
    /// What is planned for hosts, by number.
    pub(super) windows: BTreeMap<usize, Window>,
    /// Of those that are not active, by number.
    pub(super) states: BTreeMap<usize, HostState>,
    offers: u64,
    asks: u64,
    /// Lists of hosts that were asked for.
    pub(super) lists: u32,
    pub(super) published: Vec<EventView>,
    /// Answers of the planner that are late; none where they come at once.
    pub(super) late_plans: Option<Vec<Event>>,
}

impl Rig {
    pub(super) fn connected(hosts: usize) -> Self {
        let config = Config { replace_after_ms: 0, ..Config::default() };
        let mut rig = Self {
            framework: Framework::new(config),
            now: 1_000_000,
            seen: Vec::new(),
            answers: Vec::new(),
            writes_seen: 0,
            writes: VecDeque::new(),
            launched: Vec::new(),
            to_end: Vec::new(),
            hosts,
            windows: BTreeMap::new(),
            states: BTreeMap::new(),
            published: Vec::new(),
            late_plans: None,
            offers: 0,
            asks: 0,
            lists: 0,
        };
        rig.step(Event::Recovered(Recovered { term: 1, ..Recovered::default() }));
        let framework_id = FrameworkId("f-1".to_owned());
        rig.step(Event::Subscribed { framework_id, master: "m:5050".to_owned() });
        rig.write_all();
        rig
    }

    /// With the topology accepted and everything of it ready.
    pub(super) fn running(source: &str) -> Self {
        let mut rig = Self::connected(3);
        rig.submit(source);
        rig.settle();
        rig.seen.clear();
        rig
    }

    pub(super) fn step(&mut self, event: Event) {
        let mut out = Vec::new();
        self.framework.step(self.now, event, &mut out);
        assert_eq!(self.framework.misjudged(self.now), None, "a judgement is out of date");
        for command in out {
            self.take(command);
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Persist { batch, writes } => {
                self.writes_seen += 1;
                self.writes.push_back((batch, writes));
            }
            Command::Plan { job, input } => self.plan(job, &input),
            Command::Answer { answer, .. } => self.answers.push(answer),
            Command::ListHosts => {
                self.lists += 1;
                self.step(Event::HostsListed(self.host_list()));
            }
            Command::Publish(event) => self.published.push(event),
            Command::AskQuota => {}
            other => {
                match &other {
                    Command::Call(Call::Accept { launches, .. }) => {
                        let ids = launches.iter().map(|launch| launch.spec.incarnation.clone());
                        self.launched.extend(ids);
                    }
                    Command::Call(Call::Kill { incarnation, .. }) => {
                        self.to_end.push(incarnation.to_string());
                    }
                    _ => {}
                }
                self.seen.push(other);
            }
        }
    }

    fn plan(&mut self, job: JobId, input: &PlanInput) {
        let planned = Event::Planned { job, verdict: planner::plan(input) };
        match &mut self.late_plans {
            Some(late) => late.push(planned),
            None => self.step(planned),
        }
    }

    pub(super) fn host_list(&self) -> Vec<HostInfo> {
        (1..=self.hosts)
            .map(|at| HostInfo {
                name: HostName(format!("host-{at}")),
                agent: AgentId(format!("agent-{at}")),
                address: "127.0.0.1".to_owned(),
                endpoint: format!("127.0.0.1:{at}"),
                total: free(at),
                attributes: BTreeMap::new(),
                state: self.states.get(&at).copied().unwrap_or(HostState::Active),
            })
            .collect()
    }

    /// One offer of everything from every host.
    pub(super) fn offer_all(&mut self) {
        self.offer_all_but(&AgentId(String::new()));
    }

    /// The same, while one of them is silent.
    pub(super) fn offer_all_but(&mut self, silent: &AgentId) {
        let mut offers = Vec::new();
        for at in 1..=self.hosts {
            let agent = AgentId(format!("agent-{at}"));
            if agent != *silent {
                self.offers += 1;
                let id = OfferId(format!("o-{}", self.offers));
                let window = self.windows.get(&at).copied();
                let hostname = format!("host-{at}");
                offers.push(Offer { id, agent, hostname, free: free(at), window });
            }
        }
        self.step(Event::OffersArrived(offers));
    }

    pub(super) fn submission(&self, source: &str) -> Submission {
        self.submission_named("first", source)
    }

    pub(super) fn submission_named(&self, name: &str, source: &str) -> Submission {
        let artifacts = ["1.0.0", "1.1.0"].map(|version| ArtifactRecord {
            crate_name: "app".to_owned(),
            version: version.to_owned(),
            sha256: "0".repeat(64),
            size: 1,
            source_key: version.to_owned(),
            tasks: vec!["my::Page".to_owned()],
            sdk: true,
        });
        Submission {
            name: name.to_owned(),
            source: source.to_owned(),
            artifacts: artifacts.to_vec(),
        }
    }

    pub(super) fn submit_named(&mut self, name: &str, source: &str) {
        let edit = Edit::Source(self.submission_named(name, source));
        self.edit(edit);
    }

    pub(super) fn submit(&mut self, source: &str) {
        self.submit_as(source, true);
    }

    pub(super) fn submit_as(&mut self, source: &str, may_stop: bool) {
        let submission = self.submission(source);
        let id = format!("id-{}", self.asks);
        self.ask(Question::Submit {
            edit: Edit::Source(submission),
            max_moves: 0,
            wait_ms: 0,
            queues: false,
            id,
            may_stop,
        });
    }

    pub(super) fn submit_moving(&mut self, source: &str, max_moves: u32) {
        let submission = self.submission(source);
        let id = format!("id-{}", self.asks);
        self.ask(Question::Submit {
            edit: Edit::Source(submission),
            max_moves,
            wait_ms: 0,
            queues: false,
            id,
            may_stop: true,
        });
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        self.edit_as(edit, true, "");
    }

    pub(super) fn edit_as(&mut self, edit: Edit, may_stop: bool, id: &str) {
        let id = id.to_owned();
        self.ask(Question::Submit { edit, max_moves: 0, wait_ms: 0, queues: false, id, may_stop });
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.asks += 1;
        self.step(Event::Asked { ask: AskId(self.asks), question });
    }

    pub(super) fn last_ask(&self) -> AskId {
        AskId(self.asks)
    }

    pub(super) fn unwritten(&self) -> Vec<Write> {
        self.writes.iter().flat_map(|(_, writes)| writes.clone()).collect()
    }

    pub(super) fn write_all(&mut self) {
        while let Some((batch, _)) = self.writes.pop_front() {
            self.step(Event::Persisted(batch));
        }
    }

    pub(super) fn status(&self, id: &str, state: TaskState, uuid: Option<u8>) -> Status {
        Status {
            task_id: id.to_owned(),
            incarnation: id.parse().ok(),
            state,
            agent: Some(AgentId("agent-1".to_owned())),
            uuid: uuid.map(|byte| vec![byte; 16]),
            message: String::new(),
            reason: None,
            reconciliation: false,
        }
    }

    pub(super) fn end(&mut self, id: &str, state: TaskState) {
        let status = self.status(id, state, Some(1));
        self.step(Event::StatusArrived(status));
    }

    /// Until nothing more happens by itself: writes, offers, starts and ends.
    pub(super) fn settle(&mut self) {
        for _ in 0..50 {
            self.settle_without_time();
            self.now += 500;
            self.step(Event::TimePassed);
        }
    }

    pub(super) fn settle_without_time(&mut self) {
        for _ in 0..20 {
            self.write_all();
            self.offer_all();
            self.write_all();
            self.start_launched();
            for id in std::mem::take(&mut self.to_end) {
                self.end(&id, TaskState::Killed);
            }
        }
    }

    /// The next kill is obeyed, and its replacement becomes ready.
    pub(super) fn settle_one_kill(&mut self) {
        let id = self.to_end.remove(0);
        self.end(&id, TaskState::Killed);
        for _ in 0..20 {
            self.write_all();
            self.offer_all();
            self.write_all();
            self.start_launched();
            self.now += 100;
            self.step(Event::TimePassed);
        }
    }

    fn start_launched(&mut self) {
        for id in std::mem::take(&mut self.launched) {
            for state in [TaskState::Starting, TaskState::Running] {
                let status = self.status(&id, state, Some(1));
                self.step(Event::StatusArrived(status));
                self.write_all();
            }
        }
    }

    pub(super) fn accepted(&self) -> usize {
        let launches = self.seen.iter().map(|command| match command {
            Command::Call(Call::Accept { launches, .. }) => launches.len(),
            _ => 0,
        });
        launches.sum()
    }

    pub(super) fn acknowledged(&self) -> Vec<String> {
        let ids = self.seen.iter().filter_map(|command| match command {
            Command::Call(Call::Acknowledge { task_id, .. }) => Some(task_id.clone()),
            _ => None,
        });
        ids.collect()
    }

    pub(super) fn kills(&self) -> Vec<String> {
        let ids = self.seen.iter().filter_map(|command| match command {
            Command::Call(Call::Kill { incarnation, .. }) => Some(incarnation.to_string()),
            _ => None,
        });
        ids.collect()
    }

    pub(super) fn instances(&self) -> Vec<lathe_api::rest::InstanceView> {
        self.framework.status().instances
    }
}

fn free(at: usize) -> Free {
    let low = 20_000 + u16::try_from(at).unwrap() * 1_000;
    Free {
        cpus_milli: 4_000,
        mem_bytes: 8 * 1024 * MIB,
        disk_bytes: 16 * 1024 * MIB,
        ports: vec![(low, low + 999)],
    }
}
