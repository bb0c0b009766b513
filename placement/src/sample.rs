//! Small clusters and topologies for tests, written shortly.
//!
//! Owns no expectations; those stand in the tests.

use std::collections::BTreeMap;

use lathe_topology::{
    Bias, CrateSource, Port, Resources, Restart, Target, TaskSpec, Topology, Word,
};
use serde_json::Map;

use crate::{
    Assignment, Capacity, Change, Cluster, Host, Options, Plan, Refusal, Running, RunningInstance,
    Verdict, place, verify,
};

pub(crate) fn host(name: &str, cpus_milli: u64) -> Host {
    let capacity = Capacity {
        cpus_milli,
        mem_bytes: 8 << 30,
        disk_bytes: 16 << 30,
        ports: vec![(31_000, 31_999)],
    };
    Host { name: name.to_owned(), capacity, attributes: BTreeMap::new() }
}

/// Hosts `h1` to `hN` of four cpus.
pub(crate) fn cluster(count: usize) -> Cluster {
    Cluster { hosts: (1..=count).map(|at| host(&format!("h{at}"), 4000)).collect() }
}

pub(crate) fn with_attribute(mut cluster: Cluster, name: &str, values: &[&str]) -> Cluster {
    for (host, value) in cluster.hosts.iter_mut().zip(values).filter(|(_, value)| !value.is_empty())
    {
        host.attributes.insert(name.to_owned(), (*value).to_owned());
    }
    cluster
}

/// A bias such as `never db`, `avoid lb 20`, `always db @rack` or `never @disk=ssd`.
pub(crate) fn bias(text: &str, at: usize) -> Bias {
    let mut parts = text.split(' ');
    let word = parts.next().unwrap();
    let word = Word::ALL.into_iter().find(|known| known.as_str() == word).unwrap();
    let target = parts.next().unwrap();
    let target = match target.strip_prefix('@') {
        None => Target::Tag(target.parse().unwrap()),
        Some(name) => {
            let (name, value) = name.split_once('=').map_or((name, None), |(n, v)| (n, Some(v)));
            Target::Attribute { name: name.to_owned(), value: value.map(str::to_owned) }
        }
    };
    let mut made = Bias { target, word, weight: 50, domain: None, span: at..at + 1 };
    for part in parts {
        match part.strip_prefix('@') {
            Some(domain) => made.domain = Some(domain.to_owned()),
            None => made.weight = part.parse().unwrap(),
        }
    }
    made
}

pub(crate) fn needs(cpus_milli: u64) -> Resources {
    let ports = vec![Port { name: "http".to_owned(), fixed: None }];
    Resources { cpus_milli, mem_bytes: 64 << 20, disk_bytes: 16 << 20, ports }
}

pub(crate) fn task(path: &str, count: u32, tags: &[&str], biases: &[&str]) -> TaskSpec {
    TaskSpec {
        path: path.parse().unwrap(),
        crate_name: "c".to_owned(),
        version: "1.0.0".to_owned(),
        task: "my::Task".to_owned(),
        count,
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        biases: biases.iter().enumerate().map(|(at, text)| bias(text, 10 + at)).collect(),
        resources: needs(100),
        source: CrateSource::default(),
        env: BTreeMap::new(),
        args: Vec::new(),
        user: None,
        grace_ms: 5000,
        restart: Restart::Always,
        health: None,
        update: None,
        unreachable: None,
        own: Map::new(),
        span: 0..1,
    }
}

pub(crate) fn sized(mut task: TaskSpec, cpus_milli: u64) -> TaskSpec {
    task.resources.cpus_milli = cpus_milli;
    task
}

pub(crate) fn at_port(mut task: TaskSpec, port: u16) -> TaskSpec {
    task.resources.ports = vec![Port { name: "http".to_owned(), fixed: Some(port) }];
    task
}

pub(crate) fn topology(name: &str, tasks: &[TaskSpec]) -> Topology {
    let mut tasks = tasks.to_vec();
    tasks.sort_by(|a, b| a.path.cmp(&b.path));
    Topology { name: name.to_owned(), crates_paths: Vec::new(), tasks }
}

pub(crate) fn runs(topology: &str, spec: &TaskSpec, slot: u32, host: &str) -> RunningInstance {
    RunningInstance {
        topology: topology.to_owned(),
        task: spec.path.clone(),
        slot,
        host: host.to_owned(),
        tags: spec.carried_tags(),
        biases: spec.biases.clone(),
        resources: spec.resources.clone(),
        keep: true,
    }
}

/// What runs once a plan is carried out.
pub(crate) fn carried_out(topologies: &[Topology], running: &Running, plan: &Plan) -> Running {
    let mut after = running.clone();
    let stopped = |one: &RunningInstance| {
        plan.stops.iter().any(|stop| {
            (&stop.topology, &stop.task, stop.slot, &stop.host)
                == (&one.topology, &one.task, one.slot, &one.host)
        })
    };
    let given = |one: &RunningInstance| topologies.iter().any(|t| t.name == one.topology);
    after.instances.retain(|one| !(one.keep && (given(one) || stopped(one))));
    for one in &plan.assignments {
        let of = topologies.iter().find(|topology| topology.name == one.topology).unwrap();
        let spec = of.tasks.iter().find(|spec| spec.path == one.task).unwrap();
        after.instances.push(runs(&of.name, spec, one.slot, &one.host));
    }
    after
}

/// A case with its parts, asked in one go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Case {
    pub(crate) cluster: Cluster,
    pub(crate) topologies: Vec<Topology>,
    pub(crate) running: Running,
    pub(crate) options: Options,
}

impl Case {
    pub(crate) fn new(cluster: Cluster, tasks: &[TaskSpec]) -> Self {
        Self { cluster, topologies: vec![topology("t", tasks)], ..Self::default() }
    }

    pub(crate) fn running(mut self, instances: &[RunningInstance]) -> Self {
        self.running.instances = instances.to_vec();
        self
    }

    pub(crate) fn moves(mut self, moves: u32) -> Self {
        self.options.max_moves = moves;
        self
    }

    pub(crate) fn ask(&self) -> Verdict {
        place(&self.cluster, &self.topologies, &self.running, &self.options)
    }

    pub(crate) fn check(&self, plan: &Plan) -> Vec<String> {
        verify(&self.cluster, &self.topologies, &self.running, &self.options, plan)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|breach| breach.text)
            .collect()
    }

    pub(crate) fn placed(&self) -> Plan {
        match self.ask() {
            Verdict::Placed(plan) => {
                assert_eq!(self.check(&plan), Vec::<String>::new());
                plan
            }
            other => panic!("not placed: {other:?}"),
        }
    }

    pub(crate) fn impossible(&self) -> Refusal {
        match self.ask() {
            Verdict::Impossible(refusal) => refusal,
            other => panic!("not impossible: {other:?}"),
        }
    }

    pub(crate) fn blocked(&self) -> Refusal {
        match self.ask() {
            Verdict::Blocked(refusal) => refusal,
            other => panic!("not blocked: {other:?}"),
        }
    }
}

/// `path#slot@host` of each assignment, `-path#slot@host` of each stop, `>` before a move.
pub(crate) fn shown(plan: &Plan) -> Vec<String> {
    let assigned = plan.assignments.iter().map(|one: &Assignment| {
        let mark = match one.change {
            Change::Start => "+",
            Change::Keep => "=",
            Change::Move { .. } => ">",
        };
        format!("{mark}{}#{}@{}", one.task, one.slot, one.host)
    });
    let stops = plan.stops.iter().map(|one| format!("-{}#{}@{}", one.task, one.slot, one.host));
    assigned.chain(stops).collect()
}

/// How many instances whose path begins so are on each host, hosts in order of their names.
pub(crate) fn spread(case: &Case, plan: &Plan, path: &str) -> Vec<usize> {
    let hosts = case.cluster.hosts.iter().map(|host| {
        let there = plan.assignments.iter().filter(|one| one.host == host.name);
        there.filter(|one| one.task.as_str().starts_with(path)).count()
    });
    hosts.collect()
}

/// `path: statement` of each reason.
pub(crate) fn reasons(refusal: &Refusal) -> Vec<String> {
    let text = |reason: &crate::Reason| match &reason.task {
        Some(task) => format!("{task}: {}", reason.statement),
        None => reason.statement.clone(),
    };
    refusal.reasons.iter().map(text).collect()
}
