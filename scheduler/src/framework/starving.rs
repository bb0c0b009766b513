//! A repair whose hosts have room and make no offers: since when, which, and whether a quota is why.

use std::collections::BTreeSet;

use super::Framework;
use super::command::Command;
use super::ids::{HostName, Time};

/// Hosts that are named; of more, how many there are.
const NAMED_MAX: usize = 3;

/// What is waited for in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Starving {
    /// Since when, and for whose offers; none while nothing is.
    waits: Option<(Time, BTreeSet<HostName>)>,
    /// What the master says of our role's quota, if it has one.
    quota: Option<String>,
}

impl Framework {
    /// A repair has had no offers that carry it, since then.
    pub(super) fn starves(
        &mut self,
        since: Time,
        hosts: BTreeSet<HostName>,
        out: &mut Vec<Command>,
    ) {
        let since = self.starving.waits.take().map_or(since, |(first, _)| first);
        self.starving.waits = Some((since, hosts));
        out.push(Command::AskQuota);
    }

    /// Offers have come, nothing is missing any more, or there is another reason.
    pub(super) fn starves_no_more(&mut self) {
        self.starving.waits = None;
    }

    pub(super) fn quota_told(&mut self, quota: Option<String>) {
        self.starving.quota = quota;
    }

    /// For how long which hosts have made no offers, and the quota that may be why.
    pub(super) fn why_starving(&self) -> Option<String> {
        let (since, hosts) = self.starving.waits.as_ref()?;
        let seconds = self.now_seen.saturating_sub(*since) / 1_000;
        let text = format!("no sufficient offers for {seconds} s from {}", named(hosts));
        Some(self.with_quota(format!("{text}, which by the master's list have room")))
    }

    /// The same sentence, and the role's quota where there is one.
    pub(super) fn with_quota(&self, sentence: String) -> String {
        match &self.starving.quota {
            Some(quota) => format!("{sentence}; {quota}"),
            None => sentence,
        }
    }
}

fn named(hosts: &BTreeSet<HostName>) -> String {
    let mut names: Vec<String> = hosts.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    if hosts.len() > NAMED_MAX {
        names.push(format!("{} more", hosts.len() - NAMED_MAX));
    }
    names.join(", ")
}
