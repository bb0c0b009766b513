//! What only a real ZooKeeper can show of the store: whole commits under load, an ensemble that loses
//! its leader or is away for long, logins, folders that vanish, limits.

#[path = "store/rig.rs"]
mod rig;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use lathe_coordination::contract::Rig as _;
use lathe_coordination::{Op, Options, SessionState, Store, StoreError, Watch, WatchEvent};
use lathe_engines::{Proxy, SOON};
use rig::Rigged;
use tokio::time::timeout;

/// Longer than anything that a test does to a session that is to live.
const LONG: Duration = Duration::from_secs(60);

async fn connect(address: &str) -> Store {
    let options = Options { session_timeout: LONG, connect_timeout: LONG };
    Store::connect(address, options).await.expect("the store answers")
}

/// Records by path, kept by a watch.
struct Seen {
    watch: Watch,
    records: BTreeMap<String, Vec<u8>>,
}

impl Seen {
    /// Waits for something, and takes everything that is ready with it.
    async fn step(&mut self) {
        let first = timeout(LONG, self.watch.next()).await.expect("an event").expect("no end");
        let mut next = Some(first);
        while let Some(event) = next {
            match event {
                WatchEvent::Snapshot(listing) => {
                    let all = listing.records.into_iter();
                    self.records = all.map(|(path, record)| (path, record.data.to_vec())).collect();
                }
                WatchEvent::Changed { path, record, .. } => {
                    self.records.insert(path, record.data.to_vec());
                }
                WatchEvent::Deleted { path, .. } => {
                    self.records.remove(&path);
                }
            }
            next = self.watch.next().now_or_never().map(|event| event.expect("no end"));
        }
    }

    /// Each write was to three records at once: they are the same, or all absent.
    fn is_whole(&self) {
        for pair in 0..PAIRS {
            let of = |folder: &str| self.records.get(&format!("/{folder}/{pair}"));
            assert!(of("a") == of("b") && of("b") == of("c/deep"), "half of a commit: {pair}");
        }
    }
}

const PAIRS: usize = 24;

/// Sixteen writers that never pause; whoever watches or lists sees whole commits, and sees them soon.
#[tokio::test]
async fn commits_are_seen_whole_though_writers_never_pause() {
    let rig = Rigged::shared(3).await;
    let store = connect(&rig.address()).await;
    let mut seen = Vec::new();
    for server in 0..3 {
        let address = format!("zk://{}{}", rig.zookeeper.address(server), rig.folder);
        let watch = connect(&address).await.watch("/").await.unwrap();
        seen.push(Seen { watch, records: BTreeMap::new() });
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16usize {
        let (store, stop) = (store.clone(), stop.clone());
        writers.spawn(async move {
            let mut round = writer;
            while !stop.load(Ordering::SeqCst) {
                round += 7;
                let pair = round % PAIRS;
                let paths = ["a", "b", "c/deep"].map(|folder| format!("/{folder}/{pair}"));
                let data = format!("{writer} {round}");
                let ops: Vec<Op> = if round.is_multiple_of(5) {
                    // The last one is checked, so that it is one of whole commits.
                    paths.iter().map(Op::delete).collect()
                } else {
                    paths.iter().map(|path| Op::put(path, data.clone())).collect()
                };
                match store.multi(ops).await {
                    Ok(_) | Err(StoreError::NotFound { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    let lists = async {
        for _ in 0..20 {
            let listing = store.list("/").await.unwrap();
            let all = listing.records.into_iter();
            let records = all.map(|(path, record)| (path, record.data.to_vec())).collect();
            let watch = store.watch("/nothing").await.unwrap();
            Seen { watch, records }.is_whole();
        }
    };
    let mut watching = Vec::new();
    for mut seen in seen {
        watching.push(async move {
            for _ in 0..150 {
                seen.step().await;
                seen.is_whole();
            }
            seen
        });
    }
    let (seen, ()) = tokio::join!(futures_util::future::join_all(watching), lists);
    stop.store(true, Ordering::SeqCst);
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    store.multi(vec![Op::put("/end", "")]).await.unwrap();
    let listing = store.list("/").await.unwrap();
    for mut seen in seen {
        while !seen.records.contains_key("/end") {
            seen.step().await;
        }
        let all = listing.records.iter();
        let all = all.map(|(path, record)| (path.clone(), record.data.to_vec())).collect();
        assert_eq!(seen.records, all);
    }
}

/// The ensemble loses its leader while everybody is at work, and goes on with two of three.
#[tokio::test]
async fn work_goes_on_when_the_ensemble_loses_its_leader() {
    let rig = Rigged::own(3).await;
    let store = connect(&rig.address()).await;
    store.multi(vec![Op::create("/count", ""), Op::create_ephemeral("/alive", "x")]).await.unwrap();
    let other = connect(&rig.address()).await;
    let mut seen = Seen { watch: other.watch("/").await.unwrap(), records: BTreeMap::new() };
    let (mut done, mut unknown) = (0, 0);
    for round in 0..60 {
        if round == 20 {
            let leader = rig.zookeeper.leader().await.unwrap();
            rig.zookeeper.server(leader).kill().await.unwrap();
        }
        let version = store.get("/count").await.unwrap().unwrap().version;
        match store.multi(vec![Op::set_if("/count", "x", version)]).await {
            Ok(_) => done += 1,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) if error.is_retryable() => unknown += 1,
            Err(error) => panic!("{error}"),
        }
    }
    let version = store.get("/count").await.unwrap().unwrap().version;
    assert!((done..=done + unknown).contains(&version), "{done} {unknown} {version}");
    assert!(done >= 50, "{done} of 60");
    store.multi(vec![Op::put("/end", "")]).await.unwrap();
    while !seen.records.contains_key("/end") {
        seen.step().await;
    }
    assert!(seen.records.contains_key("/alive"), "the session ended");
}

/// Nobody to ask for longer than the client would wait: the session is not over until somebody says
/// so, and nobody does.
#[tokio::test]
async fn a_session_outlives_an_ensemble_that_is_away_for_long() {
    let rig = Rigged::own(1).await;
    let options = Options { session_timeout: Duration::from_secs(6), connect_timeout: LONG };
    let store = Store::connect(&rig.address(), options).await.unwrap();
    store.multi(vec![Op::create_ephemeral("/alive", "x")]).await.unwrap();
    let mut seen = Seen { watch: store.watch("/").await.unwrap(), records: BTreeMap::new() };
    seen.step().await;
    rig.zookeeper.server(0).kill().await.unwrap();
    let mut state = store.session();
    timeout(SOON, state.wait_for(|state| *state == SessionState::Disconnected))
        .await
        .unwrap()
        .unwrap();
    let waiting = store.get("/alive").await;
    assert!(matches!(waiting, Err(StoreError::Disconnected { .. })), "{waiting:?}");
    // Its client has given up after 8.4 s.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(*store.session().borrow(), SessionState::Disconnected);
    rig.zookeeper.restart(0).await.unwrap();
    let again = state.wait_for(|state| *state != SessionState::Disconnected);
    assert_eq!(*timeout(SOON, again).await.unwrap().unwrap(), SessionState::Connected);
    assert!(store.get("/alive").await.unwrap().unwrap().ephemeral);
    store.multi(vec![Op::put("/after", "x")]).await.unwrap();
    while !seen.records.contains_key("/after") {
        seen.step().await;
    }
    store.close().await.unwrap();
    assert_eq!(connect(&rig.address()).await.get("/alive").await.unwrap(), None);
}

/// What one login has made is not for another, and the refusal does not show the password.
#[tokio::test]
async fn another_login_is_refused_by_name() {
    let rig = Rigged::shared(1).await;
    let address = |login: &str| format!("zk://{login}{}{}", rig.zookeeper.address(0), rig.folder);
    let store = connect(&address("me:secret@")).await;
    store.multi(vec![Op::put("/a/b", "x"), Op::create_ephemeral("/c", "")]).await.unwrap();
    for login in ["me:guessed@", ""] {
        let options = Options { connect_timeout: LONG, ..Options::default() };
        let refused = Store::connect(&address(login), options).await;
        let error = refused.expect_err("it is not theirs").to_string();
        assert!(error.contains("password") && error.contains(&rig.folder), "{error}");
        assert!(!error.contains("guessed"), "{error}");
    }
    let again = connect(&address("me:secret@")).await;
    assert_eq!(again.get("/a/b").await.unwrap().unwrap().data, "x");
    assert_eq!(again.history().await.unwrap(), store.history().await.unwrap());
}

/// Folders are removed by the ensemble when they have been empty for a while, whatever a client
/// remembers of them.
#[tokio::test]
async fn a_folder_that_was_removed_is_made_again() {
    let rig = Rigged::shared(1).await;
    let store = connect(&rig.address()).await;
    store.multi(vec![Op::put("/deep/er/a", "x"), Op::put("/deep/er/b", "x")]).await.unwrap();
    store.multi(vec![Op::delete("/deep/er/a"), Op::delete("/deep/er/b")]).await.unwrap();
    let bare = zookeeper_client::Client::connect(&rig.zookeeper.addresses()).await.unwrap();
    for folder in ["/deep/er", "/deep"] {
        bare.delete(&format!("{}{folder}", rig.folder), None).await.unwrap();
    }
    let ops =
        vec![Op::check_absent("/deep/er/c"), Op::put("/deep/er/a", "y"), Op::create("/deep/x", "")];
    store.multi(ops).await.unwrap();
    assert_eq!(store.get("/deep/er/a").await.unwrap().unwrap().version, 0);
    assert_eq!(store.list("/").await.unwrap().records.len(), 2);
}

/// What does not fit is refused before it is sent, and what fits does pass, to the byte.
#[tokio::test]
async fn the_largest_multi_passes_and_a_larger_one_is_not_sent() {
    let rig = Rigged::shared(3).await;
    let store = connect(&rig.address()).await;
    let limits = store.limits();
    for data in [0, 100, 20_000] {
        let op = |number: usize| Op::put(format!("/{data}/{number:06}"), vec![b'x'; data]);
        let most = (limits.multi_bytes / limits.cost(&op(0))).min(limits.multi_ops);
        store.multi((0..most).map(op).collect()).await.unwrap();
        let refused = store.multi((0..=most).map(op).collect()).await;
        let refused = refused.expect_err("it is too large");
        assert!(
            matches!(refused, StoreError::TooLarge { .. } | StoreError::Invalid { .. }),
            "{refused}"
        );
        let absent = |number: usize| Op::check_absent(format!("/absent/{data}/{number:06}"));
        let most = limits.multi_bytes / limits.cost(&absent(0));
        store.multi((0..most).map(absent).collect()).await.unwrap();
    }
    assert_eq!(*store.session().borrow(), SessionState::Connected);
}

/// Over a way that is slow and in pieces nothing is lost, and calls under way at once do not add up.
#[tokio::test]
async fn a_slow_way_in_pieces_is_only_slow() {
    let rig = Rigged::shared(1).await;
    let proxy = Proxy::start(rig.zookeeper.address(0)).await.unwrap();
    let store = connect(&format!("zk://{}{}", proxy.address(), rig.folder)).await;
    proxy.split(3);
    proxy.delay(Duration::from_millis(40));
    let mut watch = store.watch("/").await.unwrap();
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..100 {
        let store = store.clone();
        writes.spawn(async move {
            store.multi(vec![Op::create(format!("/n/{number}"), "x")]).await.unwrap()
        });
    }
    let mut commits = writes.join_all().await;
    commits.sort_unstable();
    commits.dedup();
    assert_eq!(commits.len(), 100);
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 100 {
        match timeout(LONG, watch.next()).await.unwrap().unwrap() {
            WatchEvent::Snapshot(listing) => {
                seen = listing.records.into_iter().map(|(path, _)| path).collect();
            }
            WatchEvent::Changed { path, .. } => {
                seen.insert(path);
            }
            WatchEvent::Deleted { path, .. } => panic!("{path} was never deleted"),
        }
    }
}

/// An address that leads nowhere is given up in time, and says where it led.
#[tokio::test]
async fn an_address_that_leads_nowhere_is_given_up() {
    let options = Options {
        connect_timeout: Duration::from_secs(1),
        session_timeout: Duration::from_secs(1),
    };
    let refused = Store::connect("zk://me:secret@127.0.0.1:1/lathe", options.clone()).await;
    let error = refused.expect_err("nobody is there");
    assert!(matches!(&error, StoreError::Disconnected { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    for address in ["zk://127.0.0.1:1", "zk://127.0.0.1:1/", "zk:///lathe"] {
        let refused = Store::connect(address, options.clone()).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{address}: {refused:?}");
    }
}
