//! A change of one instance, until the last of those who watch its group has heard of it.
//!
//! Owns the rounds, and what is said of them.

use lathe_catalog::paths;
use lathe_coordination::{Store, Watch, WatchEvent};
use serde_json::json;
use tokio::time::Instant;

use super::crowd::Crowd;
use super::stand::{Stand, name};
use super::watching::Watching;
use crate::args::{Args, Figure};
use crate::failure::{Failure, with_causes};
use crate::path::Taken;
use crate::programs::Programs;
use crate::report::Outcome;
use crate::row::{Measured, Peer, Series, Unit};
use crate::say;
use crate::surroundings::Surroundings;

pub(super) const FEW: usize = 100;
pub(super) const FEW_ROUNDS: usize = 200;
const MANY: usize = 10_000;
const MANY_ROUNDS: usize = 20;
/// Rounds that are not counted: connections and caches come to be as they stay.
pub(super) const WARM_UP: usize = 10;
/// The task whose group is watched; that of the bare client is another one.
pub(super) const TASK: u32 = 7;

/// So many who watch the group.
pub(super) async fn crowd(stand: &Stand, size: usize) -> Result<Crowd, Failure> {
    let group = name(TASK);
    Crowd::open(size, async || Watching::open(&stand.address, &group).await).await
}

/// A client of ZooKeeper that watches one node and sets it.
struct Bare {
    store: Store,
    watch: Watch,
    path: String,
}

impl Bare {
    async fn open(stand: &Stand) -> Result<Self, Failure> {
        let path = paths::task("bare");
        let store = stand.store.clone();
        let mut watch = store.watch(&path).await.map_err(unexpected)?;
        // What is there is told first.
        watch.next().await.map_err(unexpected)?;
        Ok(Self { store, watch, path })
    }

    async fn round(&mut self, number: u64) -> Result<f64, Failure> {
        let start = Instant::now();
        let data = json!({ "number": number, "filler": "x".repeat(300) }).to_string();
        let set = self.store.multi(vec![lathe_coordination::Op::put(self.path.clone(), data)]);
        let heard = async {
            loop {
                if let WatchEvent::Changed { .. } = self.watch.next().await? {
                    return Ok(());
                }
            }
        };
        let (set, heard) = tokio::join!(set, heard);
        set.map_err(unexpected)?;
        heard.map_err(|error: lathe_coordination::StoreError| unexpected(error))?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }
}

fn unexpected(error: impl std::error::Error) -> Failure {
    Failure::Unexpected(with_causes(&error))
}

/// A hundred watchers, beside a bare client of the store: in turns, so that both have the same disk.
pub(super) async fn few(surroundings: &Surroundings, lathe: &Programs, args: &Args) -> Outcome {
    let syncs = surroundings.syncs_per_second()?;
    let stand = Stand::start(surroundings, lathe, None).await?;
    say::talk(&format!("{FEW} watchers"));
    let mut crowd = crowd(&stand, FEW).await?;
    let mut bare = Bare::open(&stand).await?;
    let (mut heard, mut durable, mut peer) = <(Series, Series, Series)>::default();
    for round in 0..WARM_UP + args.rounds(FEW_ROUNDS) {
        let number = round as u64 + 1;
        let seen = crowd.round(stand.change(TASK, number)).await?;
        let alone = bare.round(number).await?;
        if round >= WARM_UP {
            heard.add(seen.heard);
            durable.add(seen.made);
            peer.add(alone);
        }
    }
    drop(crowd);
    stand.end().await;
    let (value, other) = (heard.percentile(50), peer.percentile(50));
    let (p99, other_p99) = (heard.percentile(99), peer.percentile(99));
    let limit = 1.5 * other_p99 + 3.0;
    let measured = Measured {
        value,
        peer: Some(Peer { name: "set to watch", value: other, ratio: value / other }),
        samples: heard.values.len(),
        how: format!(
            "p50 of {} changes to the last of {FEW} watchers, `forceSync=yes` on a disk that syncs \
             {syncs:.0} times a second; durable after {:.2} ms; p99 {p99:.2} ms, which may be {limit:.2}: \
             1.5 times the p99 of a bare client's set to its own watch ({other_p99:.2} ms) and 3 ms",
            heard.values.len(),
            durable.percentile(50),
        ),
    };
    let seen = json!({ "heard": heard, "durable": durable, "bare": peer });
    Ok((measured, seen))
}

/// Ten thousand: when the last has heard, and what each costs the registry.
pub(super) async fn many(
    surroundings: &Surroundings,
    lathe: &Programs,
    args: &Args,
) -> Result<Vec<Taken>, Failure> {
    let stand = Stand::start(surroundings, lathe, None).await?;
    say::talk(&format!("{MANY} watchers"));
    let mut crowd = crowd(&stand, MANY).await?;
    let mut heard = Series::default();
    crowd.round(stand.change(TASK, 1)).await?;
    let before = stand.cpu_seconds()?;
    let rounds = args.rounds(MANY_ROUNDS);
    for round in 0..rounds {
        heard.add(crowd.round(stand.change(TASK, round as u64 + 2)).await?.heard);
    }
    let seconds = stand.cpu_seconds()? - before;
    drop(crowd);
    stand.end().await;
    let mut last = heard.latency_at(100, Unit::Milliseconds);
    last.how =
        format!("{}; the watchers share the machine's two cores with the registry", last.how);
    let count = f64::from(u32::try_from(rounds * MANY).unwrap_or(u32::MAX));
    let wake = Measured {
        value: seconds * 1e6 / count,
        peer: None,
        samples: rounds * MANY,
        how: format!(
            "{seconds:.2} s of the registry's processor for {rounds} changes, each to {MANY}"
        ),
    };
    Ok(vec![(Figure::CrowdHeard, last, json!(heard)), (Figure::CrowdWake, wake, json!(seconds))])
}
