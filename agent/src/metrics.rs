//! The agent's figures, as Prometheus reads them.
//!
//! Owns their names (docs/metrics.md has each of them). Figures that follow from the machine's state are read when they are asked for.

use std::sync::atomic::AtomicU64;

use lathe_api::door::Requests;
use lathe_gossip::{Counts, Refused};
use lathe_hooks::engine::HookStatus;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::gossip::Shown;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCode {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    hook: String,
}

/// Counters of one agent; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) requests: Requests,
    /// Streams that were opened.
    pub(crate) streams: Counter,
    /// Times that a registry was asked for everything.
    pub(crate) polls: Counter,
    /// Older or contradicting state that was refused.
    pub(crate) alarms: Counter,
    /// Copies that could not be put on disk.
    pub(crate) unsaved: Counter,
    /// Packets by DNS without an answer.
    pub(crate) dns_dropped: Counter,
    dns_answers: Family<OfCode, Counter>,
}

/// What is looked up when metrics are asked for.
#[derive(Debug)]
pub(crate) struct Now {
    pub(crate) age_ms: u64,
    pub(crate) followed: bool,
    pub(crate) entries: u64,
    pub(crate) version: u64,
    pub(crate) hooks: Vec<HookStatus>,
    /// None where the agent does not gossip.
    pub(crate) gossip: Option<Shown>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    why: &'static str,
}

impl Metrics {
    /// A question was answered with this code.
    pub(crate) fn dns_answered(&self, code: &'static str) {
        self.dns_answers.get_or_create(&OfCode { code }).inc();
    }

    pub(crate) fn render(&self, now: &Now) -> String {
        let mut registry = Registry::with_prefix("lathe_agent");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What runs", version);
        registry.register("requests", "Requests answered", self.requests.metric());
        // Those that did not happen are shown as such.
        for code in lathe_dns::CODE_NAMES {
            let _ = self.dns_answers.get_or_create(&OfCode { code });
        }
        registry.register("dns_answers", "Questions by DNS answered", self.dns_answers.clone());
        for (name, help, counter) in [
            ("dns_dropped", "Packets by DNS that were not answered", &self.dns_dropped),
            ("streams", "Streams that were asked for", &self.streams),
            ("polls", "Rounds of asking a registry", &self.polls),
            ("alarms", "State that was refused", &self.alarms),
            ("copies_unsaved", "Copies that could not be put on disk", &self.unsaved),
        ] {
            registry.register(name, help, counter.clone());
        }
        for (name, help, value) in [
            ("followed", "1 while a registry is followed", u64::from(now.followed)),
            ("entries", "Entries in the copy", now.entries),
            ("version", "The newest version in the copy", now.version),
        ] {
            registry.register(name, help, ConstGauge::<i64>::new(signed(value)));
        }
        let age = Gauge::<f64, AtomicU64>::default();
        age.set(f64::from(u32::try_from(now.age_ms).unwrap_or(u32::MAX)) / 1e3);
        registry.register_with_unit("age", "How old the copy may be", Unit::Seconds, age);
        register_hooks(&mut registry, &now.hooks);
        register_gossip(&mut registry, now.gossip.as_ref());
        let mut text = String::new();
        encode(&mut text, &registry).expect("a string takes text");
        text
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn register_hooks(registry: &mut Registry, hooks: &[HookStatus]) {
    let [pending, failures, version] = [(); 3].map(|()| Family::<Of, Gauge>::default());
    for hook in hooks {
        let of = Of { hook: hook.hook.clone() };
        pending.get_or_create(&of).set(i64::from(hook.pending));
        failures.get_or_create(&of).set(i64::from(hook.failures));
        version.get_or_create(&of).set(signed(hook.acknowledged.unwrap_or(0)));
    }
    registry.register("hook_pending", "1 while a run is announced and not acknowledged", pending);
    registry.register("hook_failures", "Failures since the last success", failures);
    registry.register("hook_version", "The version that was acknowledged last", version);
}

fn register_gossip(registry: &mut Registry, shown: Option<&Shown>) {
    let members = shown.map_or(0, |shown| shown.members.len() as u64);
    registry.register(
        "gossip_members",
        "Other agents that are alive, as far as is known",
        ConstGauge::<i64>::new(signed(members)),
    );
    let counts = shown.map(|shown| shown.counts.clone()).unwrap_or_default();
    let Counts { sent, sent_bytes, received, received_bytes, forged, taken, rounds, .. } = counts;
    for (name, help, value) in [
        ("gossip_rounds", "Rounds of gossip", rounds),
        ("gossip_packets_sent", "Packets of gossip sent", sent),
        ("gossip_sent_bytes", "Bytes of gossip sent", sent_bytes),
        ("gossip_packets_received", "Packets of gossip that came", received),
        ("gossip_received_bytes", "Bytes of gossip that came", received_bytes),
        ("gossip_statements", "Newer statements that came by gossip", taken),
        ("gossip_forged", "Statements that no trusted registry has signed", forged),
    ] {
        registry.register(name, help, ConstCounter::new(value));
    }
    let refused = Family::<Because, Counter>::default();
    for why in Refused::ALL {
        let number = counts.refused.get(&why).copied().unwrap_or_default();
        refused.get_or_create(&Because { why: why.word() }).inc_by(number);
    }
    registry.register("gossip_refused", "Packets of gossip that were not taken", refused);
}
