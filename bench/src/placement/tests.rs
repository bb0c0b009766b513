//! The engine's certificates before a judge that shares no code with it: each holds, and none holds
//! with a number of it changed.

use lathe_certify::{Certificate, Proved, Scene, check};
use lathe_placement::{Cluster, Options, Running, Verdict, place_proved};
use serde_json::{Value, json};

use super::case::made;
use super::tables;

const STEPS: u64 = 2_000_000;

/// The hosts as a user writes them.
fn hosts(cluster: &Cluster) -> String {
    let host = |host: &lathe_placement::Host| {
        let capacity = &host.capacity;
        let cpus = capacity.cpus_milli as f64 / 1_000.0;
        let ports: Vec<String> =
            capacity.ports.iter().map(|(from, to)| format!("{from}-{to}")).collect();
        json!({"name": host.name, "attributes": host.attributes, "resources": {"cpus": cpus,
            "mem": capacity.mem_bytes, "disk": capacity.disk_bytes, "ports": ports}})
    };
    Value::from(cluster.hosts.iter().map(host).collect::<Vec<_>>()).to_string()
}

/// The scene of a case and what the engine proves of it.
fn proved(name: &str) -> Option<(Scene, Verdict, Value)> {
    let case = made(name).expect("a case");
    let text = tables::file(&case.tables);
    let topology = lathe_topology::parse("case", &text).ok()?.topology;
    let options = Options::default();
    let running = Running::default();
    let (verdict, proof) = place_proved(&case.cluster, &[topology], &running, &options);
    let files = [("case".to_owned(), text)];
    let scene = Scene::read(&files, &hosts(&case.cluster), None, [0, 0]).expect("a good scene");
    Some((scene, verdict, serde_json::to_value(proof?).expect("plain values")))
}

fn judged(scene: &Scene, proof: &Value) -> Result<Proved, String> {
    let certificate: Certificate =
        serde_json::from_value(proof.clone()).map_err(|error| error.to_string())?;
    check(scene, &certificate, STEPS).map_err(|rejected| rejected.to_string())
}

#[test]
fn every_certificate_of_a_bound_holds_and_a_lower_bound_does_not() {
    let mut certificates = 0;
    for seed in 1..=3 {
        for family in [
            "mixed:5:20:6:70",
            "mixed:8:40:10:70",
            "mixed:8:40:10:90",
            "racked:5:20:6:70",
            "racked:8:40:10:70",
        ] {
            let name = format!("{family}:{seed}");
            let Some((scene, verdict, proof)) = proved(&name) else { continue };
            let Verdict::Placed(plan) = verdict else { continue };
            let bound = plan.bound.expect("what has a certificate has a bound");
            assert_eq!(proof["claim"]["bound"], bound, "{name}");
            assert_eq!(judged(&scene, &proof), Ok(Proved::Bound(bound)), "{name}");
            let mut less = proof.clone();
            less["claim"]["bound"] = json!(plan.score - 1);
            assert!(judged(&scene, &less).is_err(), "{name}: less than a plan has");
            // A weight that is otherwise makes some pattern worth more, or all of it.
            let class = &proof["parts"][0]["classes"][0]["most"];
            let mut other = proof.clone();
            other["parts"][0]["classes"][0]["most"] =
                json!(class.as_i64().expect("a number") - 1_000_000_000);
            assert!(judged(&scene, &other).is_err(), "{name}: a pattern worth more");
            certificates += 1;
        }
    }
    assert!(certificates >= 5, "only {certificates} certificates");
}

#[test]
fn every_certificate_of_an_impossibility_holds() {
    let mut certificates = 0;
    for kind in ["crowd:bad:10", "room:bad:10", "ports:bad:10", "closure:bad:10", "zone:bad:10"] {
        for seed in 1..=3 {
            let name = format!("impossible:{kind}:{seed}");
            let Some((scene, verdict, proof)) = proved(&name) else { continue };
            assert!(matches!(verdict, Verdict::Impossible(_)), "{name}");
            assert_eq!(judged(&scene, &proof), Ok(Proved::Impossible), "{name}");
            let twin = made(&name.replace("bad", "good")).expect("a case");
            let files = [("case".to_owned(), tables::file(&twin.tables))];
            let twin = Scene::read(&files, &hosts(&twin.cluster), None, [0, 0]).expect("a scene");
            assert!(judged(&twin, &proof).is_err(), "{name}: its twin can be placed");
            certificates += 1;
        }
    }
    assert!(certificates >= 3, "only {certificates} certificates");
}
