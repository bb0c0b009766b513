//! The scheduler's events as a story of lives: who ended, who came after whom and when.
//!
//! Owns what no event may contradict: numbers of lives only rise, and none is launched or starts
//! twice. It must not know why somebody ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::Request;
use crate::lathe::Lathe;
use crate::sse::{Event, Events};
use crate::waiting::SOON;

/// A hung instance takes its time to be found; what takes longer is told one by one.
const SLOW: Duration = Duration::from_secs(6);

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Instances that were hit and whose next life is not ready yet: the life that was hit, by what
    /// and when.
    awaited: BTreeMap<String, (u64, &'static str, Instant)>,
    ready: BTreeMap<String, (u64, Instant)>,
    launched: BTreeSet<(String, u64)>,
    started: BTreeSet<(String, u64)>,
    ended: BTreeSet<(String, u64)>,
    highest: BTreeMap<String, u64>,
    /// From a hit to the next life's being ready.
    pub(super) replaced: BTreeMap<&'static str, Vec<Duration>>,
    pub(super) contradictions: Vec<String>,
    /// Lives launched in the place of those to whom nothing was done.
    pub(super) unasked: Vec<String>,
    /// Replacements that took long, of whatever cause.
    pub(super) slow: Vec<String>,
    is_over: bool,
}

/// A thread that listens.
#[derive(Debug)]
pub(super) struct Story {
    told: Arc<Mutex<Told>>,
    _listens: JoinHandle<()>,
}

impl Story {
    /// From now on.
    pub(super) fn follow(lathe: &Lathe) -> Self {
        let told: Arc<Mutex<Told>> = Arc::default();
        // An id that was never given: what was before is passed over.
        let request = Request::get(format!("{}/v1/events", lathe.scheduler()))
            .bearer(&lathe.token())
            .header("last-event-id", &(u64::MAX >> 1).to_string());
        let mut events = Events::of(request);
        let listens = std::thread::spawn({
            let told = Arc::clone(&told);
            move || loop {
                let heard = events.try_next(SOON);
                let mut told = lock(&told);
                match heard {
                    _ if told.is_over => return,
                    Ok(Some(event)) => told.take(&event),
                    Ok(None) => return told.contradictions.push("the events ended".to_owned()),
                    Err(error) => return told.contradictions.push(format!("events: {error}")),
                }
            }
        });
        Self { told, _listens: listens }
    }

    /// These lives are about to be hit.
    pub(super) fn hit(&self, by: &'static str, lives: &[(String, u64)]) {
        let (mut told, now) = (lock(&self.told), Instant::now());
        for (instance, life) in lives {
            told.awaited.entry(instance.clone()).or_insert((*life, by, now));
        }
    }

    /// They were not hit after all.
    pub(super) fn missed(&self, lives: &[(String, u64)]) {
        let mut told = lock(&self.told);
        for (instance, _) in lives {
            told.awaited.remove(instance);
        }
    }

    pub(super) fn is_awaited(&self, instance: &str) -> bool {
        lock(&self.told).awaited.contains_key(instance)
    }

    pub(super) fn nobody_is_awaited(&self) -> bool {
        lock(&self.told).awaited.is_empty()
    }

    /// How long it has been ready in its present life; None when that was before the story.
    pub(super) fn ready_for(&self, instance: &str) -> Option<Duration> {
        lock(&self.told).ready.get(instance).map(|(_, since)| since.elapsed())
    }

    pub(super) fn finish(self) -> Told {
        let mut told = lock(&self.told);
        std::mem::replace(&mut *told, Told { is_over: true, ..Told::default() })
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    fn take(&mut self, event: &Event) {
        let now = Instant::now();
        let Some((instance, life)) = event.data["incarnation"].as_str().and_then(parts) else {
            return;
        };
        let pair = (instance.clone(), life);
        match event.data["kind"].as_str().unwrap_or(&event.kind) {
            "launched" => {
                let highest = self.highest.entry(instance.clone()).or_default();
                let rises = life > *highest;
                *highest = life.max(*highest);
                if !self.awaited.contains_key(&instance) {
                    self.unasked.push(format!("{instance}.{life}"));
                }
                if !self.launched.insert(pair) || !rises {
                    self.contradictions.push(format!("{instance}.{life} was launched again"));
                }
            }
            "starting" => self.starts(pair),
            "ready" => {
                if self.ended.contains(&pair) {
                    let what = format!("{instance}.{life} was ready after its end");
                    self.contradictions.push(what);
                }
                let is_next = self.awaited.get(&instance).filter(|(hit, ..)| life > *hit).copied();
                if let Some((_, by, at)) = is_next {
                    self.awaited.remove(&instance);
                    self.replaced.entry(by).or_default().push(now - at);
                    if now - at > SLOW {
                        let took = (now - at).as_secs_f64();
                        self.slow.push(format!("{instance}.{life} in {took:.1} s, {by}"));
                    }
                }
                self.ready.insert(instance, (life, now));
            }
            "ended" => drop(self.ended.insert(pair)),
            _ => {}
        }
    }

    fn starts(&mut self, life: (String, u64)) {
        if self.started.contains(&life) {
            self.contradictions.push(format!("{}.{} was started again", life.0, life.1));
        }
        self.started.insert(life);
    }
}

fn parts(incarnation: &str) -> Option<(String, u64)> {
    let (instance, life) = incarnation.rsplit_once('.')?;
    Some((instance.to_owned(), life.parse().ok()?))
}
