//! A change of one instance, until the last of those who watch its group has heard of it.
//!
//! Owns the rounds, and what is said of them.

use std::io::Error;
use std::time::Duration;

use lathe_catalog::paths;
use lathe_coordination::{Store, Watch, WatchEvent};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

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

const FEW: usize = 100;
const FEW_ROUNDS: usize = 200;
const MANY: usize = 10_000;
const MANY_ROUNDS: usize = 20;
/// Rounds that are not counted: connections and caches come to be as they stay.
const WARM_UP: usize = 10;
const PATIENCE: Duration = Duration::from_secs(120);
/// The task whose group is watched; that of the bare client is another one.
const TASK: u32 = 7;

/// Those who watch, each on a connection of its own.
struct Crowd {
    heard: mpsc::UnboundedReceiver<Result<Instant, Error>>,
    work: JoinSet<()>,
    size: usize,
}

impl Crowd {
    async fn open(stand: &Stand, size: usize) -> Result<Self, Failure> {
        let (told, heard) = mpsc::unbounded_channel();
        let mut work = JoinSet::new();
        for _ in 0..size {
            let watching = Watching::open(&stand.address, &name(TASK)).await;
            let mut one = watching.map_err(|error| Failure::io("opening a watch", error))?;
            let told = told.clone();
            work.spawn(async move { while told.send(one.next().await).is_ok() {} });
        }
        Ok(Self { heard, work, size })
    }

    /// The time from a change to the last who has heard of it, in milliseconds; and until the store
    /// had it.
    async fn round(&mut self, stand: &Stand, number: u64) -> Result<(f64, f64), Failure> {
        let start = Instant::now();
        stand.change(TASK, number).await?;
        let durable = start.elapsed();
        let mut last = start;
        for _ in 0..self.size {
            let heard = timeout(PATIENCE, self.heard.recv()).await.ok().flatten();
            let late = || Failure::Late { what: "the last watcher".to_owned(), limit: PATIENCE };
            let at = heard.ok_or_else(late)?;
            last = last.max(at.map_err(|error| Failure::io("reading a watch", error))?);
        }
        Ok(((last - start).as_secs_f64() * 1e3, durable.as_secs_f64() * 1e3))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.work.abort_all();
    }
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
    let mut crowd = Crowd::open(&stand, FEW).await?;
    let mut bare = Bare::open(&stand).await?;
    let (mut heard, mut durable, mut peer) = <(Series, Series, Series)>::default();
    for round in 0..WARM_UP + args.rounds(FEW_ROUNDS) {
        let number = round as u64 + 1;
        let (last, until_durable) = crowd.round(&stand, number).await?;
        let alone = bare.round(number).await?;
        if round >= WARM_UP {
            heard.add(last);
            durable.add(until_durable);
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
    let mut crowd = Crowd::open(&stand, MANY).await?;
    let mut heard = Series::default();
    crowd.round(&stand, 1).await?;
    let before = stand.cpu_seconds()?;
    let rounds = args.rounds(MANY_ROUNDS);
    for round in 0..rounds {
        heard.add(crowd.round(&stand, round as u64 + 2).await?.0);
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
