//! Small instances of placement from seeds: tasks with rules of all words, hosts, what runs.

use serde_json::{Value, json};

/// Numbers that follow from a seed alone: SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.below(list.len() as u64)).expect("an index")]
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }
}

const NAMES: [&str; 6] = ["a", "b", "c.one", "c.two", "d", "e"];
const TAGS: [&str; 3] = ["g1", "g2", "g3"];
/// What a rule may be about: tags, paths, a beginning of two paths, attributes.
const TARGETS: [&str; 12] =
    ["g1", "g2", "g3", "g1", "g2", "a", "b", "c", "c.one", "@rack", "@rack=r1", "@disk=ssd"];
const WORDS: [&str; 10] = [
    "never", "never", "never", "always", "always", "prefer", "prefer", "avoid", "avoid", "neutral",
];
const DOMAINS: [&str; 2] = ["rack", "zone"];
const MIB: u64 = 1 << 20;

/// Hosts of a case, without the one that is not known.
fn hosts(draw: &mut Draw) -> Vec<Value> {
    let number = 2 + draw.below(7);
    let host = |at: u64| {
        let mut attributes = json!({});
        for (name, values) in
            [("rack", ["r1", "r2", "r3"]), ("zone", ["z1", "z2", "z2"]), ("disk", ["ssd"; 3])]
        {
            if !draw.one_in(4) {
                attributes[name] = json!(draw.of(&values));
            }
        }
        let ports = *draw.of(&[[31_000, 31_000], [31_000, 31_003], [31_002, 31_005]]);
        let resources = json!({
            "cpus": draw.of(&[500, 1_000, 2_000, 2_000, 4_000]),
            "mem": draw.of(&[512, 1_024, 4_096]) * MIB,
            "disk": 1_024 * MIB,
            "ports": [ports],
        });
        json!({"name": format!("h{at}"), "resources": resources, "attributes": attributes})
    };
    (0..number).map(host).collect()
}

fn resources(draw: &mut Draw) -> Value {
    let ports = match draw.below(8) {
        0 => json!([31_000 + draw.below(4)]),
        1 => json!([31_000, 31_002]),
        2..5 => json!([null]),
        _ => json!([]),
    };
    json!({
        "cpus": draw.of(&[0, 100, 250, 500, 1_000]),
        "mem": draw.of(&[1, 64, 256, 512]) * MIB,
        "disk": draw.of(&[0, 0, 16]) * MIB,
        "ports": ports,
    })
}

fn biases(draw: &mut Draw) -> Vec<Value> {
    let mut targets: Vec<&str> = Vec::new();
    let mut biases = Vec::new();
    for _ in 0..draw.below(4) {
        let target = *draw.of(&TARGETS);
        if targets.contains(&target) {
            continue;
        }
        targets.push(target);
        let word = *draw.of(&WORDS);
        let mut bias = vec![json!(target), json!(word)];
        let soft = word == "prefer" || word == "avoid";
        if soft && !draw.one_in(3) {
            bias.push(json!(1 + draw.below(100)));
        }
        if word != "neutral" && !target.starts_with('@') && draw.one_in(3) {
            bias.push(json!(draw.of(&DOMAINS)));
        }
        biases.push(json!(bias));
    }
    biases
}

fn tags(draw: &mut Draw) -> Vec<&'static str> {
    TAGS.into_iter().filter(|_| draw.one_in(3)).collect()
}

/// What runs: of the given topology, which is called `t`, and of others; some of it is ending, some on
/// a host that is not known.
fn running(draw: &mut Draw, tasks: &[Value], hosts: usize) -> Vec<Value> {
    let mut running: Vec<Value> = Vec::new();
    if !draw.one_in(2) {
        return running;
    }
    for slot in 0..1 + draw.below(6) {
        let host = match draw.below(12) {
            0 => "gone".to_owned(),
            _ => format!("h{}", draw.below(hosts as u64)),
        };
        let ending = draw.one_in(6);
        let mut one = if draw.one_in(2) {
            let task = draw.of(tasks);
            json!({"topology": "t", "task": task["name"], "tags": task["tags"],
                "biases": task["biases"], "resources": task["resources"]})
        } else {
            // What contradicts itself cannot be running.
            let about_attributes =
                |bias: &Value| bias[0].as_str().is_some_and(|it| it.starts_with('@'));
            let mut biases = biases(draw);
            biases.retain(|bias| !about_attributes(bias) || bias[1] == "prefer");
            json!({"topology": "other", "task": draw.of(&["x", "y.one"]), "tags": tags(draw),
                "biases": biases, "resources": resources(draw)})
        };
        one["slot"] = json!(slot);
        one["host"] = json!(host);
        one["ending"] = json!(ending);
        running.push(one);
    }
    running
}

/// The instance of a seed, as the peers read it.
pub(crate) fn instance(seed: u64) -> Value {
    let mut draw = Draw(seed);
    let hosts = hosts(&mut draw);
    let kinds = usize::try_from(1 + draw.below(6)).expect("a number");
    let tasks: Vec<Value> = NAMES[..kinds]
        .iter()
        .map(|name| {
            json!({"name": name, "tasks": draw.below(6), "tags": tags(&mut draw),
                "biases": biases(&mut draw), "resources": resources(&mut draw)})
        })
        .collect();
    let running = running(&mut draw, &tasks, hosts.len());
    json!({"tasks": tasks, "hosts": hosts, "running": running, "max_moves": draw.below(3)})
}
