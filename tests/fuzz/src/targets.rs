//! The table of targets.
//!
//! Owns their names, which are those of the folders in `corpus/`.

mod cluster;
mod framework;
mod http;
mod inventory;
mod mesos;
mod offline;
mod records;
mod tasks;
mod topology;

pub(crate) use cluster::one_host;

/// One parser, or several that are given the same.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its folder in the corpus.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
}

/// Every target.
#[must_use]
pub fn all() -> Vec<Target> {
    let target = |name, run| Target { name, run };
    vec![
        target("topology", topology::file as fn(&[u8])),
        target("tokens", topology::tokens),
        target("configuration", topology::configuration),
        target("hosts", inventory::hosts),
        target("running", inventory::running),
        target("offline-plan", offline::files),
        target("recordio", mesos::recordio),
        target("executor-events", mesos::executor_events),
        target("framework-events", framework::events),
        target("master-calls", cluster::calls),
        target("host-link", lathe_standalone::fuzz::link),
        target("master-headers", lathe_standalone::fuzz::headers),
        target("store-to-server", lathe_coordination::fuzz::to_server),
        target("store-to-client", lathe_coordination::fuzz::to_client),
        target("framework-records", records::framework),
        target("catalog-records", records::catalog),
        target("backup", records::backup),
        target("registry-rest", http::registry),
        target("registry-dns", http::question),
        target("scheduler-rest", http::scheduler),
        target("last-event-id", http::last_event_id),
        target("gossip-packets", lathe_gossip::fuzz::packet),
        target("gossip-members", lathe_gossip::fuzz::insider),
        target("gossip-keys", gossip_keys),
        target("agent-copy", lathe_agent::fuzz::copy),
        target("agent-stream", lathe_agent::fuzz::events),
        target("answers", tasks::answers),
        target("registry-stream", lathe::fuzz::stream),
        target("handshake", tasks::handshake),
        target("environment", lathe::fuzz::environment),
    ]
}

fn gossip_keys(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        lathe_gossip::fuzz::keys(text);
    }
}
