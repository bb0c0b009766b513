//! Reading, writing, atomicity, limits and durability.

use std::time::Duration;

use bytes::Bytes;

use super::faults::Mood;
use super::{Rig, client, eventually};
use crate::{Op, StoreError};

/// The version starts at 0, grows by one with each set, starts again after a delete; the commit is
/// that of the last change.
pub async fn versions_count_sets(rig: &mut impl Rig) {
    let store = client(rig).await;
    let path = format!("{}/a", rig.root());
    assert_eq!(store.get(&path).await.unwrap(), None);
    let made = store.multi(vec![Op::create(&path, "one")]).await.unwrap();
    let record = store.get(&path).await.unwrap().unwrap();
    assert_eq!((record.version, record.commit, record.ephemeral), (0, made, false));
    assert_eq!(record.data, "one");
    let set = store.multi(vec![Op::set_if(&path, "two", 0)]).await.unwrap();
    let put = store.multi(vec![Op::put(&path, "three")]).await.unwrap();
    assert!(made < set && set < put);
    let record = store.get(&path).await.unwrap().unwrap();
    assert_eq!((record.version, record.commit), (2, put));
    store.multi(vec![Op::delete_if(&path, 2)]).await.unwrap();
    assert_eq!(store.get(&path).await.unwrap(), None);
    store.multi(vec![Op::put(&path, "four")]).await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().unwrap().version, 0);
}

/// Each kind of failure has its error, and nothing of the multi is done.
pub async fn a_failed_multi_changes_nothing(rig: &mut impl Rig) {
    let store = client(rig).await;
    let root = rig.root();
    let (here, absent, new) =
        (format!("{root}/here"), format!("{root}/absent"), format!("{root}/new"));
    store.multi(vec![Op::create(&here, "x")]).await.unwrap();
    let before = store.list(&root).await.unwrap();
    let conflict = |path: &str| StoreError::Conflict { path: path.to_owned(), index: 1 };
    let not_found = || StoreError::NotFound { path: absent.clone() };
    let cases = [
        (Op::check(&here, 1), conflict(&here)),
        (Op::check(&absent, 0), conflict(&absent)),
        (Op::check_absent(&here), conflict(&here)),
        (Op::create(&here, "y"), StoreError::Exists { path: here.clone() }),
        (Op::set(&absent, "y"), not_found()),
        (Op::set_if(&here, "y", 1), conflict(&here)),
        (Op::delete(&absent), not_found()),
        (Op::delete_if(&here, 1), conflict(&here)),
    ];
    for (op, expected) in cases {
        let ops = vec![Op::put(&new, "z"), op.clone(), Op::put(&here, "w")];
        assert_eq!(store.multi(ops).await, Err(expected), "{op:?}");
        assert_eq!(store.list(&root).await.unwrap().records, before.records, "{op:?}");
    }
    let ops = vec![Op::check(&here, 0), Op::check_absent(&absent), Op::create(&new, "z")];
    store.multi(ops).await.unwrap();
    assert!(store.get(&new).await.unwrap().is_some());
}

/// Operations are judged in order, on what those before them left; all have one commit.
pub async fn operations_of_one_multi_see_each_other(rig: &mut impl Rig) {
    let store = client(rig).await;
    let (a, b) = (format!("{}/a", rig.root()), format!("{}/b", rig.root()));
    let ops = vec![
        Op::create(&a, "0"),
        Op::check(&a, 0),
        Op::set_if(&a, "1", 0),
        Op::create(&b, "0"),
        Op::check(&a, 1),
    ];
    let commit = store.multi(ops).await.unwrap();
    let listing = store.list(&rig.root()).await.unwrap();
    assert!(listing.commit >= commit);
    let seen: Vec<(String, u64, u64)> =
        listing.records.into_iter().map(|(path, r)| (path, r.version, r.commit)).collect();
    assert_eq!(seen, [(a, 1, commit), (b, 0, commit)]);
}

/// What is malformed or too large is refused, and the client goes on.
pub async fn what_is_wrong_is_refused_and_does_no_harm(rig: &mut impl Rig) {
    let store = client(rig).await;
    let root = rig.root();
    for path in ["", "a", "/", "/a/", "/a//b", "/a/../b", "/a\0b"] {
        let refused = store.multi(vec![Op::put(path, "x")]).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{path:?}: {refused:?}");
        assert!(store.get(path).await.is_err());
    }
    let limits = store.limits();
    let large = Bytes::from(vec![0; limits.record_bytes + 1]);
    let refused = store.multi(vec![Op::put(format!("{root}/a"), large)]).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    let each = Bytes::from(vec![0; limits.multi_bytes / 8]);
    let many: Vec<Op> = (0..9).map(|i| Op::put(format!("{root}/{i}"), each.clone())).collect();
    let refused = store.multi(many).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    assert_eq!(store.list(&root).await.unwrap().records, []);
    store.multi(vec![Op::put(format!("{root}/a"), "x")]).await.unwrap();
}

/// The largest record, the largest multi, and a listing of several times that.
pub async fn large_records_and_listings_come_through(rig: &mut impl Rig) {
    let store = client(rig).await;
    let root = rig.root();
    let limits = store.limits();
    let large = Bytes::from(vec![7; limits.record_bytes]);
    store.multi(vec![Op::put(format!("{root}/large"), large.clone())]).await.unwrap();
    assert_eq!(store.get(&format!("{root}/large")).await.unwrap().unwrap().data, large);
    let each = Bytes::from(vec![9; limits.record_bytes - 1024]);
    let most = limits.multi_bytes / limits.record_bytes;
    for half in 0..3 {
        let part = |i| Op::put(format!("{root}/part/{half}{i}"), each.clone());
        store.multi((0..most).map(part).collect()).await.unwrap();
    }
    let listing = store.list(&format!("{root}/part")).await.unwrap();
    assert_eq!(listing.records.len(), 3 * most);
    assert!(listing.records.iter().all(|(_, record)| record.data == each));
    assert!(listing.records.is_sorted_by(|a, b| a.0 < b.0));
}

/// Writes that are under way at the same time are each done once, each with its own commit.
pub async fn many_writes_in_flight_are_all_done_once(rig: &mut impl Rig) {
    let store = client(rig).await;
    let root = rig.root();
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..512u32 {
        let store = store.clone();
        let path = format!("{root}/{}", number % 16);
        writes.spawn(async move { store.multi(vec![Op::put(path, "x")]).await.unwrap() });
    }
    let mut commits = writes.join_all().await;
    commits.sort_unstable();
    assert!(commits.is_sorted_by(|a, b| a < b), "two writes had one commit");
    let listing = store.list(&root).await.unwrap();
    assert_eq!(listing.records.len(), 16);
    assert!(listing.records.iter().all(|(_, record)| record.version == 31));
}

/// After a crash everything acknowledged is there, numbers go on upwards, the history is the same.
pub async fn what_was_acknowledged_survives_a_crash(rig: &mut impl Rig) {
    let root = rig.root();
    let store = client(rig).await;
    let history = store.history().await.unwrap();
    let mut last = 0;
    for round in 0..3u32 {
        let store = client(rig).await;
        for number in 0..20u32 {
            let ops = vec![Op::put(format!("{root}/{round}/{number}"), "x")];
            let commit = store.multi(ops).await.unwrap();
            assert!(commit > last, "commit {commit} after {last}");
            last = commit;
        }
        rig.crash().await;
        let store = client(rig).await;
        assert_eq!(store.history().await.unwrap(), history);
        let listing = store.list(&root).await.unwrap();
        assert_eq!(listing.records.len(), 20 * (round as usize + 1));
        assert!(listing.commit >= last);
    }
}

/// Counting by read, check and set over ways that break: every acknowledged step counts once, one of
/// unknown outcome at most once.
pub async fn counting_with_checks_loses_nothing_over_a_bad_way(rig: &mut impl Rig) {
    const STEPS: u64 = 40;
    let path = format!("{}/counter", rig.root());
    let store = client(rig).await;
    store.multi(vec![Op::create(&path, "")]).await.unwrap();
    let mut counters = tokio::task::JoinSet::new();
    let mut links = Vec::new();
    for _ in 0..3 {
        let link = rig.link().await;
        link.faults.set(Mood::Crumbs);
        let store = link.client().await;
        links.push(link);
        let path = path.clone();
        counters.spawn(async move {
            let (mut done, mut unknown) = (0, 0);
            while done < STEPS {
                let Ok(Some(record)) = store.get(&path).await else { continue };
                match store.multi(vec![Op::set_if(&path, "x", record.version)]).await {
                    Ok(_) => done += 1,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) if error.is_retryable() => unknown += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            (done, unknown)
        });
    }
    let between_cuts = rig.between_cuts();
    let blinking = async {
        loop {
            for link in &links {
                link.faults.blink(Duration::from_millis(3)).await;
                tokio::time::sleep(between_cuts).await;
            }
        }
    };
    let counted = tokio::select! {
        counted = counters.join_all() => counted,
        () = blinking => unreachable!("it blinks for ever"),
    };
    let done: u64 = counted.iter().map(|(done, _)| done).sum();
    let unknown: u64 = counted.iter().map(|(_, unknown)| unknown).sum();
    eventually("a count", || async {
        let version = store.get(&path).await.unwrap().unwrap().version;
        (done..=done + unknown).contains(&version)
    })
    .await;
}
