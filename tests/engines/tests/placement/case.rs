//! An instance as Lathe gets it: a topology file, hosts, what runs.

use std::fmt::Write as _;

use lathe_api::inventory;
use lathe_certify::Scene;
use lathe_placement::{Certificate, Cluster, Options, Running, Verdict, place_proved, verify};
use lathe_topology::Topology;
use serde_json::{Value, json};

/// Small instances need far less; what they do not decide with this is a fault.
const BUDGET: u64 = 4_000_000;
/// Patterns of each place that the checker may look at.
const CHECKED: u64 = 2_000_000;

/// What Lathe says of an instance.
#[derive(Debug)]
pub(crate) enum Said {
    /// The file contradicts itself.
    Refused,
    /// Points, bound, moves.
    Placed(i64, i64, u64),
    Blocked,
    Impossible,
    /// It was not decided, or something is wrong with what was said.
    Wrong(String),
}

/// An answer, and whether the checker has accepted a certificate of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) said: Said,
    pub(crate) certified: bool,
}

impl Answer {
    pub(crate) fn of(instance: &Value) -> Self {
        let file = file(instance);
        let Ok(checked) = lathe_topology::parse("t", &file) else {
            return Self { said: Said::Refused, certified: false };
        };
        let (hosts, runs) = (hosts(instance).to_string(), running(instance).to_string());
        let cluster = inventory::hosts(hosts.as_bytes()).expect("good hosts").value;
        let given = [checked.topology];
        let mut running = inventory::running(runs.as_bytes(), &given).expect("good runs").value;
        let list = instance["running"].as_array().expect("a list");
        for (one, stated) in running.instances.iter_mut().zip(list) {
            one.keep = stated["ending"] == false;
        }
        let max_moves = instance["max_moves"].as_u64().and_then(|most| u32::try_from(most).ok());
        let options = Options {
            budget_steps: BUDGET,
            max_moves: max_moves.expect("a number"),
            ..Options::default()
        };
        let (verdict, certificate) = place_proved(&cluster, &given, &running, &options);
        let said = said(&cluster, &given, &running, &options, &verdict);
        // The form of what runs says nothing of what is ending.
        let all_stay = list.iter().all(|one| one["ending"] == false);
        let certificate = certificate.filter(|_| all_stay);
        let Some(certificate) = certificate else { return Self { said, certified: false } };
        let files = [("t".to_owned(), file)];
        let scene = Scene::read(&files, &hosts, Some(&runs), [0, 0]).expect("a scene");
        match checked_by(&scene, &certificate) {
            Ok(()) => Self { said, certified: true },
            Err(why) => Self { said: Said::Wrong(why), certified: false },
        }
    }
}

fn said(
    cluster: &Cluster,
    given: &[Topology],
    running: &Running,
    options: &Options,
    verdict: &Verdict,
) -> Said {
    match verdict {
        Verdict::Placed(plan) => {
            if let Err(breaches) = verify(cluster, given, running, options, plan) {
                return Said::Wrong(format!("{breaches:?}"));
            }
            let moved = |one: &&lathe_placement::Assignment| {
                matches!(one.change, lathe_placement::Change::Move { .. })
            };
            let moves = plan.assignments.iter().filter(moved).count() as u64;
            Said::Placed(plan.score, plan.bound.unwrap_or(i64::MAX), moves)
        }
        Verdict::Blocked(_) => Said::Blocked,
        Verdict::Impossible(_) => Said::Impossible,
        Verdict::Unknown { steps, .. } => Said::Wrong(format!("unknown after {steps} steps")),
    }
}

/// A certificate goes as text, as to another program.
fn checked_by(scene: &Scene, certificate: &Certificate) -> Result<(), String> {
    let text = serde_json::to_string(certificate).expect("a certificate is JSON");
    let read = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let judged = lathe_certify::check(scene, &read, CHECKED);
    judged.map(drop).map_err(|rejected| format!("{rejected}: {text}"))
}

/// The topology file.
fn file(instance: &Value) -> String {
    let mut text = String::from("[defaults]\ncrate = \"it\"\nversion = \"1.0.0\"\ntask = \"it\"\n");
    for task in instance["tasks"].as_array().expect("a list") {
        let name = task["name"].as_str().expect("a name");
        let resources = stated(&task["resources"]);
        let ports = match resources["ports"].as_object() {
            None => resources["ports"].to_string(),
            Some(ports) => {
                let each = ports.iter().map(|(name, port)| format!("{name} = {port}"));
                format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
            }
        };
        let (cpus, mem, disk) = (&resources["cpus"], &resources["mem"], &resources["disk"]);
        // Lists of texts and numbers are the same in JSON and in TOML.
        write!(
            text,
            "[task.{name}]\ncrate = \"it\"\ntasks = {}\ntags = {}\nbiases = {}\n\
             resources = {{ cpus = {cpus}, mem = {mem}, disk = {disk}, ports = {ports} }}\n",
            task["tasks"], task["tags"], task["biases"],
        )
        .expect("a text takes all that is written");
    }
    text
}

/// Resources of a task as users write them: cpus in whole ones, ports by name.
fn stated(resources: &Value) -> Value {
    let mut stated = resources.clone();
    stated["cpus"] = json!(resources["cpus"].as_f64().expect("a number") / 1_000.0);
    let ports = resources["ports"].as_array().expect("a list");
    let names = (0..ports.len()).map(|at| format!("p{at}"));
    stated["ports"] = match ports.iter().all(Value::is_null) {
        true => names.collect(),
        false => Value::Object(names.zip(ports.iter().cloned()).collect()),
    };
    stated
}

fn hosts(instance: &Value) -> Value {
    let mut hosts = instance["hosts"].clone();
    for host in hosts.as_array_mut().expect("a list") {
        let resources = &mut host["resources"];
        resources["cpus"] = json!(resources["cpus"].as_f64().expect("a number") / 1_000.0);
        let ports = resources["ports"].as_array().expect("a list");
        let range = |range: &Value| format!("{}-{}", range[0], range[1]);
        resources["ports"] = ports.iter().map(range).collect();
    }
    hosts
}

fn running(instance: &Value) -> Value {
    let mut running = instance["running"].clone();
    for one in running.as_array_mut().expect("a list") {
        let resources = stated(&one["resources"]);
        let one = one.as_object_mut().expect("an object");
        one.remove("ending");
        if one["topology"] == "t" {
            for key in ["tags", "biases", "resources"] {
                one.remove(key);
            }
        } else {
            one.insert("resources".to_owned(), resources);
        }
    }
    running
}
