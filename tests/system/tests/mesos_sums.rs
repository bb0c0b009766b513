//! What agents of a real Mesos have given away, held against what a topology declares.

use std::collections::{BTreeMap, BTreeSet};

use lathe_engines::MesosSpec;
use lathe_system::{OnMesos, SOON, Signal, Status, fixture, until};
use serde_json::Value;

/// In thousandths, as Mesos counts; memory and disk in those of MiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Amounts {
    cpus: i64,
    mem: i64,
    disk: i64,
    ports: BTreeSet<u64>,
}

impl Amounts {
    fn read(resources: &Value) -> Self {
        let of = |name: &str| thousandths(resources[name].as_f64().unwrap_or(0.0));
        let ports = ports(resources["ports"].as_str().unwrap_or("[]"));
        Self { cpus: of("cpus"), mem: of("mem"), disk: of("disk"), ports }
    }

    /// Both together; no port may be in both.
    fn and(mut self, other: &Self) -> Self {
        let both = self.ports.len() + other.ports.len();
        self.ports.extend(&other.ports);
        assert_eq!(self.ports.len(), both, "a port was given twice: {self:?} {other:?}");
        let Self { cpus, mem, disk, ports } = self;
        Self { cpus: cpus + other.cpus, mem: mem + other.mem, disk: disk + other.disk, ports }
    }

    fn is_within(&self, total: &Self) -> bool {
        let scalars = self.cpus <= total.cpus && self.mem <= total.mem && self.disk <= total.disk;
        scalars && self.ports.is_subset(&total.ports)
    }

    /// The same, the ports as their number.
    fn counted(&self) -> (i64, i64, i64, usize) {
        (self.cpus, self.mem, self.disk, self.ports.len())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an agent of a test has little")]
fn thousandths(amount: f64) -> i64 {
    (amount * 1_000.0).round() as i64
}

/// Of `[31000-31002, 31005-31005]`, each port.
fn ports(text: &str) -> BTreeSet<u64> {
    let ranges = text.trim_matches(['[', ']']).split(',').filter(|range| !range.trim().is_empty());
    let ends = |range: &str| {
        let (low, high) = range.trim().split_once('-').expect("a range");
        low.parse::<u64>().expect("a number")..=high.parse().expect("a number")
    };
    ranges.flat_map(ends).collect()
}

/// What an executor has beside its task, as the documents say.
const EXECUTOR: (i64, i64, i64, usize) = (10, 16_000, 0, 0);

/// What an instance of each task has, as the file below says.
fn declared(task: &str) -> (i64, i64, i64, usize) {
    match task {
        "small" => (125, 48_000, 24_000, 2),
        "large" => (1_001, 300_000, 64_000, 0),
        other => panic!("no task {other}"),
    }
}

fn topology() -> String {
    let task = |name: &str, tasks: u32, resources: &str| {
        format!(
            "[task.{name}]\ncrate = \"script\"\nversion = \"1.0.0\"\ntask = \"script\"\n\
             path = {}\nargs = [\"exec sleep 100000\"]\ntasks = {tasks}\nresources = {resources}\n",
            serde_json::json!(fixture("script")),
        )
    };
    let small =
        "{ cpus = 0.125, mem = \"48MiB\", disk = \"24MiB\", ports = [\"http\", \"admin\"] }";
    let large = "{ cpus = 1.001, mem = \"300MiB\", disk = \"64MiB\", ports = [] }";
    task("small", 5, small) + &task("large", 3, large)
}

/// What an agent has given away, and what it has in all.
fn of_agents(lathe: &OnMesos) -> BTreeMap<String, (Amounts, Amounts)> {
    let page = lathe.master_page("/master/slaves");
    let all = page["slaves"].as_array().expect("a list").iter();
    all.map(|agent| {
        let id = agent["id"].as_str().expect("an id").to_owned();
        let of = |key: &str| Amounts::read(&agent[key]);
        (id, (of("used_resources"), of("resources")))
    })
    .collect()
}

/// Each task and each executor has what is declared, and each agent has given away their sum.
fn sums_are_right(lathe: &OnMesos, status: &Status) {
    let page = lathe.master_page("/master/state");
    let framework = &page["frameworks"][0];
    let list = |key: &str| framework[key].as_array().cloned().expect("a list");
    let mut sums: BTreeMap<String, Amounts> = BTreeMap::new();
    let (tasks, executors) = (list("tasks"), list("executors"));
    assert_eq!((tasks.len(), executors.len()), (status.instances.len(), status.instances.len()));
    let executors = executors.iter().map(|executor| (executor, EXECUTOR));
    let of_task = |task: &Value| {
        let name = task["name"].as_str().expect("a name");
        declared(name.split('#').next().expect("a task"))
    };
    for (one, expected) in tasks.iter().map(|task| (task, of_task(task))).chain(executors) {
        let amounts = Amounts::read(&one["resources"]);
        assert_eq!(amounts.counted(), expected, "{one}");
        let agent = one["slave_id"].as_str().expect("an agent").to_owned();
        let sum = sums.remove(&agent).unwrap_or_default();
        sums.insert(agent, sum.and(&amounts));
    }
    for (agent, (used, total)) in of_agents(lathe) {
        assert_eq!(used, sums.remove(&agent).unwrap_or_default(), "{agent}");
        assert!(used.is_within(&total), "{agent}: {used:?} of {total:?}");
    }
    assert_eq!(sums, BTreeMap::new(), "on agents that there are not");
}

#[test]
fn agents_have_given_what_is_declared_and_have_all_of_it_again_in_the_end() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(2));
    let file = lathe_system::write(&lathe.folder().join("all.toml"), &topology());
    lathe.submit(&file);
    let before = lathe.all_ready(8);
    sums_are_right(&lathe, &before);
    // More than one agent carries something, so that there are sums of several.
    let hosts: BTreeSet<&String> =
        before.instances.iter().filter_map(|one| one.host.as_ref()).collect();
    assert_eq!(hosts.len(), 2, "{hosts:?}");

    // What is lost gives back what it had, its executor too, and its next life takes as much.
    lathe.tasks().values().for_each(|task| task.signal(Signal::KILL));
    let after = lathe.status_when("eight new lives", |now| {
        now.ready() == 8 && now.instances.iter().all(|one| one.life() == 2)
    });
    until("the ends of the executors of before", SOON, || {
        let executors = lathe.framework()["executors"].as_array().map(Vec::len);
        (executors == Some(8)).then_some(())
    });
    sums_are_right(&lathe, &after);

    let _ = lathe.lathe(&["remove", "all", "--yes"]).with_code(0);
    until("agents that have all of their own again", SOON, || {
        let agents = of_agents(&lathe);
        let free = agents.values().all(|(used, _)| *used == Amounts::default());
        (agents.len() == 2 && free).then_some(())
    });
}
