//! What the repository's fuzzer may reach of this crate's inside: the routes, behind their door, and
//! what is read of a file. No part of the crate's interface; must not be used by anything else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use lathe_api::door::{Hosts, Key, Rates};
use lathe_gossip::Signer;

use crate::config::{Config, Flags};
use crate::directory::{Directory, Event, Limits, Resume};
use crate::driver::{self, Kept};
use crate::fleets::Fleets;
use crate::metrics::Metrics;
use crate::names::At;
use crate::rest::{Bounds, Desk, Places, Sessions, router};
use crate::stream;

/// The key of the served registry.
pub const KEY: &[u8] = b"the fuzzer's key";

fn machine() -> Directory {
    Directory::new("http://registry", Limits::default()).signing(Signer::from_seed(&[1; 32]))
}

/// The routes of a registry that has heard this, and that nobody drives: what is asked of its loop
/// waits. To be called within a runtime.
pub fn routes(heard: Event) -> Router {
    let kept = Arc::new(Kept::new(machine()));
    kept.step(std::iter::once(heard));
    let (inputs, mut received) = driver::inputs();
    tokio::spawn(async move { while received.recv().await.is_some() {} });
    // Nobody says what the store's newest commit is.
    let (asks, _) = tokio::sync::mpsc::channel(1);
    let bounds =
        Bounds { groups_per_watch_max: 16, wait_max: Duration::from_secs(600), age_max_ms: 60_000 };
    let desk = Desk {
        kept,
        inputs,
        asks,
        key: Key::from_bytes(KEY),
        bounds,
        places: Places::new(16),
        metrics: Metrics::default(),
        letters: crate::post::letters().0,
        watchers: Arc::default(),
        hooks: None,
        fleets: Fleets::new(crate::fleets::handles().0),
        sessions: Sessions::default(),
    };
    router(Arc::new(desk), Hosts::loopback(), Rates::new(0), None)
}

/// Answers any bytes as a question by DNS, by both ways: what comes out is an answer to it, and not
/// longer than it may be.
pub fn question(heard: Event, packet: &[u8]) {
    let kept = Kept::new(machine());
    kept.step(std::iter::once(heard));
    lathe_dns::fuzz::question(&At(&kept.read(), 0), packet);
}

/// Where a watcher goes on, as it says by `Last-Event-ID`: what is read is an id of ours.
pub fn last_event_id(text: &str) {
    if let Some(Resume { history, commit }) = stream::resume(text) {
        let again = stream::resume(&format!("{history}.{commit}"));
        let again = again.expect("an id of ours is read");
        assert_eq!((again.history, again.commit), (history, commit), "read again, it is another");
    }
}

/// Reads a configuration file: what is accepted prints to what reads back to the same.
pub fn configuration(text: &str) {
    let read = |text| Config::from_source(&Flags::default(), Some((Path::new("fuzz.toml"), text)));
    match read(text) {
        Ok(config) => {
            let printed = config.print();
            assert_eq!(read(&printed).as_ref(), Ok(&config), "printed: {printed}");
        }
        Err(refused) => assert!(!refused.problems.is_empty(), "refused without a reason"),
    }
}
