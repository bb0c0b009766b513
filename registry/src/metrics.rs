//! The registry's figures, as Prometheus reads them.
//!
//! Owns their names (docs/metrics.md has each of them); must not know who counts.

use std::sync::atomic::AtomicU64;

use lathe_api::door::Requests;
use lathe_catalog::{Entry, State};
use lathe_hooks::monitor::Status;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::directory::{Directory, Set};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCode {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfHook {
    hook: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProgram {
    hook: String,
    outcome: &'static str,
}

/// All of them; clones share the numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) requests: Requests,
    pub(crate) reads: Counter,
    pub(crate) not_modified: Counter,
    pub(crate) beats: Counter,
    pub(crate) beats_refused: Counter,
    pub(crate) passed_here: Counter,
    pub(crate) passed_on: Counter,
    pub(crate) not_passed_on: Counter,
    pub(crate) watches: Counter,
    pub(crate) watches_refused: Counter,
    pub(crate) waits: Counter,
    pub(crate) messages: Counter,
    pub(crate) values: Counter,
    pub(crate) acks: Counter,
    pub(crate) sessions: Counter,
    pub(crate) writes: Counter,
    pub(crate) writes_failed: Counter,
    pub(crate) dns_dropped: Counter,
    dns_answers: Family<OfCode, Counter>,
    suspicions: Counter,
    hook_programs: Family<OfProgram, Counter>,
}

impl Metrics {
    /// The machine wants this to be written.
    pub(crate) fn found(&self, sets: &[Set]) {
        let entries = sets.iter().filter_map(|set| serde_json::from_slice::<Entry>(&set.data).ok());
        let suspects = entries.filter(|entry| entry.state == State::Suspect).count();
        self.suspicions.inc_by(suspects as u64);
    }

    /// A question was answered with this code.
    pub(crate) fn dns_answered(&self, code: &'static str) {
        self.dns_answers.get_or_create(&OfCode { code }).inc();
    }

    /// A hook's program has ended here.
    pub(crate) fn hook_ended(&self, hook: &str, ok: bool) {
        let of = OfProgram { hook: hook.to_owned(), outcome: if ok { "ok" } else { "failed" } };
        self.hook_programs.get_or_create(&of).inc();
    }

    /// The text of all metrics, with the directory and the hooks as they are at this moment.
    pub(crate) fn render(&self, directory: &Directory, hooks: &[Status], now_ms: u64) -> String {
        let mut registry = Registry::with_prefix("lathe_registry");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What runs", version);
        self.register_counters(&mut registry);
        register_state(&mut registry, directory);
        self.register_hooks(&mut registry, hooks);
        let age = Gauge::<f64, AtomicU64>::default();
        age.set(f64::from(u32::try_from(directory.age_ms(now_ms)).unwrap_or(u32::MAX)) / 1e3);
        registry.register_with_unit(
            "store_age",
            "How long the store was not heard",
            Unit::Seconds,
            age,
        );
        let mut text = String::new();
        encode(&mut text, &registry).expect("a string takes text");
        text
    }

    fn register_hooks(&self, registry: &mut Registry, hooks: &[Status]) {
        let [waiting, failures, runs] = [(); 3].map(|()| Family::<OfHook, Gauge>::default());
        for hook in hooks {
            let of = OfHook { hook: hook.hook.clone() };
            for (family, value) in
                [(&waiting, hook.waiting), (&failures, hook.failures), (&runs, hook.runs)]
            {
                family.get_or_create(&of).set(i64::try_from(value).unwrap_or(i64::MAX));
            }
            for outcome in ["ok", "failed"] {
                let of = OfProgram { hook: hook.hook.clone(), outcome };
                let _ = self.hook_programs.get_or_create(&of);
            }
        }
        registry.register("hook_waiting", "Events that nobody has taken up", waiting);
        registry.register("hook_failures", "Tries of the run under way that failed", failures);
        registry.register("hook_runs", "Runs that any registry has claimed ever", runs);
        let help = "Programs of hooks that ended here";
        registry.register("hook_programs", help, self.hook_programs.clone());
    }

    fn register_counters(&self, registry: &mut Registry) {
        registry.register("requests", "Requests answered", self.requests.metric());
        // Those that did not happen are shown as such.
        for code in lathe_dns::CODE_NAMES {
            let _ = self.dns_answers.get_or_create(&OfCode { code });
        }
        registry.register("dns_answers", "Questions by DNS answered", self.dns_answers.clone());
        for (name, help, counter) in [
            ("reads", "Look-ups answered", &self.reads),
            ("reads_not_modified", "Look-ups answered by 304", &self.not_modified),
            ("beats", "Heartbeats taken", &self.beats),
            ("beats_refused", "Heartbeats refused", &self.beats_refused),
            ("beats_passed_here", "Heartbeats taken from other registries", &self.passed_here),
            ("beats_passed_on", "Heartbeats passed on to their owners", &self.passed_on),
            (
                "beats_not_passed_on",
                "Heartbeats that another way was sought for",
                &self.not_passed_on,
            ),
            ("watches", "Streams opened", &self.watches),
            ("watches_refused", "Streams refused", &self.watches_refused),
            ("waits", "Look-ups that waited for a change", &self.waits),
            ("messages", "Messages to groups taken", &self.messages),
            ("values", "Values of groups set or let go", &self.values),
            ("acks", "Acknowledgements of messages taken", &self.acks),
            ("dns_dropped", "Packets by DNS that were not answered", &self.dns_dropped),
            ("suspicions", "Incarnations that were found silent", &self.suspicions),
            ("store_sessions", "Sessions opened with the store", &self.sessions),
            ("store_writes", "Writes to the store that are durable", &self.writes),
            ("store_writes_failed", "Writes to the store that failed", &self.writes_failed),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

fn register_state(registry: &mut Registry, directory: &Directory) {
    let counts = directory.counts();
    let catalog = directory.catalog();
    let help = "Batches sent to watchers";
    registry.register("batches", help, ConstCounter::new(counts.batches));
    for (name, help, value) in [
        ("watchers", "Streams that are open and look-ups that wait", counts.watchers),
        ("groups", "Groups that are known", catalog.changed_since(0).count() as u64),
        ("instances_heard", "Incarnations that were heard and are watched", counts.heard),
        ("instances_owned", "Incarnations that this registry judges", counts.owned),
        ("brake", "1 while mass suspicion is held back", u64::from(counts.brake)),
        ("store_commit", "Commit of the store that is shown", catalog.commit()),
    ] {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        registry.register(name, help, ConstGauge::<i64>::new(value));
    }
    let instances = Family::<InState, Gauge>::default();
    for (state, name) in [
        (State::Starting, "starting"),
        (State::Ready, "ready"),
        (State::Suspect, "suspect"),
        (State::Draining, "draining"),
        (State::Gone, "gone"),
    ] {
        let count = catalog.entries().filter(|entry| entry.state == state).count();
        let gauge = instances.get_or_create(&InState { state: name }).clone();
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("instances", "Incarnations by state", instances);
}
