//! A repair takes what it can get, and no more is spoilt than must be.

use std::collections::BTreeMap;

use lathe_placement::{Capacity, Cluster, Host, Options, Plan, Running, Verdict};
use lathe_topology::Topology;

use super::{Session, plan};
use crate::framework::command::PlanInput;

fn topology(name: &str, rest: &str) -> Topology {
    let source =
        format!("[task.{name}]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Task\"\n{rest}");
    lathe_topology::parse(name, &source).unwrap().topology
}

fn input(topologies: Vec<Topology>) -> PlanInput {
    let host = |at: u16| Host {
        name: format!("host-{at}"),
        capacity: Capacity {
            cpus_milli: 4_000,
            mem_bytes: 8 << 30,
            disk_bytes: 8 << 30,
            ports: vec![(at * 1_000, at * 1_000 + 99)],
        },
        attributes: BTreeMap::new(),
    };
    PlanInput {
        cluster: Cluster { hosts: (1..=3).map(host).collect() },
        topologies,
        running: Running::default(),
        options: Options::default(),
        piecemeal: true,
    }
}

#[test]
fn a_topology_that_cannot_be_placed_does_not_spoil_the_others() {
    let homeless = topology("homeless", "tasks = 1\nbiases = [[\"@disk=ssd\", \"always\"]]\n");
    let spread = topology("spread", "tasks = 6\n");
    let Verdict::Placed(found) = plan(&input(vec![homeless, spread])) else { panic!("refused") };
    let mut hosts = BTreeMap::new();
    for assignment in &found.assignments {
        assert_eq!(assignment.topology, "spread");
        *hosts.entry(assignment.host.as_str()).or_insert(0) += 1;
    }
    assert_eq!(hosts.into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn of_a_topology_that_cannot_be_had_whole_the_rest_is_placed() {
    let alone = topology("alone", "tasks = 4\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]\n");
    let Verdict::Placed(found) = plan(&input(vec![alone])) else { panic!("refused") };
    assert_eq!(found.assignments.len(), 3, "one on each host");
}

#[test]
fn a_piece_goes_back_to_where_it_was() {
    let alone = topology("alone", "tasks = 4\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]\n");
    let mut input = input(vec![alone]);
    let path: lathe_topology::TaskPath = "alone".parse().unwrap();
    input.options.previous.insert((path, 0), "host-3".to_owned());
    let Verdict::Placed(found) = plan(&input) else { panic!("refused") };
    assert_eq!(found.assignments[0].host, "host-3");
}

#[test]
fn a_submission_takes_all_or_nothing() {
    let alone = topology("alone", "tasks = 4\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]\n");
    let whole = PlanInput { piecemeal: false, ..input(vec![alone]) };
    assert!(matches!(plan(&whole), Verdict::Impossible(_)));
}

fn started(input: &PlanInput, plan: &Plan) -> Running {
    let mut running = input.running.clone();
    for one in &plan.assignments {
        let topology = input.topologies.iter().find(|topology| topology.name == one.topology);
        let task = topology.and_then(|topology| topology.task(&one.task)).unwrap();
        let there =
            running.instances.iter().any(|run| run.task == one.task && run.slot == one.slot);
        running.instances.extend((!there).then(|| super::pieces::as_running(task, one)));
    }
    running
}

/// Three tasks in two topologies that need and bear one another as drawn.
fn drawn(draw: &mut impl FnMut(u64) -> u64) -> Vec<Topology> {
    let names = ["a", "b", "c"];
    let mut texts = [String::new(), String::new()];
    for (at, name) in names.iter().enumerate() {
        let mut biases = Vec::new();
        for other in names {
            match draw(6) {
                0 | 1 => biases.push(format!("[\"{other}\", \"always\"]")),
                2 => biases.push(format!("[\"{other}\", \"never\"]")),
                _ => {}
            }
        }
        let table = format!(
            "[task.{name}]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Task\"\ntasks = {}\n\
             resources = {{ cpus = {} }}\nbiases = [{}]\n",
            1 + draw(4),
            [0.1, 0.5, 1.1][draw(3) as usize],
            biases.join(", ")
        );
        texts[usize::from(at == 2)].push_str(&table);
    }
    // What one file needs of the other is known only when both are read.
    let read = |(name, text): (&str, &String)| lathe_topology::parse(name, text).ok();
    let both = ["one", "two"].into_iter().zip(&texts).map(read);
    both.collect::<Option<Vec<_>>>()
        .map_or_else(Vec::new, |all| all.into_iter().map(|checked| checked.topology).collect())
}

#[test]
fn after_any_loss_of_a_host_all_is_whole_again_when_it_is_back() {
    let mut state = 7_u64;
    let mut draw = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut lost, mut waited) = (0, 0);
    for _ in 0..1_500 {
        let topologies = drawn(&mut draw);
        let whole = PlanInput { piecemeal: false, ..input(topologies) };
        let Verdict::Placed(first) = plan(&whole) else { continue };
        let mut running = started(&whole, &first);
        let gone = format!("host-{}", 1 + draw(3));
        let count = running.instances.len();
        running.instances.retain(|one| one.host != gone);
        if running.instances.len() == count {
            continue;
        }
        lost += 1;
        let mut less = PlanInput { piecemeal: true, running, ..whole.clone() };
        less.cluster.hosts.retain(|host| host.name != gone);
        if let Verdict::Placed(found) = plan(&less) {
            less.running = started(&less, &found);
        }
        waited += u32::from(less.running.instances.len() < count);
        let back = PlanInput { running: less.running, ..whole };
        assert!(matches!(plan(&back), Verdict::Placed(_)), "{back:#?}");
    }
    assert!(lost > 100 && waited > 20, "{lost} losses, {waited} with something that waited");
}

#[test]
fn a_session_says_what_planning_anew_says_of_questions_that_change_and_come_back() {
    let mut state = 11_u64;
    let mut draw = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (session, mut answers) = (Session::default(), 0);
    for _ in 0..150 {
        let mut asked = PlanInput { piecemeal: draw(2) == 0, ..input(drawn(&mut draw)) };
        for _ in 0..6 {
            let cold = plan(&asked);
            for _ in 0..2 {
                assert_eq!(session.plan(Box::new(asked.clone())), cold, "{asked:#?}");
            }
            answers += 1;
            match (draw(5), &cold) {
                (0, Verdict::Placed(found)) => asked.running = started(&asked, found),
                (1, _) => _ = asked.running.instances.pop(),
                (2, _) => asked.cluster.hosts.rotate_left(1),
                (3, _) => asked.cluster.hosts[0].capacity.cpus_milli = 500 * draw(9),
                _ => asked.options.seed = draw(3),
            }
        }
    }
    assert_eq!(answers, 900);
}

#[test]
fn a_session_keeps_few_questions() {
    let session = Session::default();
    for seed in 0..20 {
        let mut asked = input(vec![topology("some", "tasks = 3\n")]);
        asked.options.seed = seed;
        session.plan(Box::new(asked));
    }
    assert!(session.questions() <= 4);
}
