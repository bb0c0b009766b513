//! Chaos under load: the README's topology serves a steady client while its instances, executors
//! and hosts are killed, stopped and paused at random.
//!
//! Owns the order of things and what is tolerable: no request fails for good, everything comes
//! back, nothing runs twice. It must not know how Lathe heals.

mod account;
mod faults;
mod steady;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub use account::Account;
use faults::{Applied, Fault};
use steady::Steady;
use story::Story;

use crate::dice::Dice;
use crate::lathe::Lathe;
use crate::status::Instance;
use crate::waiting::{SOON, until};

/// The group that a client asks.
const BALANCERS: &str = "http.lb";
const BALANCERS_ALL: usize = 3;
const INSTANCES: usize = 13;
/// So often one is hit before it was ready for long at most: the third time would be a crash loop,
/// which waits by right.
const EARLY_MAX: u32 = 2;
const EARLY: Duration = Duration::from_secs(10);
/// From the last fault until all has healed.
const HEALING: Duration = Duration::from_secs(120);

/// What is done, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    pub time: Duration,
    pub seed: u64,
    /// Requests in a second.
    pub rate: u32,
    /// The longest pause between two faults; they come by chance.
    pub pause: Duration,
}

impl Chaos {
    /// Does it to a Lathe that runs the README's topology, all ready.
    ///
    /// # Panics
    /// When the cluster does not heal at the end.
    #[must_use]
    pub fn run(&self, lathe: &Lathe) -> Account {
        let story = Story::follow(lathe);
        let steady = Steady::start(lathe, BALANCERS, self.rate);
        until("a client that knows everybody", SOON, || {
            (steady.known() == BALANCERS_ALL).then_some(())
        });
        let mut storm = Storm {
            lathe,
            story: &story,
            steady: &steady,
            dice: Dice::new(self.seed),
            early: BTreeMap::new(),
            hosts_away: BTreeMap::new(),
            done: BTreeMap::new(),
        };
        let started = Instant::now();
        while started.elapsed() < self.time {
            std::thread::sleep(self.pause.mul_f64(storm.dice.share()));
            storm.hosts_come_back();
            storm.one_fault();
        }
        // Not before their time: a host that stood still for a moment only has lost nothing, and
        // what is on it is not replaced.
        until("that all hosts are back", SOON, || {
            storm.hosts_come_back();
            storm.hosts_away.is_empty().then_some(())
        });
        let done = storm.done;
        let healed = until("that all is well again", HEALING, || is_well(lathe, &story));
        let tally = steady.finish();
        Account::new(started.elapsed(), done, tally, story.finish(), &healed)
    }
}

/// Everything is ready, and what runs is what is said to run.
fn is_well(lathe: &Lathe, story: &Story) -> Option<Vec<Instance>> {
    let instances = lathe.instances();
    let ready = instances.iter().filter(|one| one.state == "ready").count();
    let said = instances.iter().filter_map(|one| one.incarnation.clone());
    let runs: Vec<String> = lathe.tasks().into_keys().collect();
    let is_well = ready == INSTANCES
        && instances.len() == INSTANCES
        && said.collect::<BTreeSet<_>>() == runs.into_iter().collect()
        && story.nobody_is_awaited();
    is_well.then_some(instances)
}

struct Storm<'a> {
    lathe: &'a Lathe,
    story: &'a Story,
    steady: &'a Steady,
    dice: Dice,
    early: BTreeMap<String, u32>,
    /// When a host that is away comes back.
    hosts_away: BTreeMap<String, Instant>,
    done: BTreeMap<&'static str, usize>,
}

impl Storm<'_> {
    fn hosts_come_back(&mut self) {
        let now = Instant::now();
        let due = self.hosts_away.iter().filter(|(_, at)| **at <= now);
        let due: Vec<String> = due.map(|(host, _)| host.clone()).collect();
        for host in due {
            // What was killed a moment ago may still be ending.
            until(&format!("{host} is back"), SOON, || {
                (self.lathe.lathe(&["hosts", "resume", &host]).code == Some(0)).then_some(())
            });
            self.hosts_away.remove(&host);
        }
    }

    /// One that is allowed now, if there is one.
    fn one_fault(&mut self) {
        let instances = self.lathe.instances();
        let fault = Fault::drawn(&mut self.dice);
        let victims = match fault {
            Fault::HostKilled | Fault::HostPaused => self.host(&instances),
            _ => self.instance(&instances).into_iter().collect(),
        };
        let Some(first) = victims.first() else { return };
        let lives: Vec<(String, u64)> =
            victims.iter().map(|one| (one.instance.clone(), one.life())).collect();
        self.story.hit(fault.name(), &lives);
        let away = fault.apply(self.lathe, first, &mut self.dice);
        match away {
            Applied::Nobody => return self.story.missed(&lives),
            Applied::Done => {}
            Applied::Until(at) => {
                self.hosts_away.insert(first.host.clone().unwrap_or_default(), at);
            }
        }
        *self.done.entry(fault.name()).or_default() += 1;
    }

    /// One instance: of load balancers one at a time, and nobody so early and so often that its
    /// slot has to wait.
    fn instance(&mut self, all: &[Instance]) -> Option<Instance> {
        let balancers_well = self.balancers_well(all);
        let fit = |one: &&Instance| {
            (one.task != BALANCERS || balancers_well)
                && one.state == "ready"
                && !self.story.is_awaited(&one.instance)
                && !(self.is_early(one) && self.early_ends(one) >= EARLY_MAX)
        };
        let fit: Vec<&Instance> = all.iter().filter(fit).collect();
        let one = (*self.dice.one_of(&fit)?).clone();
        let early = if self.is_early(&one) { self.early_ends(&one) + 1 } else { 0 };
        self.early.insert(one.instance.clone(), early);
        Some(one)
    }

    fn early_ends(&self, one: &Instance) -> u32 {
        self.early.get(&one.instance).copied().unwrap_or_default()
    }

    fn is_early(&self, one: &Instance) -> bool {
        self.story.ready_for(&one.instance).is_none_or(|time| time < EARLY)
    }

    /// All on one host that carries at most one load balancer; one host at a time.
    fn host(&mut self, all: &[Instance]) -> Vec<Instance> {
        if !self.hosts_away.is_empty() {
            return Vec::new();
        }
        let mut on: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
        for one in all {
            if let Some(host) = &one.host {
                on.entry(host).or_default().push(one);
            }
        }
        let well = self.balancers_well(all);
        let fit: Vec<&Vec<&Instance>> = on
            .values()
            .filter(|there| {
                let balancers = there.iter().filter(|one| one.task == BALANCERS).count();
                balancers == 0 || (balancers == 1 && well)
            })
            .collect();
        let chosen = self.dice.one_of(&fit);
        chosen.map(|there| there.iter().map(|one| (*one).clone()).collect()).unwrap_or_default()
    }

    /// All load balancers are ready, nothing was done to one that still shows, the client knows them
    /// all, and no request is on its second try or still waits at one that is gone: whoever asks again
    /// at another one finds one that works.
    fn balancers_well(&self, all: &[Instance]) -> bool {
        let of = all.iter().filter(|one| one.task == BALANCERS);
        let well = of.filter(|one| one.state == "ready" && !self.story.is_awaited(&one.instance));
        let well: Vec<String> = well.filter_map(|one| one.incarnation.clone()).collect();
        well.len() == BALANCERS_ALL
            && self.steady.knows(&well)
            && self.steady.may_lose_one_of(&well)
    }
}
