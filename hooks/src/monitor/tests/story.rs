//! What is told, in which words, and what is not.

use lathe_catalog::State;

use super::world::World;
use crate::monitor::{Kind, Part, Rule, Standing, Why};

fn all() -> Rule {
    Rule::new("note", &Kind::ALL)
}

#[test]
fn a_hook_begins_with_what_is_there_and_is_told_of_what_happens_then() {
    let mut world = World::new(vec![all()]);
    world.show("page#0.1", State::Ready);
    world.start("a");
    world.settle();
    assert_eq!(world.told(), Vec::<String>::new());
    world.show("page#1.1", State::Starting);
    world.show("page#1.1", State::Ready);
    world.show("page#0.1", State::Suspect);
    world.show("page#0.1", State::Ready);
    world.end("page#0.1");
    world.task("page", "1.1");
    world.settle();
    let told = world.told();
    let kinds: Vec<&str> = told.iter().map(|id| id.split(':').next().unwrap()).collect();
    assert_eq!(kinds, ["started", "unhealthy", "died", "changed"], "{told:?}");
    let events: Vec<_> = world.begun.iter().flat_map(|one| &one.told.events).collect();
    assert_eq!(events[0].incarnation.as_deref(), Some("page#1.1"));
    assert_eq!(events[2].host.as_deref(), Some("h1"));
    assert!(!events[2].deliberate && !events[2].late && !events[2].never_ready);
    assert_eq!(events[3].parts, [Part::Version]);
    let run = &world.begun[0].told;
    assert_eq!((run.reason, run.run, run.registry.as_str()), (Why::Events, 1, "http://a"));
    let status = &world.registries["a"].machine.status(world.now)[0];
    assert_eq!((status.standing, status.owner.as_deref()), (Standing::Idle, Some("http://a")));
    assert_eq!(status.past.last().map(|past| past.output.as_str()), Some("said"));
}

#[test]
fn what_somebody_wanted_is_told_apart_from_a_death() {
    let mut wanted = Rule::new("wanted", &[Kind::Died]);
    wanted.filter.deliberate = true;
    for (rule, expected) in [(Rule::new("deaths", &[Kind::Died]), 1), (wanted, 3)] {
        let mut world = World::new(vec![rule]);
        for slot in 0..3 {
            world.show(&format!("page#{slot}.1"), State::Ready);
        }
        world.start("a");
        world.settle();
        world.show("page#0.1", State::Draining);
        world.end("page#0.1");
        world.end("page#1.1");
        world.settle();
        world.remove("page");
        world.end("page#2.1");
        world.settle();
        let all = world.begun.iter().flat_map(|one| &one.told.events);
        let deliberate: Vec<bool> = all.map(|event| event.deliberate).collect();
        assert_eq!(deliberate.len(), expected, "{deliberate:?}");
        assert_eq!(deliberate.iter().filter(|one| !**one).count(), 1);
    }
}

#[test]
fn only_what_is_looked_at_is_told() {
    let mut rule = Rule::new("some", &[Kind::Died]);
    rule.filter.tasks.insert("page".to_owned());
    rule.filter.tags.insert("net".to_owned());
    rule.filter.topology = Some("site".to_owned());
    let mut world = World::new(vec![rule]);
    world.task("other", "1.0");
    world.show("page#0.1", State::Ready);
    world.show("other#0.1", State::Ready);
    world.start("a");
    world.settle();
    world.end("other#0.1");
    world.end("page#0.1");
    world.settle();
    assert_eq!(world.told(), ["died:page#0.1"]);
}

#[test]
fn what_happened_while_no_registry_was_there_is_found_by_the_next_one() {
    let mut world = World::new(vec![all()]);
    for slot in 0..70 {
        world.show(&format!("page#{slot}.1"), State::Ready);
    }
    world.start("a");
    world.settle();
    let runner = world.kill("a");
    world.unlist(&runner);
    world.end("page#3.1");
    world.show("page#3.2", State::Ready);
    world.end("page#69.1");
    world.show("page#7.1", State::Suspect);
    world.task("page", "2.0");
    world.start("b");
    world.settle();
    let mut told = world.told();
    told.sort();
    let found: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(found[1..4], ["died:page#3.1", "died:page#69.1", "started:page#3.2"]);
    assert!(found[0].starts_with("changed:page:") && found[4].starts_with("unhealthy:page#7.1:"));
    assert_eq!(found.len(), 5);
    assert!(world.begun.iter().flat_map(|one| &one.told.events).all(|event| event.late));
    // And once.
    let runner = world.kill("b");
    world.unlist(&runner);
    world.start("c");
    world.settle();
    assert_eq!(world.told().len(), 5);
}

#[test]
fn many_at_once_come_in_runs_of_a_bounded_size() {
    let mut world = World::new(vec![Rule::new("deaths", &[Kind::Died])]);
    for slot in 0..1000 {
        world.show(&format!("page#{slot}.1"), State::Ready);
    }
    world.start("a");
    world.settle();
    for slot in 0..1000 {
        world.end(&format!("page#{slot}.1"));
    }
    while world.hear("a", 0) {}
    world.settle();
    assert_eq!(world.told().len(), 1000);
    assert!(world.begun.len() <= 6, "{}", world.begun.len());
    assert!(world.begun.iter().any(|one| one.told.events.len() == 256 && one.told.waiting > 400));
}

#[test]
fn another_filter_begins_with_what_it_did_not_look_at() {
    let mut narrow = Rule::new("note", &[Kind::Started, Kind::Died]);
    narrow.filter.tasks.insert("page".to_owned());
    let mut world = World::new(vec![narrow]);
    world.task("other", "1.0");
    world.show("page#0.1", State::Ready);
    world.show("other#0.1", State::Ready);
    world.start("a");
    world.settle();
    let runner = world.kill("a");
    world.unlist(&runner);
    world.end("page#0.1");
    world.set_rules(vec![Rule::new("note", &[Kind::Started, Kind::Died])]);
    world.start("b");
    world.settle();
    assert_eq!(world.told(), ["died:page#0.1"]);
    world.end("other#0.1");
    world.settle();
    assert_eq!(world.told(), ["died:page#0.1", "died:other#0.1"]);
}

#[test]
fn a_store_that_came_back_from_a_backup_tells_nothing_of_what_was() {
    let mut world = World::new(vec![all()]);
    world.task("other", "1.0");
    world.show("page#0.1", State::Ready);
    world.show("other#0.1", State::Ready);
    world.start("a");
    world.settle();
    let runner = world.kill("a");
    world.unlist(&runner);
    // Entries are not restored, the picture is.
    world.end("page#0.1");
    world.end("other#0.1");
    world.history = "another".to_owned();
    world.show("page#0.7", State::Starting);
    world.start("b");
    world.settle();
    assert_eq!(world.told(), Vec::<String>::new());
    world.show("page#0.7", State::Ready);
    world.end("page#0.7");
    world.settle();
    assert_eq!(world.told(), ["started:page#0.7", "died:page#0.7"]);
    assert_eq!(world.store.record("note").unwrap().history, "another");
}

#[test]
fn a_life_that_the_framework_had_lost_and_found_again_dies_again() {
    let mut world = World::new(vec![all()]);
    world.start("a");
    world.settle();
    world.show("page#0.1", State::Starting);
    world.end("page#0.1");
    world.settle();
    world.show("page#0.1", State::Ready);
    world.end("page#0.1");
    world.settle();
    assert_eq!(world.told(), ["died:page#0.1", "started:page#0.1", "died:page#0.1"]);
}

#[test]
fn more_than_may_wait_is_found_again_when_there_is_room() {
    let mut world = World::new(vec![Rule::new("deaths", &[Kind::Died])]);
    let many = 5000;
    for slot in 0..many {
        world.show(&format!("page#{slot}.1"), State::Ready);
    }
    world.start("a");
    world.settle();
    for slot in 0..many {
        world.end(&format!("page#{slot}.1"));
    }
    while world.hear("a", 0) {}
    let waiting = world.registries["a"].machine.status(world.now)[0].waiting;
    assert_eq!(waiting, 4096);
    world.settle();
    let mut told = world.told();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), many);
    assert_eq!(world.told().len(), many);
}
