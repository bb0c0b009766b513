//! A cluster that lives: hosts are lost and come back, tasks are scaled, rules change, tasks are added.
//! Each event is planned with what runs kept in its place.

use std::time::{Duration, Instant};

use lathe_placement::{Host, Options, Running, Verdict, place, verify};
use lathe_topology::{Topology, Word};
use serde_json::{Value, json};

use super::case::Case;
use super::draw::Draw;
use super::solved::carried_out;

const EVENTS: usize = 1_000;
/// No more events after this; how many there were is told.
const LONGEST: Duration = Duration::from_secs(90);
/// So many plans are checked by counting everything again.
const CHECKED_EACH: usize = 50;

pub(super) fn run(case: &Case, topology: Topology, name: &str) -> Value {
    let seed = name.rsplit(':').next().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut draw = Draw::new(seed);
    let mut world = World { case: case.clone(), given: [topology], lost: Vec::new() };
    let options = Options::default();
    let mut running = match world.plan(&Running::default(), &options) {
        Verdict::Placed(plan) => carried_out(&plan, &world.given, &Running::default()),
        _ => return json!({ "failed": "there is no first plan" }),
    };
    let (mut times, mut refused, mut moves, mut breaches) = (Vec::new(), 0, 0, 0);
    let start = Instant::now();
    for event in 0..EVENTS {
        if start.elapsed() > LONGEST {
            break;
        }
        let before = (world.clone(), running.clone());
        world.happens(&mut draw, &mut running);
        let began = Instant::now();
        let verdict = world.plan(&running, &options);
        times.push(began.elapsed().as_secs_f64() * 1e3);
        match verdict {
            Verdict::Placed(plan) => {
                moves += plan
                    .assignments
                    .iter()
                    .filter(|one| matches!(one.change, lathe_placement::Change::Move { .. }))
                    .count();
                if event % CHECKED_EACH == 0 {
                    let checked =
                        verify(&world.case.cluster, &world.given, &running, &options, &plan);
                    breaches += usize::from(checked.is_err());
                }
                running = carried_out(&plan, &world.given, &running);
            }
            _ => {
                refused += 1;
                (world, running) = before;
            }
        }
    }
    let fresh = world.plan(&Running::default(), &options);
    let kept = world.plan(&running, &options);
    let of_fresh = match (&kept, &fresh) {
        (Verdict::Placed(kept), Verdict::Placed(fresh)) => {
            let less = (fresh.score - kept.score).max(0) as f64;
            Some(1.0 - less / fresh.score.abs().max(1) as f64)
        }
        _ => None,
    };
    times.sort_by(f64::total_cmp);
    let at =
        |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    json!({
        "events": times.len(),
        "p50_ms": at(50),
        "p99_ms": at(99).filter(|_| breaches == 0),
        "refused": refused,
        "moves": moves,
        "breaches": breaches,
        "of_fresh": of_fresh,
    })
}

#[derive(Clone)]
struct World {
    case: Case,
    given: [Topology; 1],
    lost: Vec<Host>,
}

impl World {
    fn plan(&self, running: &Running, options: &Options) -> Verdict {
        place(&self.case.cluster, &self.given, running, options)
    }

    fn happens(&mut self, draw: &mut Draw, running: &mut Running) {
        match draw.below(10) {
            0..3 => self.host_is_lost(draw, running),
            3..6 => self.is_scaled(draw),
            6..8 => self.is_edited(draw),
            8 => self.is_added(draw),
            _ => self.host_is_back(),
        }
    }

    fn host_is_lost(&mut self, draw: &mut Draw, running: &mut Running) {
        let at = draw.below(self.case.cluster.hosts.len());
        let host = self.case.cluster.hosts.remove(at);
        running.instances.retain(|one| one.host != host.name);
        self.lost.push(host);
        if self.lost.len() > 20 {
            self.host_is_back();
        }
    }

    fn host_is_back(&mut self) {
        if !self.lost.is_empty() {
            let host = self.lost.remove(0);
            self.case.cluster.hosts.push(host);
        }
    }

    fn is_scaled(&mut self, draw: &mut Draw) {
        let at = draw.below(self.given[0].tasks.len());
        let count = &mut self.given[0].tasks[at].count;
        let by = u32::try_from(1 + draw.below(10)).unwrap_or(1);
        *count = if draw.below(2) == 0 { *count + by } else { count.saturating_sub(by).max(1) };
    }

    /// The weight of a wish changes.
    fn is_edited(&mut self, draw: &mut Draw) {
        let at = draw.below(self.given[0].tasks.len());
        let biases = &mut self.given[0].tasks[at].biases;
        let soft = biases.iter_mut().filter(|one| matches!(one.word, Word::Prefer | Word::Avoid));
        if let Some(bias) = soft.last() {
            bias.weight = u8::try_from(1 + draw.below(100)).unwrap_or(1);
        }
    }

    /// A task like another one, under a name of its own and without rules.
    fn is_added(&mut self, draw: &mut Draw) {
        let at = draw.below(self.given[0].tasks.len());
        let mut spec = self.given[0].tasks[at].clone();
        let Ok(path) = format!("z{}", self.given[0].tasks.len()).parse() else { return };
        spec.path = path;
        spec.count = u32::try_from(1 + draw.below(10)).unwrap_or(1);
        spec.biases.clear();
        spec.tags.clear();
        self.given[0].tasks.push(spec);
        self.given[0].tasks.sort_by(|one, other| one.path.cmp(&other.path));
    }
}
