//! Registries are killed, one, two and all of them, and ZooKeeper: look-ups go on wherever somebody is left,
//! nobody is said to be dead who lives, and nothing is made up.

use lathe_engines::block_on;
use lathe_system::{SOON, Scripts, Several, Signal, until};
use serde_json::{Value, json};

/// Instances of the one task.
const PAGES: usize = 9;
/// Long before a busy machine keeps an executor from beating.
const SUSPECT_AFTER: &str = "10s";

fn started() -> Several {
    let mut several = Several::start(1, 3, 1);
    let leader = several.leader(None);
    several.registries(3, SUSPECT_AFTER);
    let scripts =
        Scripts::default().with("page", "exec sleep 100000", &format!("tasks = {PAGES}\n"));
    let file = scripts.write(&several.folder().join("pages.toml"));
    let file = file.to_str().expect("the path is a text");
    several.lathe(leader, &["submit", "--yes", file]).with_code(0);
    let _ = several.all_ready(leader, PAGES);
    several.share(PAGES as u64, |_| ());
    several
}

/// How many a registry shows in each state; none when it does not answer.
fn states(several: &Several, registry: usize) -> Option<Vec<(String, String)>> {
    let (status, group) = several.look_up(registry, "/v1/groups/page?mode=stale")?;
    assert_eq!(status, 200, "{group}");
    let entries = group["entries"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Some(entries.iter().map(|one| (text(&one["incarnation"]), text(&one["state"]))).collect())
}

/// Every registry that runs answers, and shows everybody as what it is.
fn all_are_shown(several: &Several) {
    for registry in several.running_registries() {
        let states = states(several, registry).expect("one that runs answers");
        let ready = states.iter().filter(|(_, state)| state == "ready").count();
        assert_eq!((ready, states.len()), (PAGES, PAGES), "registry {registry}: {states:?}");
    }
}

/// Starts a registry that was killed, until it knows what the store has.
fn comes_back(several: &mut Several, registry: usize) {
    several.start_registry(registry);
    until("what the store has", SOON, || {
        several.look_up(registry, "/v1/groups/page").filter(|(status, _)| *status == 200)
    });
    several.share(PAGES as u64, all_are_shown);
}

fn nothing_was_restarted(several: &Several) {
    let journal = several.journal();
    let first: Vec<String> = (0..PAGES).map(|slot| format!("page#{slot}.1")).collect();
    assert_eq!((journal.incarnations(), journal.twice()), (first, vec![]));
}

/// One whose executor stands still is suspect, it alone, and ready again when it goes on.
fn who_falls_silent_is_suspect(several: &Several) {
    let registry = several.running_registries()[0];
    let task = several.tasks().remove("page#0.1").expect("it runs");
    let executor = lathe_system::Process::of(task.parent).expect("its executor runs");
    executor.signal(Signal::STOP);
    let suspects = until("a suspect", SOON, || {
        let all = states(several, registry)?.into_iter().filter(|(_, state)| state == "suspect");
        let all: Vec<String> = all.map(|(incarnation, _)| incarnation).collect();
        (!all.is_empty()).then_some(all)
    });
    executor.signal(Signal::CONT);
    assert_eq!(suspects, ["page#0.1"]);
    until("that it is back", SOON, || {
        let back = |(_, state): &(String, String)| state == "ready";
        states(several, registry)?.iter().all(back).then_some(())
    });
}

/// Messages that come to several registries at once have one order, each its own number.
fn what_is_said_has_one_order(several: &Several, before: u64) {
    let all = several.running_registries();
    let each = 4;
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let said = all.iter().map(|registry| {
            scope.spawn(move || {
                let say = |at| several.say(*registry, "page", &json!([registry, at]));
                (0..each).map(say).collect::<Vec<u64>>()
            })
        });
        let said: Vec<_> = said.collect();
        said.into_iter().flat_map(|one| one.join().expect("all are taken")).collect()
    });
    numbers.sort_unstable();
    let last = before + each * all.len() as u64;
    assert_eq!(numbers, (before + 1..=last).collect::<Vec<u64>>());
    // What one has taken the others know soon, and all of it in the same order.
    let seen: Vec<Value> = all
        .iter()
        .map(|registry| {
            until("all messages", SOON, || {
                let (_, kept) = several.look_up(*registry, "/v1/groups/page/messages")?;
                (kept.as_array()?.last()?["number"] == last).then_some(kept)
            })
        })
        .collect();
    assert!(seen.iter().all(|kept| *kept == seen[0]), "{seen:?}");
}

#[test]
fn registries_are_killed_one_two_and_all_and_nobody_who_lives_is_suspect() {
    let mut several = started();
    all_are_shown(&several);
    what_is_said_has_one_order(&several, 0);
    for killed in [1, 0] {
        several.end_registry(killed, Signal::KILL);
        several.share(PAGES as u64, all_are_shown);
    }
    what_is_said_has_one_order(&several, 12);
    assert_eq!(several.running_registries(), [2]);
    who_falls_silent_is_suspect(&several);

    // None is left: what runs runs on. The first one that is back shows all of it at once, and waits for
    // everybody's first beat before it says anything of them.
    several.end_registry(2, Signal::KILL);
    assert_eq!(several.running_registries(), Vec::<usize>::new());
    let _ = several.all_ready(several.leader(None), PAGES);
    comes_back(&mut several, 0);
    comes_back(&mut several, 1);
    who_falls_silent_is_suspect(&several);
    nothing_was_restarted(&several);
}

#[test]
fn without_zookeeper_registries_answer_and_nobody_becomes_suspect() {
    let mut several = started();
    block_on(several.zookeeper().server(0).kill()).expect("it is killed");
    // Look-ups go on; each says that it is not heard, and how old its answers are.
    until("registries that do not hear the store", SOON, || {
        all_are_shown(&several);
        let mut all = several.running_registries().into_iter();
        (!all.any(|registry| several.registry_is_ready(registry))).then_some(())
    });
    several.end_registry(0, Signal::KILL);
    all_are_shown(&several);
    // One that starts now knows nothing, and says so.
    several.start_registry(0);
    let (status, _) = several.look_up(0, "/v1/groups/page").expect("it answers");
    assert_eq!(status, 503);
    several.end_registry(0, Signal::KILL);
    all_are_shown(&several);

    block_on(several.zookeeper().restart(0)).expect("it is back");
    several.share(PAGES as u64, all_are_shown);
    comes_back(&mut several, 0);
    who_falls_silent_is_suspect(&several);
    nothing_was_restarted(&several);
}
