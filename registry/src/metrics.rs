//! Counters and gauges of the registry, as Prometheus reads them.
//!
//! Owns their names; must not know who counts.

use lathe_catalog::State;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::directory::Directory;

/// All of them; clones share the numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) reads: Counter,
    pub(crate) not_modified: Counter,
    pub(crate) beats: Counter,
    pub(crate) beats_refused: Counter,
    pub(crate) watches: Counter,
    pub(crate) watches_refused: Counter,
    pub(crate) sessions: Counter,
    pub(crate) writes: Counter,
    pub(crate) writes_failed: Counter,
    batches: Gauge,
    watchers: Gauge,
    groups: Gauge,
    heard: Gauge,
    brake: Gauge,
    commit: Gauge,
    age_ms: Gauge,
    starting: Gauge,
    ready: Gauge,
    suspect: Gauge,
    draining: Gauge,
    gone: Gauge,
}

impl Metrics {
    /// The text of all metrics, with the directory as it is at this moment.
    pub(crate) fn render(&self, directory: &Directory, now_ms: u64) -> String {
        self.read(directory, now_ms);
        let mut registry = Registry::with_prefix("lathe_registry");
        for (name, help, counter) in [
            ("reads", "look-ups answered", &self.reads),
            ("reads_not_modified", "look-ups answered by 304", &self.not_modified),
            ("beats", "heartbeats taken", &self.beats),
            ("beats_refused", "heartbeats refused", &self.beats_refused),
            ("watches", "streams opened", &self.watches),
            ("watches_refused", "streams refused", &self.watches_refused),
            ("store_sessions", "sessions opened with the store", &self.sessions),
            ("store_writes", "writes to the store that are durable", &self.writes),
            ("store_writes_failed", "writes to the store that failed", &self.writes_failed),
        ] {
            registry.register(name, help, counter.clone());
        }
        for (name, help, gauge) in [
            ("batches_sent", "batches sent to watchers since the start", &self.batches),
            ("watchers", "streams that are open", &self.watchers),
            ("groups", "groups that are known", &self.groups),
            ("instances_heard", "incarnations that were heard and are watched", &self.heard),
            ("brake", "1 while mass suspicion is held back", &self.brake),
            ("commit", "commit of the store that is shown", &self.commit),
            ("age_milliseconds", "how long the store was not heard", &self.age_ms),
            ("instances_starting", "incarnations that start", &self.starting),
            ("instances_ready", "incarnations that are ready", &self.ready),
            ("instances_suspect", "incarnations that are silent", &self.suspect),
            ("instances_draining", "incarnations that end", &self.draining),
            ("instances_gone", "incarnations that ended", &self.gone),
        ] {
            registry.register(name, help, gauge.clone());
        }
        let mut text = String::new();
        encode(&mut text, &registry).expect("a string takes text");
        text
    }

    fn read(&self, directory: &Directory, now_ms: u64) {
        let counts = directory.counts();
        let catalog = directory.catalog();
        for (gauge, value) in [
            (&self.batches, counts.batches),
            (&self.watchers, counts.watchers),
            (&self.heard, counts.heard),
            (&self.brake, u64::from(counts.brake)),
            (&self.commit, catalog.commit()),
            (&self.age_ms, directory.age_ms(now_ms)),
            (&self.groups, catalog.changed_since(0).count() as u64),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let states = [
            (&self.starting, State::Starting),
            (&self.ready, State::Ready),
            (&self.suspect, State::Suspect),
            (&self.draining, State::Draining),
            (&self.gone, State::Gone),
        ];
        for (gauge, state) in states {
            let count = catalog.entries().filter(|entry| entry.state == state).count();
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
