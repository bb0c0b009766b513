//! Registries that come, go and hear late, and instances that live and die: drawn by a seed.
//!
//! What is held to: no death is lost that any registry could know of; without a kill nothing is run twice;
//! and nothing is told that did not happen.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::State;

use super::world::World;
use crate::monitor::{Kind, Rule, Why};

const SLOTS: u64 = 6;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Sim {
    world: World,
    dice: Dice,
    /// The number of each slot's newest life, and when that was born.
    lives: BTreeMap<u64, u64>,
    born: BTreeMap<String, u64>,
    died: BTreeSet<String>,
    /// Of those who are killed and still listed.
    listed: Vec<String>,
    kills: usize,
    lossy: bool,
}

impl Sim {
    fn new(seed: u64, registries: usize) -> Self {
        let mut world = World::new(vec![Rule::new("deaths", &[Kind::Died, Kind::Started])]);
        for name in ["a", "b", "c"].into_iter().take(registries) {
            world.start(name);
        }
        world.settle();
        let (lives, born, died) = Default::default();
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        Self { world, dice, lives, born, died, listed: Vec::new(), kills: 0, lossy: false }
    }

    fn live(&mut self) {
        let slot = self.dice.roll(SLOTS);
        let life = self.lives.entry(slot).or_insert(0);
        let now = format!("page#{slot}.{life}");
        match self.world.state(&now) {
            None => {
                *life += 1;
                let new = format!("page#{slot}.{life}");
                self.world.show(&new, State::Starting);
                self.born.insert(new, self.world.store_commit());
            }
            Some(State::Starting) if self.dice.roll(4) > 0 => self.world.show(&now, State::Ready),
            Some(State::Ready) if self.dice.roll(2) == 0 => self.world.show(&now, State::Suspect),
            Some(State::Suspect) if self.dice.roll(2) == 0 => self.world.show(&now, State::Ready),
            Some(_) => {
                self.world.end(&now);
                self.died.insert(now);
            }
        }
    }

    fn work(&mut self) {
        let names: Vec<String> = self.world.registries.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let at = self.dice.roll(names.len() as u64);
        let name = &names[usize::try_from(at).unwrap()];
        let _ = match self.dice.roll(5) {
            0 => self.world.hear(name, 0),
            1 => self.world.hear(name, 1),
            2 => {
                let answered = !self.lossy || self.dice.roll(4) > 0;
                self.world.write(name, answered)
            }
            3 => {
                let ok = !self.lossy || self.dice.roll(3) > 0;
                self.world.finish(name, ok)
            }
            _ => {
                self.world.pass(30);
                true
            }
        };
    }

    fn fail(&mut self) {
        let name = ["a", "b", "c"][usize::try_from(self.dice.roll(3)).unwrap()];
        if self.world.registries.contains_key(name) {
            self.listed.push(self.world.kill(name));
            self.kills += 1;
        } else {
            self.world.start(name);
        }
    }

    /// Everything comes to rest with all registries there.
    fn end(&mut self) {
        for runner in std::mem::take(&mut self.listed) {
            self.world.unlist(&runner);
        }
        for name in ["a", "b", "c"] {
            if !self.world.registries.contains_key(name) {
                self.world.start(name);
            }
        }
        self.world.settle();
    }

    fn told(&self, kind: Kind) -> Vec<String> {
        let prefix = format!("{kind}:");
        let told = self.world.told();
        told.iter().filter_map(|id| id.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    fn nothing_is_made_up(&self, seed: u64) {
        for one in &self.world.begun {
            for event in &one.told.events {
                let incarnation = event.incarnation.as_ref().unwrap();
                let true_one = event.kind != Kind::Died || self.died.contains(incarnation);
                assert!(true_one, "seed {seed}: {event:?}");
            }
        }
    }
}

#[test]
fn without_a_kill_each_event_is_told_once_by_one_registry() {
    for seed in 0..60 {
        let mut sim = Sim::new(seed, 3);
        for _ in 0..600 {
            match sim.dice.roll(8) {
                0 => sim.live(),
                _ => sim.work(),
            }
        }
        sim.end();
        let mut told = sim.told(Kind::Died);
        told.sort();
        let died: Vec<String> = sim.died.iter().cloned().collect();
        assert_eq!(told, died, "seed {seed}");
        sim.nothing_is_made_up(seed);
        let begun = &sim.world.begun;
        let runs: BTreeSet<u64> = begun.iter().map(|one| one.told.run).collect();
        assert_eq!(runs.len(), begun.len(), "seed {seed}");
        let mut started = sim.told(Kind::Started);
        started.sort();
        let once = started.len();
        started.dedup();
        assert_eq!(started.len(), once, "seed {seed}");
    }
}

#[test]
fn over_kills_nothing_is_lost_that_any_registry_could_know_of() {
    let mut taken_over = 0;
    for seed in 0..300 {
        let mut sim = Sim::new(seed, 3);
        sim.lossy = seed % 2 == 1;
        for _ in 0..800 {
            match sim.dice.roll(40) {
                0..5 => sim.live(),
                5 => sim.fail(),
                6 if !sim.listed.is_empty() => {
                    let runner = sim.listed.remove(0);
                    sim.world.unlist(&runner);
                }
                _ => sim.work(),
            }
        }
        // Who was born before all that are left had listed the store, and is in no durable picture, was
        // seen by nobody but those who are dead.
        let last = sim.world.registries.values().map(|one| one.began_at).min();
        let pictured = sim.world.store.pictured();
        let known: Vec<&String> = sim
            .died
            .iter()
            .filter(|one| {
                pictured.contains(*one) || last.is_some_and(|began| began < sim.born[*one])
            })
            .collect();
        let known: BTreeSet<String> = known.into_iter().cloned().collect();
        sim.end();
        let told: BTreeSet<String> = sim.told(Kind::Died).into_iter().collect();
        let lost: Vec<&String> = known.difference(&told).collect();
        assert!(lost.is_empty(), "seed {seed}: {lost:?}");
        sim.nothing_is_made_up(seed);
        let again = |one: &&super::world::Begun| one.told.reason == Why::TakenOver;
        taken_over += sim.world.begun.iter().filter(again).count();
        // What ended well here did not end well anywhere else, but where its registry was killed.
        let mut well = BTreeMap::new();
        for one in sim.world.begun.iter().filter(|one| one.ended_well) {
            *well.entry(one.told.run).or_insert(0) += 1;
        }
        let twice = well.values().filter(|times| **times > 1).count();
        assert!(twice <= sim.kills, "seed {seed}: {twice} of {}", sim.kills);
    }
    assert!(taken_over > 50, "{taken_over}");
}
