//! Tests of the file beside: proofs that hold, and the same with each of their fields changed.

use serde_json::{Value, json};

use super::*;

const KEYS: &str = "crate = \"web\"\nversion = \"1.0.0\"\ntask = \"my::Web\"\n";

fn scene(tasks: &[(&str, &str)], hosts: &Value, running: Option<&Value>) -> Scene {
    let text: String =
        tasks.iter().map(|(name, rest)| format!("[task.{name}]\n{KEYS}{rest}\n")).collect();
    let running = running.map(Value::to_string);
    let files = [("shop".to_owned(), text)];
    Scene::read(&files, &hosts.to_string(), running.as_deref(), [0, 0]).expect("a good scene")
}

fn hosts(racks: &[&str]) -> Value {
    let host = |(at, rack): (usize, &&str)| {
        json!({"name": format!("h{at}"),
            "resources": {"cpus": 4.0, "mem": "8GiB", "disk": "16GiB", "ports": "31000-31999"},
            "attributes": if rack.is_empty() { json!({}) } else { json!({"rack": rack}) }})
    };
    racks.iter().enumerate().map(host).collect()
}

const CAPACITY: [u64; 4] = [4_000, 8 << 30, 16 << 30, 1_000];

/// Three that exclude each other on two hosts.
fn pigeons() -> (Scene, Value) {
    let scene =
        scene(&[("web", "tasks = 3\nbiases = [[\"web\", \"never\"]]")], &hosts(&["", ""]), None);
    let proof = json!({
        "claim": "impossible", "scale": 1, "constant": 0,
        "tasks": [{"topology": "shop", "task": "web", "count": 3}],
        "parts": [{"scope": null, "weights": [1],
            "classes": [{"places": [["h0"], ["h1"]], "capacity": CAPACITY, "base": [0, 0, 0, 0],
                "tasks": [0], "most": 1}]}],
    });
    (scene, proof)
}

/// Three of which no two may be in one rack, of which there are two.
fn racks() -> (Scene, Value) {
    let tasks = [("web", "tasks = 3\nbiases = [[\"web\", \"never\", \"rack\"]]")];
    let scene = scene(&tasks, &hosts(&["r1", "r1", "r2"]), None);
    let double = CAPACITY.map(|room| 2 * room);
    let proof = json!({
        "claim": "impossible", "scale": 1, "constant": 0,
        "tasks": [{"topology": "shop", "task": "web", "count": 3}],
        "parts": [{"scope": "rack", "weights": [1], "classes": [
            {"places": [["h0", "h1"]], "capacity": double, "base": [0, 0, 0, 0], "tasks": [0], "most": 1},
            {"places": [["h2"]], "capacity": CAPACITY, "base": [0, 0, 0, 0], "tasks": [0], "most": 1},
        ]}],
    });
    (scene, proof)
}

/// Two of the first want to be beside the second, which is alone and bears only one of them; beside
/// something that runs.
fn wishes() -> (Scene, Value) {
    let tasks = [
        ("db", "tasks = 1\nresources = { cpus = 2 }"),
        ("web", "tasks = 2\nresources = { cpus = 2 }\nbiases = [[\"db\", \"prefer\", 7]]"),
    ];
    let run = json!([{"topology": "other", "task": "old", "slot": 0, "host": "h0", "tags": [],
        "biases": [["@rack=r1", "prefer", 3]],
        "resources": {"cpus": 1, "mem": "1GiB", "disk": 0, "ports": []}}]);
    let scene = scene(&tasks, &hosts(&["r1", "r2"]), Some(&run));
    let proof = json!({
        "claim": {"bound": 10}, "scale": 1, "constant": 3,
        "tasks": [
            {"topology": "shop", "task": "db", "count": 1},
            {"topology": "shop", "task": "web", "count": 2},
        ],
        "parts": [{"scope": null, "weights": [7, 0], "classes": [
            {"places": [["h0"]], "capacity": CAPACITY, "base": [1_000, 1_u64 << 30, 0, 0],
                "tasks": [0, 1], "most": 0},
            {"places": [["h1"]], "capacity": CAPACITY, "base": [0, 0, 0, 0], "tasks": [0, 1], "most": 0},
        ]}],
    });
    (scene, proof)
}

/// Five over two racks, each of which costs 10 for each other one in its rack; the old one, in a rack of its
/// own, is gone from the list of hosts and wants one beside it. An even spread has 3 and 2: 8 pairs, 80 points,
/// where the third one in a rack costs 40 more.
fn avoided() -> (Scene, Value) {
    let tasks = [("web", "tasks = 5\nbiases = [[\"web\", \"avoid\", 10, \"rack\"]]")];
    let run = json!([{"topology": "other", "task": "old", "slot": 0, "host": "gone", "tags": [],
        "biases": [["web", "prefer", 5, "rack"]],
        "resources": {"cpus": 1, "mem": "1GiB", "disk": 0, "ports": []}}]);
    let scene = scene(&tasks, &hosts(&["r1", "r2", "r1"]), Some(&run));
    let double = CAPACITY.map(|room| 2 * room);
    let used = [1_000, 1_u64 << 30, 0, 0];
    let class = |places: Value, capacity: [u64; 4], base: [u64; 4], tasks: &[usize], most: i64| json!({"places": places, "capacity": capacity, "base": base, "tasks": tasks, "most": most});
    let (free, none): ([u64; 4], &[usize]) = ([0; 4], &[]);
    let proof = json!({
        "claim": {"bound": -80}, "scale": 1, "constant": 0,
        "tasks": [{"topology": "shop", "task": "web", "count": 5}],
        "parts": [
            {"scope": null, "weights": [0], "classes": [
                class(json!([["h0"], ["h1"], ["h2"]]), CAPACITY, free, &[0], 0),
                class(json!([["gone"]]), used, used, none, 0),
            ]},
            {"scope": "rack", "weights": [-40], "classes": [
                class(json!([["h0", "h2"]]), double, free, &[0], 60),
                class(json!([["h1"]]), CAPACITY, free, &[0], 60),
                class(json!([["gone"]]), used, used, none, 0),
            ]},
        ],
    });
    (scene, proof)
}

fn judged(scene: &Scene, proof: &Value) -> Result<Proved, String> {
    let certificate: Certificate =
        serde_json::from_value(proof.clone()).map_err(|error| error.to_string())?;
    check(scene, &certificate, 1_000_000).map_err(|rejected| rejected.to_string())
}

/// Every field, one after the other, made another one: numbers up and down, texts longer, elements
/// left out and doubled, what is absent present.
fn mutants(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    match value {
        Value::Null => all.push(("present".to_owned(), json!("rack"))),
        Value::String(text) => all.push(("longer".to_owned(), json!(format!("{text}x")))),
        Value::Number(number) => {
            let number = number.as_i64().unwrap();
            all.push(("more".to_owned(), json!(number + 1)));
            all.push(("less".to_owned(), json!(number - 1)));
        }
        Value::Array(list) => {
            for at in 0..list.len() {
                let mut less = list.clone();
                less.remove(at);
                all.push((format!("{at} left out"), json!(less)));
                let mut more = list.clone();
                more.insert(at, list[at].clone());
                all.push((format!("{at} doubled"), json!(more)));
                for (name, mutant) in mutants(&list[at]) {
                    let mut other = list.clone();
                    other[at] = mutant;
                    all.push((format!("{at} {name}"), json!(other)));
                }
            }
        }
        Value::Object(fields) => {
            for key in fields.keys() {
                let mut less = fields.clone();
                less.remove(key);
                all.push((format!("{key} left out"), json!(less)));
                for (name, mutant) in mutants(&fields[key]) {
                    let mut other = fields.clone();
                    other[key] = mutant;
                    all.push((format!("{key} {name}"), json!(other)));
                }
            }
        }
        Value::Bool(_) => {}
    }
    all
}

#[test]
fn a_proof_holds_and_with_any_field_changed_it_does_not() {
    let impossible = Ok(Proved::Impossible);
    for (what, (scene, proof), proved) in [
        ("pigeons", pigeons(), impossible.clone()),
        ("racks", racks(), impossible),
        ("wishes", wishes(), Ok(Proved::Bound(10))),
        ("avoided", avoided(), Ok(Proved::Bound(-80))),
    ] {
        assert_eq!(judged(&scene, &proof), proved, "{what}");
        let mut changed = 0;
        for (name, mutant) in mutants(&proof) {
            // A scale means nothing to a sum of weights alone, and a higher bound is true as well. Hosts without
            // the attribute are places of their own, each with one of what bears no other one.
            let harmless = match mutant["claim"].as_str() {
                Some(_) => {
                    name == "scale more" || (what == "pigeons" && name == "parts 0 scope present")
                }
                None => name == "claim bound more",
            };
            let judged = judged(&scene, &mutant);
            assert_eq!(judged.is_ok(), harmless, "{what}: {name}: {judged:?}\n{mutant}");
            changed += 1;
        }
        assert!(changed > 40, "{what}: {changed}");
    }
}

#[test]
fn a_proof_of_another_input_proves_nothing() {
    let (_, proof) = pigeons();
    let (other, _) = wishes();
    assert!(judged(&other, &proof).unwrap_err().starts_with("it proves nothing: "));
    let room = scene(&[("web", "tasks = 3")], &hosts(&["", ""]), None);
    assert!(judged(&room, &proof).unwrap_err().contains("worth more than it says"));
}

/// On the only host runs more than it has, of a task of which none is wanted any more; and the one that
/// is wanted has a port that the host does not offer, although it runs there.
fn overfull() -> (Scene, Value) {
    let tasks = [
        ("old", "tasks = 0\nresources = { cpus = 9 }"),
        (
            "web",
            "tasks = 1\nresources = { cpus = 1, mem = \"1GiB\", disk = 0, ports = { http = 80 } }",
        ),
    ];
    let runs = |task: &str| json!({"topology": "shop", "task": task, "slot": 0, "host": "h0"});
    let scene = scene(&tasks, &hosts(&[""]), Some(&json!([runs("old"), runs("web")])));
    let mut capacity = CAPACITY;
    capacity[0] = 10_000;
    let proof = json!({
        "claim": "impossible", "scale": 1, "constant": 0,
        "tasks": [{"topology": "shop", "task": "web", "count": 1}],
        "parts": [{"scope": null, "weights": [1],
            "classes": [{"places": [["h0"]], "capacity": capacity, "base": [0, 0, 0, 0], "tasks": [],
                "most": 0}]}],
    });
    (scene, proof)
}

#[test]
fn what_runs_where_it_does_not_fit_is_room_and_a_port_that_is_not_offered_is_none() {
    let (scene, mut proof) = overfull();
    assert_eq!(judged(&scene, &proof), Ok(Proved::Impossible));
    proof["parts"][0]["classes"][0]["capacity"] = json!(CAPACITY);
    assert!(judged(&scene, &proof).unwrap_err().contains("has [10000, "));
}

#[test]
fn what_was_not_looked_at_whole_is_said_to_be_so() {
    let (scene, proof) = pigeons();
    let certificate: Certificate = serde_json::from_value(proof).unwrap();
    let said = check(&scene, &certificate, 0).unwrap_err();
    assert!(matches!(said, Rejected::Undecided(_)), "{said}");
}
