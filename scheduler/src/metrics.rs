//! The scheduler's figures, as Prometheus reads them.
//!
//! Owns their names (docs/metrics.md has each of them) and what is counted when. It must not know
//! who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lathe_api::door::Requests;
use lathe_api::rest::{EventView, StatusView};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::framework::command::{Answer, Call};
use crate::framework::views::Counts;

/// The states that instances are counted in.
const STATES: [&str; 7] =
    ["waiting", "launching", "starting", "ready", "unreachable", "killing", "finished"];

/// How incarnations end.
const ENDS: [&str; 9] =
    ["finished", "failed", "killed", "error", "dropped", "lost", "gone", "unknown", "other"];
/// What becomes of submissions.
const SUBMISSIONS: [&str; 4] = ["accepted", "unchanged", "refused", "reverted"];
/// The calls that are made.
const CALLS: [&str; 7] =
    ["accept", "decline", "revive", "suppress", "kill", "acknowledge", "reconcile"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WithOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCall {
    call: &'static str,
}

/// All of them; clones share the numbers.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Requests of the listener.
    pub requests: Requests,
    registry: Arc<Registry>,
    /// Whether the last write was given an answer, or a new leader's reads since.
    store_answers: Arc<AtomicBool>,
    connected: Gauge,
    term: Gauge,
    hosts: Gauge,
    topologies: Gauge,
    instances: Family<InState, Gauge>,
    launches: Counter,
    ends: Family<WithOutcome, Counter>,
    submissions: Family<WithOutcome, Counter>,
    offers: Counter,
    offers_held: Gauge,
    questions_waiting: Gauge,
    unanswered: Gauge,
    losses_held: Gauge,
    leaving_stuck: Gauge,
    callers: Gauge,
    inputs_waiting: Gauge,
    calls: Family<OfCall, Counter>,
    calls_failed: Family<OfCall, Counter>,
    subscriptions: Counter,
    step: Histogram,
    plan: Histogram,
    persist: Histogram,
    persist_batches: Histogram,
    persist_retries: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let micros = || Histogram::new(exponential_buckets(1e-5, 4.0, 10));
        let millis = || Histogram::new(exponential_buckets(1e-3, 2.0, 15));
        let mut metrics = Self {
            requests: Requests::default(),
            registry: Arc::default(),
            store_answers: Arc::new(AtomicBool::new(true)),
            connected: Gauge::default(),
            term: Gauge::default(),
            hosts: Gauge::default(),
            topologies: Gauge::default(),
            instances: Family::default(),
            launches: Counter::default(),
            ends: Family::default(),
            submissions: Family::default(),
            offers: Counter::default(),
            offers_held: Gauge::default(),
            questions_waiting: Gauge::default(),
            unanswered: Gauge::default(),
            losses_held: Gauge::default(),
            leaving_stuck: Gauge::default(),
            callers: Gauge::default(),
            inputs_waiting: Gauge::default(),
            calls: Family::default(),
            calls_failed: Family::default(),
            subscriptions: Counter::default(),
            step: micros(),
            plan: millis(),
            persist: millis(),
            persist_batches: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            persist_retries: Counter::default(),
        };
        metrics.begin_at_zero();
        metrics.registry = Arc::new(metrics.registered());
        metrics
    }
}

impl Metrics {
    /// What has not happened yet is 0, not absent.
    fn begin_at_zero(&self) {
        for outcome in ENDS {
            let _ = self.ends.get_or_create(&WithOutcome { outcome });
        }
        for outcome in SUBMISSIONS {
            let _ = self.submissions.get_or_create(&WithOutcome { outcome });
        }
        for call in CALLS {
            let _ = self.calls.get_or_create(&OfCall { call });
            let _ = self.calls_failed.get_or_create(&OfCall { call });
        }
    }

    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix("lathe_scheduler");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What runs", version);
        self.register_gauges(&mut registry);
        self.register_counters(&mut registry);
        for (name, help, histogram) in [
            ("step", "One step of the framework", &self.step),
            ("plan", "The making of one plan", &self.plan),
            ("persist", "One durable write, retries included", &self.persist),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
        let help = "Batches of the framework in one durable write";
        registry.register("persist_batches", help, self.persist_batches.clone());
        registry
    }

    fn register_gauges(&self, registry: &mut Registry) {
        registry.register("instances", "Instances by state", self.instances.clone());
        for (name, help, gauge) in [
            ("connected", "1 with a master, 0 without", &self.connected),
            ("term", "The leader's number", &self.term),
            ("hosts", "Hosts that the master lists", &self.hosts),
            ("topologies", "Accepted topologies", &self.topologies),
            ("offers_held", "Offers that are held for a plan", &self.offers_held),
            ("questions_waiting", "Questions that wait for their turn", &self.questions_waiting),
            ("unreconciled", "Incarnations that the master was asked about", &self.unanswered),
            ("losses_held", "Hosts that went at once and are waited for", &self.losses_held),
            ("leaving_stuck", "Instances that cannot leave their hosts", &self.leaving_stuck),
            ("callers", "Callers that wait for answers", &self.callers),
            ("inputs_waiting", "Inputs that wait for the loop", &self.inputs_waiting),
        ] {
            registry.register(name, help, gauge.clone());
        }
    }

    fn register_counters(&self, registry: &mut Registry) {
        let help = "Incarnations that ended, by how";
        registry.register("ends", help, self.ends.clone());
        let help = "What became of submissions and edits";
        registry.register("submissions", help, self.submissions.clone());
        registry.register("calls", "Calls made of the master", self.calls.clone());
        let help = "Calls that the master did not take";
        registry.register("calls_failed", help, self.calls_failed.clone());
        registry.register("requests", "Requests answered", self.requests.metric());
        for (name, help, counter) in [
            ("launches", "Incarnations whose launch is durable", &self.launches),
            ("offers", "Offers that arrived", &self.offers),
            ("subscriptions", "Subscriptions that the master took", &self.subscriptions),
            ("persist_retries", "Writes that were tried again", &self.persist_retries),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    /// The text, with the state as it is at this moment.
    ///
    /// # Errors
    /// Never: a string takes everything.
    pub fn render(&self, status: &StatusView, counts: Counts) -> Result<String, std::fmt::Error> {
        self.connected.set(i64::from(status.scheduler.connected));
        for (gauge, number) in [
            (&self.term, usize::try_from(status.scheduler.term).unwrap_or(usize::MAX)),
            (&self.hosts, counts.hosts),
            (&self.topologies, status.topologies.len()),
            (&self.offers_held, counts.offers_held),
            (&self.questions_waiting, counts.questions_waiting),
            (&self.unanswered, counts.unreconciled),
            (&self.losses_held, counts.losses_held),
            (&self.leaving_stuck, counts.leaving_stuck),
        ] {
            gauge.set(signed(number));
        }
        for state in STATES {
            let number = status.instances.iter().filter(|one| one.state == state).count();
            self.instances.get_or_create(&InState { state }).set(signed(number));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    pub(crate) fn published(&self, event: &EventView) {
        match event.kind.as_str() {
            "launched" => drop(self.launches.inc()),
            "ended" => {
                let outcome = outcome_of(&event.message);
                self.ends.get_or_create(&WithOutcome { outcome }).inc();
            }
            _ => {}
        }
    }

    pub(crate) fn answered(&self, answer: &Answer) {
        let outcome = match answer {
            Answer::Committed { .. } => "accepted",
            Answer::Done { changed: false, .. } => "unchanged",
            Answer::Refused(refused) if refused.verdict == "reverted" => "reverted",
            Answer::Refused(_) => "refused",
            _ => return,
        };
        self.submissions.get_or_create(&WithOutcome { outcome }).inc();
    }

    pub(crate) fn called(&self, call: &Call) -> &'static str {
        let call = match call {
            Call::Accept { .. } => "accept",
            Call::Decline { .. } => "decline",
            Call::AcceptInverse { .. } => "accept_inverse_offers",
            Call::DeclineInverse { .. } => "decline_inverse_offers",
            Call::Revive => "revive",
            Call::Suppress => "suppress",
            Call::Kill { .. } | Call::KillStray { .. } => "kill",
            Call::Acknowledge { .. } => "acknowledge",
            Call::Reconcile { .. } | Call::ReconcileAll => "reconcile",
        };
        self.calls.get_or_create(&OfCall { call }).inc();
        call
    }

    pub(crate) fn call_failed(&self, call: &'static str) {
        self.calls_failed.get_or_create(&OfCall { call }).inc();
    }

    pub(crate) fn subscribed(&self) {
        self.subscriptions.inc();
    }

    pub(crate) fn offered(&self, offers: usize) {
        self.offers.inc_by(u64::try_from(offers).unwrap_or(u64::MAX));
    }

    pub(crate) fn stepped(&self, took: Duration) {
        self.step.observe(took.as_secs_f64());
    }

    pub(crate) fn planned(&self, took: Duration) {
        self.plan.observe(took.as_secs_f64());
    }

    pub(crate) fn waiting(&self, inputs: usize, callers: usize) {
        self.inputs_waiting.set(signed(inputs));
        self.callers.set(signed(callers));
    }

    pub(crate) fn persisted(&self, batches: usize, took: Duration) {
        self.store_answers.store(true, Ordering::Relaxed);
        self.persist.observe(took.as_secs_f64());
        self.persist_batches.observe(f64::from(u32::try_from(batches).unwrap_or(u32::MAX)));
    }

    /// It has given everything to one that leads from now on, which may have nothing to write for long.
    pub(crate) fn recovered(&self) {
        self.store_answers.store(true, Ordering::Relaxed);
    }

    pub(crate) fn persist_retried(&self) {
        self.store_answers.store(false, Ordering::Relaxed);
        self.persist_retries.inc();
    }

    /// Whether the store answers, as far as the last write, or a new leader's reads since, know.
    #[must_use]
    pub fn store_answers(&self) -> bool {
        self.store_answers.load(Ordering::Relaxed)
    }
}

/// The word of a state that an end's message begins with.
fn outcome_of(message: &str) -> &'static str {
    let word = message.split(':').next().unwrap_or_default();
    ENDS.into_iter().find(|known| word.starts_with(known)).unwrap_or("other")
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
