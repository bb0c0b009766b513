//! The registry that has a hook is killed after each thing that it does, and another one goes on.

use lathe_catalog::State;

use super::world::World;
use crate::monitor::{Input, Kind, Rule, Why};
use crate::recipe::{Recipe, Retries};

/// Both of two registries know three instances, and two die.
fn two() -> (World, String, String) {
    let mut world = World::new(vec![Rule::new("deaths", &[Kind::Died])]);
    for slot in 0..3 {
        world.show(&format!("page#{slot}.1"), State::Ready);
    }
    world.start("a");
    world.start("b");
    world.settle();
    let url = world.registries["a"].machine.status(world.now)[0].owner.clone().unwrap();
    let (owner, other) = if url == "http://a" { ("a", "b") } else { ("b", "a") };
    world.end("page#0.1");
    world.end("page#1.1");
    (world, owner.to_owned(), other.to_owned())
}

#[test]
fn of_two_registries_one_runs_it_and_once() {
    let (mut world, owner, _) = two();
    world.settle();
    let mut told = world.told();
    told.sort();
    assert_eq!(told, ["died:page#0.1", "died:page#1.1"]);
    assert!(world.begun.iter().all(|one| one.registry == owner));
}

/// A kill between any two of its steps: before it has heard, between the claim and its durability, between
/// the claim and the run, during the run, between the run's end and the record of it.
#[test]
fn killed_after_any_step_nothing_is_lost_and_nothing_is_run_twice_without_cause() {
    let mut twice = 0;
    let mut steps = 0;
    loop {
        let (mut world, owner, other) = two();
        let moved = (0..steps).filter(|_| world.advance(&owner)).count();
        let runner = world.kill(&owner);
        // It is listed for a while: nobody takes over what one has claimed that may be alive.
        let claimed = world.store.record("deaths").is_some_and(|record| record.claim.is_some());
        world.settle();
        let alone = world.begun.iter().all(|one| one.registry == owner);
        assert!(alone || !claimed, "killed after {steps} steps");
        world.unlist(&runner);
        world.settle();
        let mut told = world.told();
        let all = told.len();
        told.sort();
        told.dedup();
        assert_eq!(told, ["died:page#0.1", "died:page#1.1"], "killed after {steps} steps");
        for one in world.begun.iter().filter(|one| one.registry == other) {
            let again = world.begun.iter().any(|was| {
                was.registry == owner && was.told.run == one.told.run && was.told != one.told
            });
            assert!(!again || one.told.reason == Why::TakenOver, "{:?}", one.told);
        }
        twice += usize::from(all > 2);
        if moved < steps {
            break;
        }
        steps += 1;
    }
    assert!(steps > 6, "{steps}");
    assert!(twice > 0, "the kill between a run's end and its record is among them");
}

#[test]
fn a_run_that_was_taken_over_has_its_number_and_says_so() {
    let (mut world, owner, other) = two();
    while world.registries[&owner].running.is_none() {
        assert!(world.advance(&owner));
    }
    let runner = world.kill(&owner);
    world.unlist(&runner);
    world.settle();
    let [first, again, ..] = world.begun.as_slice() else { panic!("{:?}", world.begun) };
    assert_eq!((first.told.run, &first.told.events), (again.told.run, &again.told.events));
    assert_eq!((again.registry.as_str(), again.told.reason), (other.as_str(), Why::TakenOver));
}

#[test]
fn a_claim_of_a_registry_that_is_there_stays_its_own_when_another_one_comes() {
    let mut world = World::new(vec![Rule::new("deaths", &[Kind::Died])]);
    world.show("page#0.1", State::Ready);
    world.start("a");
    world.settle();
    world.end("page#0.1");
    while world.registries["a"].running.is_none() {
        assert!(world.advance("a"));
    }
    for name in ["b", "c", "d", "e"] {
        world.start(name);
    }
    for name in ["b", "c", "d", "e"] {
        while world.hear(name, 0) || world.hear(name, 1) || world.write(name, true) {}
    }
    assert_eq!(world.begun.len(), 1);
    world.settle();
    assert_eq!(world.told(), ["died:page#0.1"]);
    assert_eq!(world.begun.len(), 1);
}

#[test]
fn who_does_not_hear_the_store_claims_nothing_and_goes_on_when_it_does() {
    let mut world = World::new(vec![Rule::new("deaths", &[Kind::Died])]);
    world.show("page#0.1", State::Ready);
    world.start("a");
    world.settle();
    world.end("page#0.1");
    world.step("a", Input::Lost);
    while world.hear("a", 0) {}
    assert!(!world.write("a", true) && world.begun.is_empty());
    world.step("a", Input::Found);
    world.settle();
    assert_eq!(world.told(), ["died:page#0.1"]);
}

#[test]
fn a_write_of_which_nobody_knows_is_found_out_about() {
    let mut world = World::new(vec![Rule::new("deaths", &[Kind::Died])]);
    world.show("page#0.1", State::Ready);
    world.start("a");
    world.settle();
    world.end("page#0.1");
    while world.hear("a", 0) {}
    assert!(world.write("a", false), "the claim");
    world.settle();
    assert_eq!(world.begun.len(), 1);
    assert_eq!(world.told(), ["died:page#0.1"]);
}

#[test]
fn a_failed_run_is_tried_again_and_given_up_when_it_is_to_be() {
    let retries = Retries { give_up_after: Some(3), ..Retries::default() };
    let on_failure = vec!["tell".to_owned()];
    let recipe = Recipe { retries, on_failure, ..Recipe::new("deaths", &[]) };
    let rule = Rule { recipe: recipe.into(), ..Rule::new("deaths", &[Kind::Died]) };
    let mut world = World::new(vec![rule]);
    world.show("page#0.1", State::Ready);
    world.show("page#1.1", State::Ready);
    world.start("a");
    world.settle();
    world.end("page#0.1");
    for _ in 0..3 {
        while world.registries["a"].running.is_none() {
            if !world.advance("a") {
                world.pass(100);
            }
        }
        assert!(world.finish("a", false));
    }
    world.settle();
    let reasons: Vec<Why> = world.begun.iter().map(|one| one.told.reason).collect();
    assert_eq!(reasons, [Why::Events, Why::Retry, Why::Retry]);
    let past = world.store.record("deaths").unwrap().past.pop().unwrap();
    assert_eq!((past.ok, past.tries, past.events), (false, 3, 1));
    let told = &world.registries["a"].told_failures;
    assert_eq!(told.iter().map(|(_, gave_up)| *gave_up).collect::<Vec<_>>(), [false, true]);
    // What comes then is tried anew.
    world.end("page#1.1");
    world.settle();
    assert_eq!(world.told(), ["died:page#1.1"]);
}
