//! What is read back from a store that somebody has damaged.

use std::error::Error as _;

use lathe_coordination::Options;
use lathe_coordination::election::{Election, Lost, Place};
use lathe_coordination::local::server::Server;

use super::*;
use crate::framework::records::{SCHEDULERS, TERM};

#[tokio::test]
async fn a_damaged_record_or_a_newer_form_is_refused_by_its_path_and_nothing_is_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("sock");
    let server = Server::open(folder.path().join("store")).unwrap().bind(&socket).unwrap();
    let serving = tokio::spawn(server.run(std::future::pending()));
    let address = format!("local:{}", socket.display());
    let store = Store::connect(&address, Options::default()).await.unwrap();
    let topology = format!("{TOPOLOGIES}/first");
    let instance = format!("{INSTANCES}/page#0");
    let task = format!("{}/page", paths::TASKS);
    let place = Place::new(SCHEDULERS, TERM);
    store.multi(vec![Op::put(TERM, "many")]).await.unwrap();
    let other = Store::connect(&address, Options::default()).await.unwrap();
    let lost = Election::join(other.clone(), place.clone(), "").lead().await.unwrap_err();
    other.close().await.unwrap();
    assert!(matches!(&lost, Lost::Refused(_)), "{lost}");
    let why = lost.source().unwrap().to_string();
    assert!(why.contains(TERM), "{why}");
    store.multi(vec![Op::delete(TERM)]).await.unwrap();
    let mut election = Election::join(store.clone(), place, "");
    let lead = election.lead().await.unwrap();
    for (path, damaged) in [
        (FRAMEWORK, "{}"),
        (topology.as_str(), "{\"name\":\"first\""),
        (instance.as_str(), "[]"),
        (task.as_str(), "\u{0}\u{1}"),
    ] {
        store.multi(vec![Op::put(path, damaged)]).await.unwrap();
        let refused = recover(&store, &lead).await.unwrap_err();
        assert!(matches!(refused, TakeOverError::Record { .. }), "{refused}");
        assert!(refused.to_string().contains(path), "{refused}");
        assert!(refused.source().is_some());
        store.multi(vec![Op::delete(path)]).await.unwrap();
    }
    let recovered = recover(&store, &lead).await.unwrap();
    assert!(recovered.topologies.is_empty());
    let form = store.get(FORMAT).await.unwrap().unwrap();
    assert_eq!(form.data, FORMAT_NOW.to_string());
    store.multi(vec![Op::put(FORMAT, "7"), Op::put(FRAMEWORK, "{}")]).await.unwrap();
    let refused = recover(&store, &lead).await.unwrap_err();
    assert!(matches!(refused, TakeOverError::Format(FormatError::Newer(7))), "{refused}");
    assert!(!refused.may_pass());
    assert_eq!(store.get(FORMAT).await.unwrap().unwrap().data, "7", "nothing is changed");
    serving.abort();
}
