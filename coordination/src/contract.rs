//! What every store has to do, whatever stands behind [`crate::Store`]: one suite of cases, each of
//! which is given a [`Rig`] and panics where the store falls short. Owns the expectations; must not
//! know any store. [`crate::contract_tests`] makes one test of each case.
#![expect(clippy::unwrap_used, reason = "a case fails by it; this is only built for tests")]
#![expect(clippy::missing_panics_doc, reason = "panicking is how a case fails")]

pub mod elections;
pub mod faults;
pub mod sessions;
pub mod watches;
pub mod writes;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Options, SessionState, Store};
use faults::Faults;

/// How long anything may take before a case fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A store under test. Cases write below [`Rig::root`] only, so that they can share a server.
pub trait Rig {
    /// What [`Store::connect`] takes for a way without faults.
    fn address(&self) -> String;
    /// A new way to the store, with faults of its own; it ends with the value.
    fn link(&self) -> impl Future<Output = Link>;
    /// Ends the server as a power cut would, and starts it again on the same data.
    fn crash(&mut self) -> impl Future<Output = ()>;
    /// The prefix that the case may use.
    fn root(&self) -> String {
        "/contract".to_owned()
    }
    /// A session timeout that the store takes and that is short to wait for.
    fn short_timeout(&self) -> Duration {
        Duration::from_millis(500)
    }
    /// Between two cuts of ways: a client has to get something done over one that breaks again and
    /// again, so it is longer where clients take longer to connect.
    fn between_cuts(&self) -> Duration {
        Duration::from_millis(17)
    }
}

/// A way to the store.
#[derive(Clone, Debug)]
pub struct Link {
    /// What [`Store::connect`] takes.
    pub address: String,
    pub faults: Arc<Faults>,
}

impl Link {
    /// A client whose session outlives everything that a case does to it.
    pub async fn client(&self) -> Store {
        self.client_with(DEADLINE).await
    }

    /// A client with this session timeout.
    pub async fn client_with(&self, session_timeout: Duration) -> Store {
        connect(&self.address, session_timeout).await
    }
}

async fn connect(address: &str, session_timeout: Duration) -> Store {
    let options = Options { session_timeout, connect_timeout: DEADLINE };
    Store::connect(address, options).await.unwrap()
}

/// A client over a way without faults.
pub(crate) async fn client(rig: &impl Rig) -> Store {
    connect(&rig.address(), DEADLINE).await
}

/// Waits until `what` says yes, at most for the deadline.
pub(crate) async fn eventually<F: Future<Output = bool>>(name: &str, mut what: impl FnMut() -> F) {
    let end = Instant::now() + DEADLINE;
    while !what().await {
        assert!(Instant::now() < end, "never came: {name}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for a state of the session.
pub(crate) async fn session_becomes(store: &Store, wanted: SessionState) {
    let mut session = store.session();
    let reached = session.wait_for(|state| *state == wanted);
    let reached = tokio::time::timeout(DEADLINE, reached).await;
    assert!(matches!(reached, Ok(Ok(_))), "the session never became {wanted:?}");
}

/// One test for each case: `contract_tests!(MyRig::start().await)`. A second expression is for those
/// cases that crash the server, where the first is for rigs that share one.
#[macro_export]
macro_rules! contract_tests {
    ($rig:expr) => {
        $crate::contract_tests!($rig, $rig);
    };
    ($rig:expr, $own:expr) => {
        $crate::contract_tests!(@cases $rig;
            writes: versions_count_sets;
            writes: a_failed_multi_changes_nothing;
            writes: operations_of_one_multi_see_each_other;
            writes: what_is_wrong_is_refused_and_does_no_harm;
            writes: large_records_and_listings_come_through;
            writes: many_writes_in_flight_are_all_done_once;
            writes: counting_with_checks_loses_nothing_over_a_bad_way;
            sessions: ephemerals_end_when_the_session_is_closed;
            sessions: ephemerals_end_when_the_session_expires_and_it_is_told;
            sessions: a_short_cut_ends_no_session;
            sessions: a_way_that_falls_silent_is_noticed;
            sessions: dropping_every_handle_ends_the_session;
            watches: a_watch_begins_with_a_snapshot_and_goes_on_in_order;
            watches: a_watch_sees_only_its_prefix;
            watches: a_watch_is_right_over_cuts_and_crumbs;
            watches: a_watcher_that_sleeps_gets_a_fresh_snapshot;
            elections: candidates_lead_in_the_order_in_which_they_joined;
            elections: a_killed_leader_is_followed;
            elections: a_leader_that_stood_still_writes_nothing_more;
            elections: a_leader_that_was_cut_off_is_told;
            elections: no_two_write_under_one_term;
        );
        $crate::contract_tests!(@cases $own;
            writes: what_was_acknowledged_survives_a_crash;
            sessions: a_session_survives_a_crash_of_the_server;
            watches: a_watch_goes_on_after_a_crash;
        );
    };
    (@cases $rig:expr; $($group:ident: $case:ident;)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let mut rig = $rig;
                $crate::contract::$group::$case(&mut rig).await;
            }
        )*
    };
}
