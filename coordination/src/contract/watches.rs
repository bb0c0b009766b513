//! Watches: their first snapshot, their order, and what they say after trouble.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::faults::Mood;
use super::{DEADLINE, Rig, client, eventually};
use crate::limits::MAX_QUEUED_EVENTS;
use crate::path::is_within;
use crate::{Op, Record, Watch, WatchEvent};

/// What a watcher knows, kept by its events alone; fails on events that are out of order.
struct Mirror {
    watch: Watch,
    prefix: String,
    commit: u64,
    records: BTreeMap<String, Record>,
    snapshots: usize,
    /// The commit, for others to see.
    reached: Arc<AtomicU64>,
}

impl Mirror {
    fn new(watch: Watch, prefix: &str) -> Self {
        let (commit, records) = (0, BTreeMap::new());
        let (prefix, reached) = (prefix.to_owned(), Arc::default());
        Self { watch, prefix, commit, records, snapshots: 0, reached }
    }

    async fn step(&mut self) {
        let event = tokio::time::timeout(DEADLINE, self.watch.next()).await;
        match event.expect("no event came").unwrap() {
            WatchEvent::Snapshot(listing) => {
                assert!(listing.commit >= self.commit, "a snapshot went back");
                self.commit = listing.commit;
                self.records = listing.records.into_iter().collect();
                self.snapshots += 1;
            }
            WatchEvent::Changed { path, record, commit } => {
                assert!(self.snapshots > 0, "a change came before the snapshot");
                assert!(commit >= self.commit && commit == record.commit, "out of order");
                assert!(is_within(&path, &self.prefix), "{path} is none of it");
                self.commit = commit;
                self.records.insert(path, record);
            }
            WatchEvent::Deleted { path, commit } => {
                assert!(self.snapshots > 0 && commit >= self.commit, "out of order");
                self.commit = commit;
                assert!(self.records.remove(&path).is_some(), "{path} was deleted twice");
            }
        }
        self.reached.store(self.commit, Ordering::SeqCst);
    }

    /// Whether everything up to this commit was heard.
    fn reaches(&self) -> impl Fn(u64) -> bool + use<> {
        let reached = self.reached.clone();
        move |commit| reached.load(Ordering::SeqCst) >= commit
    }

    /// Follows until the record at `path` is there.
    async fn until(&mut self, path: &str) {
        while !self.records.contains_key(path) {
            self.step().await;
        }
    }
}

/// First what is there, then each change, in order.
pub async fn a_watch_begins_with_a_snapshot_and_goes_on_in_order(rig: &mut impl Rig) {
    let root = rig.root();
    let (a, b) = (format!("{root}/a"), format!("{root}/b"));
    let store = client(rig).await;
    store.multi(vec![Op::put(&a, "0")]).await.unwrap();
    let mut watch = store.watch(&root).await.unwrap();
    let first = watch.next().await.unwrap();
    assert_eq!(first, WatchEvent::Snapshot(store.list(&root).await.unwrap()));
    let other = client(rig).await;
    let made = other.multi(vec![Op::put(&b, "1"), Op::put(&a, "1")]).await.unwrap();
    for (path, version) in [(&a, 1), (&b, 0)] {
        let record = Record { data: "1".into(), version, commit: made, ephemeral: false };
        let expected = WatchEvent::Changed { path: path.clone(), record, commit: made };
        assert_eq!(watch.next().await.unwrap(), expected);
    }
    let commit = other.multi(vec![Op::delete(&a)]).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), WatchEvent::Deleted { path: a, commit });
}

/// A prefix is a record and what is below it, not everything that begins with the same letters.
pub async fn a_watch_sees_only_its_prefix(rig: &mut impl Rig) {
    let root = rig.root();
    let store = client(rig).await;
    let prefix = format!("{root}/in");
    let mut mirror = Mirror::new(store.watch(&prefix).await.unwrap(), &prefix);
    mirror.step().await;
    for name in ["inner", "in.x", "other/in", "in", "in/a", "in/a/b"] {
        store.multi(vec![Op::put(format!("{root}/{name}"), "x")]).await.unwrap();
    }
    mirror.until(&format!("{root}/in/a/b")).await;
    let seen: Vec<&str> = mirror.records.keys().map(|path| &path[root.len()..]).collect();
    assert_eq!(seen, ["/in", "/in/a", "/in/a/b"]);
    assert_eq!(mirror.snapshots, 1);
}

/// Over a way that crumbles and breaks a watcher ends up knowing exactly what is there.
pub async fn a_watch_is_right_over_cuts_and_crumbs(rig: &mut impl Rig) {
    let root = rig.root();
    let link = rig.link().await;
    link.faults.set(Mood::Crumbs);
    let watcher = link.client().await;
    let mut mirror = Mirror::new(watcher.watch(&root).await.unwrap(), &root);
    let writer = client(rig).await;
    let reaches = mirror.reaches();
    let writing = async {
        for number in 0..400u32 {
            let path = format!("{root}/{}", number * 7 % 23);
            let op = match writer.get(&path).await.unwrap() {
                Some(_) if number % 3 == 0 => Op::delete(path),
                _ => Op::put(path, vec![b'x'; number as usize % 200]),
            };
            let commit = writer.multi(vec![op]).await.unwrap();
            if number % 80 == 79 {
                // Half of the cuts come wherever they come, and half strike a watch that is up.
                eventually("the watch", || async { reaches(commit) }).await;
            }
            if number % 40 == 39 {
                link.faults.blink(Duration::from_millis(2)).await;
            }
        }
        writer.multi(vec![Op::put(format!("{root}/end"), "")]).await.unwrap();
    };
    let end = format!("{root}/end");
    tokio::join!(writing, mirror.until(&end));
    let listing = writer.list(&root).await.unwrap();
    assert_eq!(mirror.records.into_iter().collect::<Vec<_>>(), listing.records);
    assert!(mirror.snapshots > 1, "the cuts were not felt");
}

/// After a crash of the server a watch gives a fresh snapshot, and goes on.
pub async fn a_watch_goes_on_after_a_crash(rig: &mut impl Rig) {
    let root = rig.root();
    let store = client(rig).await;
    let mut mirror = Mirror::new(store.watch(&root).await.unwrap(), &root);
    mirror.step().await;
    rig.crash().await;
    let other = client(rig).await;
    other.multi(vec![Op::put(format!("{root}/after"), "x")]).await.unwrap();
    mirror.until(&format!("{root}/after")).await;
    assert!(mirror.snapshots > 1);
}

/// A watcher that takes nothing for a long time costs bounded memory: it gets the newest state.
pub async fn a_watcher_that_sleeps_gets_a_fresh_snapshot(rig: &mut impl Rig) {
    let root = rig.root();
    let store = client(rig).await;
    let mut mirror = Mirror::new(store.watch(&root).await.unwrap(), &root);
    mirror.step().await;
    // More than fits the queues of both sides and the socket between them. Each record is another
    // one, so that none of it can be told as the sum of several writes.
    const AT_ONCE: usize = 2048;
    for round in 0..6 * MAX_QUEUED_EVENTS / AT_ONCE {
        let paths = (0..AT_ONCE).map(|number| format!("{root}/{round}/{number}"));
        store.multi(paths.map(|path| Op::put(path, "x")).collect()).await.unwrap();
    }
    store.multi(vec![Op::put(format!("{root}/end"), "x")]).await.unwrap();
    mirror.until(&format!("{root}/end")).await;
    let listing = store.list(&root).await.unwrap();
    assert_eq!(mirror.records.into_iter().collect::<Vec<_>>(), listing.records);
    assert!(mirror.snapshots > 1, "nothing was dropped");
}
