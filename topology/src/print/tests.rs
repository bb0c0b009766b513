//! Tests of the file beside.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::{CrateSource, LONGEST_REPLACE_AFTER_MS, ReplaceAfter, Target, Word};
use crate::parse;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        (-1e300..1e300).prop_map(|value: f64| json!(value)),
        "\\PC{0,20}".prop_map(|value| json!(value)),
        "[\u{0}-\u{7f}]{0,20}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map("own_[a-z \"é.]{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn biases() -> impl Strategy<Value = Vec<Bias>> {
    let target = prop_oneof![
        "[a-z]{1,2}".prop_map(|tag| Target::Tag(tag.parse().unwrap())),
        ("[a-z]{1,2}", prop::option::of("\\PC{1,5}"))
            .prop_map(|(name, value)| Target::Attribute { name, value }),
    ];
    let word = prop::sample::select(vec![Word::Avoid, Word::Prefer, Word::Neutral, Word::Never]);
    let one = (target, word, 1u8..=100, prop::option::of("r[a-z]{1,4}"));
    prop::collection::vec(one, 0..6).prop_map(|said| {
        let mut seen = BTreeSet::new();
        let biases = said.into_iter().map(|(target, word, weight, domain)| {
            let is_tag = matches!(target, Target::Tag(_));
            let weight = if word.is_hard() { crate::DEFAULT_WEIGHT } else { weight };
            Bias { target, word, weight, domain: domain.filter(|_| is_tag), span: 0..0 }
        });
        biases.filter(|one| seen.insert((one.target.clone(), one.domain.clone()))).collect()
    })
}

prop_compose! {
    fn resources()(
        cpus_milli in 0u64..=10_000_000,
        mem_bytes in (1u64 << 20)..=(1 << 50),
        disk_bytes in 0u64..=(1 << 60),
        ports in prop::collection::btree_map("[a-z]{1,2}", prop::option::of(1u16..), 0..5),
    ) -> Resources {
        let mut seen = BTreeSet::new();
        let ports = ports
            .into_iter()
            .map(|(name, fixed)| Port { name, fixed: fixed.filter(|number| seen.insert(*number)) })
            .collect();
        Resources { cpus_milli, mem_bytes, disk_bytes, ports }
    }
}

fn health() -> impl Strategy<Value = Health> {
    let probe = prop_oneof![
        ("[a-z]", "/[a-z0-9?&=%:@._~-]{0,20}").prop_map(|(port, path)| Probe::Http { port, path }),
        "[a-z]".prop_map(|port| Probe::Tcp { port }),
        prop::collection::vec("[^\0]{1,20}", 1..4).prop_map(|command| Probe::Command { command }),
    ];
    let span = 100..=3_600_000_u64;
    let probes = (probe, span.clone(), span, 1..=100_u32, 0..=86_400_000_u64).prop_map(
        |(probe, interval_ms, timeout_ms, failures, grace_ms)| Health::Probe {
            probe,
            interval_ms,
            timeout_ms,
            failures,
            grace_ms,
        },
    );
    let beats = (100..=1_800_000_u64, 2..=2_u64).prop_map(|(interval_ms, times)| Health::Beat {
        interval_ms,
        timeout_ms: interval_ms * times,
    });
    prop_oneof![Just(Health::None), beats, probes]
}

fn share(least: u32) -> impl Strategy<Value = Share> {
    prop_oneof![(least..=100_000).prop_map(Share::Number), (least..=100).prop_map(Share::Percent),]
}

fn update() -> impl Strategy<Value = Update> {
    let least = prop::option::of(share(0));
    (share(1), share(0), least, share(0), 0..=86_400_000_u64, any::<bool>()).prop_map(
        |(parallel, max_surge, min_healthy, canary, bake_ms, auto_rollback)| Update {
            parallel,
            max_surge,
            min_healthy,
            canary,
            bake_ms,
            auto_rollback,
        },
    )
}

fn unreachable() -> impl Strategy<Value = ReplaceAfter> {
    let ms = 0..=LONGEST_REPLACE_AFTER_MS;
    prop_oneof![Just(ReplaceAfter::Never), ms.prop_map(ReplaceAfter::Ms)]
}

/// What a file may say of it for so many instances.
fn leaves_a_way(update: &Update, count: u32) -> bool {
    let fits = |share: Share| match share {
        Share::Number(number) => count == 0 || number <= count,
        Share::Percent(_) => true,
    };
    !update.is_stuck(count) && fits(update.canary) && update.min_healthy.is_none_or(fits)
}

fn asks_only_for_ports_of(health: &Health, resources: &Resources) -> bool {
    match health {
        Health::Probe { probe: Probe::Http { port, .. } | Probe::Tcp { port }, .. } => {
            resources.ports.iter().any(|one| one.name == *port)
        }
        _ => true,
    }
}

prop_compose! {
    fn task()(
        count in 0u32..2000,
        tags in prop::collection::btree_set("[a-z:.]{1,6}", 0..5),
        biases in biases(),
        resources in resources(),
        env in prop::collection::btree_map("[A-KM-Z][^\0=]{0,5}", "[^\0]{0,20}", 0..4),
        args in prop::collection::vec("[^\0]{0,20}", 0..4),
        git in prop::option::of("[^\0]{1,20}"),
        features in prop::collection::vec("[a-z]{1,6}", 0..3),
        grace_ms in 0u64..86_400_000,
        restart in prop::sample::select(vec![Restart::Always, Restart::OnFailure, Restart::Never]),
        (health, update, unreachable) in
            (prop::option::of(health()), prop::option::of(update()), prop::option::of(unreachable())),
        own in prop::collection::btree_map("own_[a-z \"é.]{0,6}", value(), 0..4),
    ) -> TaskSpec {
        let health = health.filter(|health| asks_only_for_ports_of(health, &resources));
        let update = update.filter(|update| leaves_a_way(update, count));
        TaskSpec {
            path: "to.be.named".parse().unwrap(),
            crate_name: "web".to_owned(),
            version: "1.2.3-rc.1+build".to_owned(),
            task: "my::Web<\"x\">".to_owned(),
            count,
            tags: tags.into_iter().filter_map(|tag| tag.parse().ok()).collect(),
            biases,
            resources,
            source: CrateSource { rev: git.as_ref().map(|_| "v1/x".to_owned()), git, features, ..CrateSource::default() },
            env,
            args,
            user: None,
            grace_ms,
            restart,
            health,
            update,
            unreachable,
            own: own.into_iter().collect(),
            span: 0..0,
        }
    }
}

prop_compose! {
    fn topology()(
        tasks in prop::collection::btree_map("[a-z]{1,3}(\\.[a-z0-9_-]{4,9}){0,2}", task(), 1..6),
        crates_paths in prop::collection::vec("[^\0]{1,10}", 0..3),
    ) -> Topology {
        let tasks: BTreeMap<_, _> =
            tasks.into_iter().map(|(path, task)| (path.parse().unwrap(), task)).collect();
        let tasks = tasks.into_iter().map(|(path, task)| TaskSpec { path, ..task }).collect();
        Topology { name: "shop.eu".to_owned(), crates_paths, tasks }
    }
}

/// A part of a path that is a known key belongs to the task above it, not to `task`.
fn has_known_part(topology: &Topology) -> bool {
    let parts = topology.tasks.iter().flat_map(|task| task.path.as_str().split('.').skip(1));
    parts.into_iter().any(|part| {
        ["cache", "crate", "state", "drivers", "engine", "version"].contains(&part)
            || ["stream", "health", "update", "biases", "registry", "features", "resources", "tags"]
                .contains(&part)
            || ["task", "tasks", "args", "user", "path", "grace", "restart", "unreachable"]
                .contains(&part)
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back_the_same(topology in topology()) {
        prop_assume!(!has_known_part(&topology));
        let text = print(&topology);
        match parse("any", &text) {
            Ok(again) => prop_assert_eq!(again.topology.without_places(), topology),
            // Random biases may contradict one another; nothing else may be wrong.
            Err(found) => {
                let wrong: Vec<_> = found
                    .iter()
                    .filter(|one| one.is_error() && one.code != crate::Code::CONTRADICTION)
                    .collect();
                prop_assert!(wrong.is_empty(), "{}\n{:?}", text, wrong);
            }
        }
    }
}

#[test]
fn the_printed_form_is_plain() {
    let source = "[task.web]\ncrate = \"web\"\nversion = \"1.0.0\"\ntask = \"Web\"\ntasks = 1\nbiases = [[\"web\", \"avoid\", \"rack\"]]\n\"my key\" = { a = [1, 2.5] }\n";
    let printed = print(&parse("shop", source).unwrap().topology);
    expect_test::expect![[r#"
        [topology]
        name = "shop"

        [crates]
        paths = ["tasks/*"]

        [task.web]
        crate = "web"
        version = "1.0.0"
        task = "Web"
        tasks = 1
        biases = [["web", "avoid", 50, "rack"]]
        resources = { cpus = 0.1, mem = "64MiB", disk = "16MiB", ports = ["http"] }
        grace = "5000ms"
        "my key" = { a = [1, 2.5] }
    "#]]
    .assert_eq(&printed);
}
