//! Groups as this process knows them, and the choice among their instances.
//!
//! Owns the last that was heard of each group and which endpoint comes next. It must not know who
//! tells it, nor how requests travel.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use lathe_catalog::{Entry, GroupView, State};
use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::forward::pool::Pool;
use crate::random::below;
use crate::server::Metrics;

/// The most groups that one process follows.
const MOST: usize = 256;
/// How long an endpoint that failed is left out at first; doubled with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest time that an endpoint is left out.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// All groups that this process follows.
pub(crate) struct Groups {
    by_name: RwLock<BTreeMap<String, Arc<Group>>>,
    /// Counted up with every group that is new.
    pub(crate) wanted: watch::Sender<u64>,
    /// Nobody tells of further groups: a group that is new has no members.
    is_complete: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Groups {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            by_name: RwLock::default(),
            wanted: watch::Sender::new(0),
            is_complete: AtomicBool::new(false),
            metrics,
        }
    }

    /// The group of this name; follows it from now on. Beyond the limit of groups a group is given
    /// that is never filled.
    pub(crate) fn get(&self, name: &str) -> Arc<Group> {
        let known = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = known.get(name) {
            return Arc::clone(group);
        }
        drop(known);
        let mut all = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(name) {
            crate::log::line("too many groups are followed", &[("left_out", &name)]);
            return Arc::new(Group::new(name, Arc::clone(&self.metrics)));
        }
        let fresh = || Arc::new(Group::new(name, Arc::clone(&self.metrics)));
        let group = Arc::clone(all.entry(name.to_owned()).or_insert_with(fresh));
        drop(all);
        if self.is_complete.load(Ordering::Relaxed) {
            group.take(nobody(name));
        }
        self.wanted.send_modify(|count| *count += 1);
        group
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Takes what was heard of a group that is followed.
    pub(crate) fn take(&self, view: GroupView) {
        let all = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        let group = all.get(&view.group).cloned();
        drop(all);
        if let Some(group) = group {
            group.take(view);
        }
    }

    /// Everything there is was heard: a group without news has no members.
    pub(crate) fn settle(&self, names: &[String]) {
        for name in names {
            let group = self.get(name);
            if group.members.borrow().is_none() {
                group.take(nobody(name));
            }
        }
    }

    /// Without a registry nobody will tell of further groups: those that are asked for from now on
    /// have no members.
    pub(crate) fn complete(&self) {
        self.is_complete.store(true, Ordering::Relaxed);
        self.settle(&self.names());
    }
}

fn nobody(name: &str) -> GroupView {
    let (history, entries) = (String::new(), Vec::new());
    GroupView { group: name.to_owned(), history, version: 0, entries }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// One group: the last that was heard of it.
#[derive(Debug)]
pub(crate) struct Group {
    name: String,
    members: watch::Sender<Option<Members>>,
    pub(crate) metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Members {
    history: String,
    version: u64,
    entries: Vec<Entry>,
    ready: Vec<Arc<Endpoint>>,
    /// Those of which something is known to be wrong: better than none.
    suspect: Vec<Arc<Endpoint>>,
    /// When the last one that was ready went away, if one ever was.
    emptied: Option<Instant>,
}

impl Group {
    fn new(name: &str, metrics: Arc<Metrics>) -> Self {
        Self { name: name.to_owned(), members: watch::Sender::new(None), metrics }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.members.borrow().as_ref().map(|members| members.entries.clone()).unwrap_or_default()
    }

    /// Version of the last that was heard; 0 before that.
    pub(crate) fn version(&self) -> u64 {
        self.members.borrow().as_ref().map_or(0, |members| members.version)
    }

    pub(crate) fn is_known(&self) -> bool {
        self.members.borrow().is_some()
    }

    pub(crate) async fn known(&self) {
        // The sender lives in this group.
        let _ = self.members.subscribe().wait_for(Option::is_some).await;
    }

    /// What is heard of the group from now on.
    pub(crate) fn news(&self) -> News {
        News(self.members.subscribe())
    }

    /// Until when it makes sense to wait for somebody: the last one went away just now, and
    /// another takes its place as a rule.
    pub(crate) fn hopes_until(&self, patience: Duration) -> Option<Instant> {
        self.members.borrow().as_ref()?.emptied.map(|at| at + patience)
    }

    /// An endpoint that is not among `tried`: the less busy of two drawn by chance. Where every
    /// other failed just now, one of those that did is better than none; where none is ready, one
    /// that is suspect.
    pub(crate) fn pick(&self, tried: &[Arc<Endpoint>]) -> Option<Arc<Endpoint>> {
        let members = self.members.borrow();
        let members = members.as_ref()?;
        let ready = if members.ready.is_empty() { &members.suspect } else { &members.ready };
        let now = Instant::now();
        let untried = |end: &&Arc<Endpoint>| !tried.iter().any(|other| Arc::ptr_eq(other, end));
        let fit = |end: &&Arc<Endpoint>| !end.is_paused(now);
        if tried.is_empty() && ready.iter().all(|end| fit(&end)) {
            return less_busy(ready.len(), |at| ready.get(at));
        }
        let mut left: Vec<&Arc<Endpoint>> = ready.iter().filter(untried).collect();
        if left.iter().any(fit) {
            left.retain(fit);
        }
        less_busy(left.len(), |at| left.get(at).copied())
    }

    /// Whether another than this one is ready.
    pub(crate) fn has_other(&self, than: &Arc<Endpoint>) -> bool {
        let members = self.members.borrow();
        members.as_ref().is_some_and(|all| all.ready.iter().any(|end| !Arc::ptr_eq(end, than)))
    }

    fn take(&self, view: GroupView) {
        self.members.send_if_modified(|members| {
            if let Some(now) = members
                && now.history == view.history
                && now.version >= view.version
                && now.version > 0
            {
                return false;
            }
            let before = members.take();
            *members = Some(Members::next(before, view));
            true
        });
    }
}

/// Tells when something was heard of a group.
pub(crate) struct News(watch::Receiver<Option<Members>>);

impl News {
    /// Waits until then at most; whether there is something new.
    pub(crate) async fn comes(&mut self, until: Instant) -> bool {
        timeout_at(until.into(), self.0.changed()).await.is_ok_and(|changed| changed.is_ok())
    }
}

impl Members {
    /// Endpoints that stay are the same ones, with their connections.
    fn next(before: Option<Self>, view: GroupView) -> Self {
        let (mut known, had_ready, mut emptied) = match before {
            Some(Self { ready, suspect, emptied, .. }) => {
                let had_ready = !ready.is_empty();
                ([ready, suspect].concat(), had_ready, emptied)
            }
            None => (Vec::new(), false, None),
        };
        let mut next = Self {
            history: view.history,
            version: view.version,
            entries: view.entries,
            ready: Vec::new(),
            suspect: Vec::new(),
            emptied: None,
        };
        for entry in &next.entries {
            let Some(address) = reachable(entry) else { continue };
            let same = |end: &Arc<Endpoint>| {
                end.address == address && end.incarnation == entry.incarnation
            };
            let end = match known.iter().position(same) {
                Some(at) => known.swap_remove(at),
                None => Arc::new(Endpoint::new(&entry.incarnation, address)),
            };
            end.lost.store(entry.state == State::Suspect, Ordering::Relaxed);
            let list =
                if entry.state == State::Ready { &mut next.ready } else { &mut next.suspect };
            list.push(end);
        }
        for gone in known {
            // Who drains finishes what it has; of who is gone nothing more is to be hoped.
            let drains = |entry: &Entry| {
                entry.incarnation == gone.incarnation && entry.state == State::Draining
            };
            gone.lost.store(!next.entries.iter().any(drains), Ordering::Relaxed);
        }
        if next.ready.is_empty() && had_ready {
            emptied = Some(Instant::now());
        }
        next.emptied = emptied.filter(|_| next.ready.is_empty());
        next
    }
}

/// Where an instance is reached that may be asked.
fn reachable(entry: &Entry) -> Option<SocketAddr> {
    if !matches!(entry.state, State::Ready | State::Suspect) {
        return None;
    }
    Some(SocketAddr::new(entry.address.parse().ok()?, entry.main_port()?))
}

fn less_busy<'a>(
    len: usize,
    get: impl Fn(usize) -> Option<&'a Arc<Endpoint>>,
) -> Option<Arc<Endpoint>> {
    let draw = |bound: usize| usize::try_from(below(bound as u64)).unwrap_or_default();
    let first_at = draw(len);
    let first = get(first_at)?;
    if len == 1 {
        return Some(Arc::clone(first));
    }
    // Another one than the first, each as likely.
    let second = get((first_at + 1 + draw(len - 1)) % len)?;
    let busy = |end: &Endpoint| end.in_flight.load(Ordering::Relaxed);
    Some(Arc::clone(if busy(second) < busy(first) { second } else { first }))
}

/// One instance that can be reached.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) incarnation: String,
    pub(crate) address: SocketAddr,
    pub(crate) in_flight: AtomicU32,
    pub(crate) pool: Pool,
    failures: AtomicU32,
    /// Milliseconds after `made` until which it is left out.
    paused_until: AtomicU64,
    /// The registry says that something is wrong with it, or does not know it any more.
    lost: AtomicBool,
    made: Instant,
}

impl Endpoint {
    fn new(incarnation: &str, address: SocketAddr) -> Self {
        Self {
            incarnation: incarnation.to_owned(),
            address,
            in_flight: AtomicU32::new(0),
            pool: Pool::default(),
            failures: AtomicU32::new(0),
            paused_until: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            made: Instant::now(),
        }
    }

    /// It was heard that it is suspect or gone: its answer is not to be waited for.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Leaves it out for a while: it could not be reached or broke off.
    pub(crate) fn failed(&self) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed).min(8);
        let pause = (FIRST_PAUSE * 2_u32.pow(before)).min(LONGEST_PAUSE);
        let until = (Instant::now() + pause).saturating_duration_since(self.made);
        self.paused_until.store(millis(until), Ordering::Relaxed);
    }

    pub(crate) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.paused_until.store(0, Ordering::Relaxed);
        }
    }

    fn is_paused(&self, now: Instant) -> bool {
        let until = self.paused_until.load(Ordering::Relaxed);
        until != 0 && millis(now.saturating_duration_since(self.made)) < until
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
