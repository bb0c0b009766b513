//! What the repository's fuzzer may reach of this crate's inside: the routes, behind their door.
//! No part of the crate's interface; must not be used by anything else.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use lathe_api::door::{Hosts, Key};

use crate::directory::{Event, Limits};
use crate::driver::{self, Kept};
use crate::metrics::Metrics;
use crate::rest::{Desk, router};

/// The key of the served registry.
pub const KEY: &[u8] = b"the fuzzer's key";

/// The routes of a registry that has heard this, and that nobody drives: what is asked of its loop
/// waits. To be called within a runtime.
pub fn routes(heard: Event) -> Router {
    let kept = Arc::new(Kept::new(Limits::default()));
    kept.step(std::iter::once(heard));
    let (inputs, mut received) = driver::inputs();
    tokio::spawn(async move { while received.recv().await.is_some() {} });
    let desk = Desk {
        kept,
        inputs,
        key: Key::from_bytes(KEY),
        groups_per_watch_max: 16,
        metrics: Metrics::default(),
        watchers: AtomicU64::new(0),
    };
    router(Arc::new(desk), Hosts::loopback())
}
