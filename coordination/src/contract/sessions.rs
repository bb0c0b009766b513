//! Sessions, their ephemerals, and their ends.

use std::time::Duration;

use super::faults::Mood;
use super::{Rig, client, eventually, session_becomes};
use crate::{Op, SessionState, StoreError};

/// Closing ends the ephemerals before it returns, and nothing else.
pub async fn ephemerals_end_when_the_session_is_closed(rig: &mut impl Rig) {
    let root = rig.root();
    let (short, long) = (format!("{root}/short"), format!("{root}/long"));
    let store = client(rig).await;
    let other = client(rig).await;
    let ops = vec![Op::create_ephemeral(&short, "x"), Op::create(&long, "x")];
    store.multi(ops).await.unwrap();
    // Someone else's write does not make it theirs.
    other.multi(vec![Op::put(&short, "y")]).await.unwrap();
    assert!(other.get(&short).await.unwrap().unwrap().ephemeral);
    let clone = store.clone();
    store.close().await.unwrap();
    assert_eq!(other.get(&short).await.unwrap(), None);
    assert!(other.get(&long).await.unwrap().is_some());
    assert_eq!(clone.get(&long).await, Err(StoreError::Expired));
    assert_eq!(*clone.session().borrow(), SessionState::Expired);
}

/// A client that is away too long loses its ephemerals, and hears on its return that it is finished.
pub async fn ephemerals_end_when_the_session_expires_and_it_is_told(rig: &mut impl Rig) {
    let path = format!("{}/alive", rig.root());
    let link = rig.link().await;
    let store = link.client_with(rig.short_timeout()).await;
    store.multi(vec![Op::create_ephemeral(&path, "x")]).await.unwrap();
    let mut watch = store.watch("/").await.unwrap();
    let other = client(rig).await;
    link.faults.set(Mood::Cut);
    session_becomes(&store, SessionState::Disconnected).await;
    eventually("the end of the ephemeral", || async { other.get(&path).await.unwrap().is_none() })
        .await;
    // Nobody told it yet: it may not claim more than it knows.
    assert_eq!(*store.session().borrow(), SessionState::Disconnected);
    link.faults.set(Mood::Open);
    session_becomes(&store, SessionState::Expired).await;
    assert_eq!(store.multi(vec![Op::put(&path, "y")]).await, Err(StoreError::Expired));
    assert_eq!(store.get(&path).await, Err(StoreError::Expired));
    loop {
        // What was queued before may still come.
        if let Err(error) = watch.next().await {
            assert_eq!(error, StoreError::Expired);
            break;
        }
    }
}

/// A cut shorter than the timeout costs nothing: the session is resumed, reads are held.
pub async fn a_short_cut_ends_no_session(rig: &mut impl Rig) {
    let path = format!("{}/alive", rig.root());
    let link = rig.link().await;
    let store = link.client().await;
    store.multi(vec![Op::create_ephemeral(&path, "x")]).await.unwrap();
    for _ in 0..5 {
        link.faults.set(Mood::Cut);
        session_becomes(&store, SessionState::Disconnected).await;
        let read = store.get(&path);
        let heal = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            link.faults.set(Mood::Open);
        };
        let (record, ()) = tokio::join!(read, heal);
        assert!(record.unwrap().is_some());
        session_becomes(&store, SessionState::Connected).await;
    }
}

/// A connection over which nothing comes any more is given up.
pub async fn a_way_that_falls_silent_is_noticed(rig: &mut impl Rig) {
    let path = format!("{}/a", rig.root());
    let link = rig.link().await;
    let store = link.client_with(rig.short_timeout()).await;
    store.multi(vec![Op::put(&path, "x")]).await.unwrap();
    link.faults.set(Mood::Silent);
    session_becomes(&store, SessionState::Disconnected).await;
    let write = store.multi(vec![Op::put(&path, "y")]).await;
    assert!(write.is_err_and(|error| error.is_retryable()));
}

/// A crash of the server is a cut like any other, when it is back in time.
pub async fn a_session_survives_a_crash_of_the_server(rig: &mut impl Rig) {
    let path = format!("{}/alive", rig.root());
    let store = client(rig).await;
    store.multi(vec![Op::create_ephemeral(&path, "x")]).await.unwrap();
    rig.crash().await;
    assert!(store.get(&path).await.unwrap().is_some_and(|record| record.ephemeral));
    session_becomes(&store, SessionState::Connected).await;
    store.close().await.unwrap();
    let other = client(rig).await;
    assert_eq!(other.get(&path).await.unwrap(), None);
}

/// Nobody who could use a session: it ends without waiting for its timeout, but not before the last
/// watch is gone too.
pub async fn dropping_every_handle_ends_the_session(rig: &mut impl Rig) {
    let path = format!("{}/alive", rig.root());
    let other = client(rig).await;
    let store = client(rig).await;
    store.multi(vec![Op::create_ephemeral(&path, "x")]).await.unwrap();
    let mut watch = store.watch(&path).await.unwrap();
    drop(store);
    watch.next().await.unwrap();
    other.multi(vec![Op::put(&path, "y")]).await.unwrap();
    watch.next().await.unwrap();
    drop(watch);
    eventually("the end of the ephemeral", || async { other.get(&path).await.unwrap().is_none() })
        .await;
}
