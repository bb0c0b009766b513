//! A registry in this process, on a store of its own that holds some instances.

use std::path::Path;

use lathe_api::door::Key;
use lathe_catalog::{State, paths};
use lathe_coordination::local::server::Server;
use lathe_coordination::{Op, Options, Store};
use lathe_engines::{SOON, until};
use lathe_registry::config::{Config, Flags};
use lathe_registry::{Addresses, run};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

pub(crate) struct Registry {
    pub(crate) addresses: Addresses,
}

impl Registry {
    /// Once it shows what the store holds.
    pub(crate) async fn start(
        folder: &Path,
        instances: Vec<Op>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let socket = folder.join("store.sock");
        let store = Server::open(folder.join("store")).expect("a store");
        tokio::spawn(store.bind(&socket).expect("a socket").run(std::future::pending()));
        let address = format!("local:{}", socket.display());
        let key_file = folder.join("key");
        Key::read_or_create(&key_file).expect("a key");
        let (store, key_file) = (Some(address.clone()), Some(key_file));
        let flags = Flags { store, key_file, ..Flags::default() };
        let mut config = Config::load(&flags).expect("a configuration");
        change(&mut config);
        let store = Store::connect(&address, Options::default()).await.expect("a session");
        store.multi(instances).await.expect("it is written");
        let (told, addresses) = oneshot::channel();
        tokio::spawn(async move {
            let tell = |addresses: &Addresses| told.send(addresses.clone()).expect("it is awaited");
            run(config, tell, std::future::pending()).await.expect("it runs");
        });
        let addresses = tokio::time::timeout(SOON, addresses).await;
        let addresses = addresses.expect("in time").expect("addresses");
        let registry = Self { addresses };
        until("the registry is ready", || registry.is_ready()).await.expect("in time");
        registry
    }

    async fn is_ready(&self) -> Option<()> {
        self.get("/readyz").await?.starts_with("HTTP/1.1 200 ").then_some(())
    }

    /// The whole answer.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let address = self.addresses.url.strip_prefix("http://")?;
        let mut stream = TcpStream::connect(address).await.ok()?;
        let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }
}

/// Writes an instance of a task.
pub(crate) fn instance(task: &str, incarnation: &str, slot: usize, state: State) -> Vec<Op> {
    let record = json!({
        "topology": "demo", "task": task, "groups": ["http", task], "own": { "n": [1, "x"] },
        "crate_name": "lb", "version": "1.0.0", "touched": 1,
    });
    let entry = json!({
        "topology": "demo", "task": task, "slot": slot, "incarnation": incarnation, "host": "one",
        "address": format!("127.0.0.{}", slot + 1), "ports": { "http": 31000 + slot },
        "tags": ["http", task], "crate_name": "lb", "version": "1.0.0", "state": state,
        "since_ms": 1,
    });
    vec![
        Op::put(paths::entry(incarnation), entry.to_string()),
        Op::put(paths::task(task), record.to_string()),
    ]
}
