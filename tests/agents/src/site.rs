//! A store and registries in this process.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use lathe_api::door::Key;
use lathe_catalog::{Entry, State, paths};
use lathe_coordination::local::server::Server;
use lathe_coordination::{Op, Options, Store};
use lathe_registry::Addresses;
use lathe_registry::config::{Config, Flags};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::until;
use crate::wire::get;

/// A part that runs until it is stopped.
#[derive(Debug)]
struct Part {
    stop: oneshot::Sender<()>,
    end: JoinHandle<()>,
}

/// A registry, at an address that it keeps over its deaths.
#[derive(Debug)]
struct Registry {
    address: SocketAddr,
    /// Where it serves by TLS, if it does.
    tls: Option<String>,
    part: Option<Part>,
}

/// A certificate or a key for tests.
#[must_use]
pub fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tls/testdata").join(name)
}

/// A store with its registries.
#[derive(Debug)]
pub struct Site {
    folder: tempfile::TempDir,
    store: Store,
    registries: Vec<Registry>,
    touched: u64,
    /// Registries listen for TLS too, and ask clients for a certificate.
    tls: bool,
}

impl Site {
    /// So many registries, all of which have heard the store.
    pub async fn start(registries: usize) -> Self {
        Self::start_at(&vec![[127, 0, 0, 1].into(); registries]).await
    }

    /// One registry at each of these addresses.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn start_at(registries: &[IpAddr]) -> Self {
        Self::listening(registries, false).await
    }

    /// The same with a second listener, for those outside who have a certificate.
    pub async fn start_tls(registries: usize) -> Self {
        Self::listening(&vec![[127, 0, 0, 1].into(); registries], true).await
    }

    async fn listening(registries: &[IpAddr], tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("store.sock");
        let server = Server::open(folder.path().join("store")).expect("a store");
        tokio::spawn(server.bind(&socket).expect("a socket").run(std::future::pending()));
        Key::read_or_create(&folder.path().join("key")).expect("a key");
        let address = address_of(folder.path());
        let store = Store::connect(&address, Options::default()).await.expect("a session");
        let mut site = Self { folder, store, registries: Vec::new(), touched: 0, tls };
        for (at, address) in registries.iter().enumerate() {
            let address = (*address, 0).into();
            site.registries.push(Registry { address, tls: None, part: None });
            site.start_registry(at).await;
        }
        site
    }

    /// Where tests may write.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of a registry.
    #[must_use]
    pub fn url(&self, registry: usize) -> String {
        format!("http://{}", self.registries[registry].address)
    }

    /// Where a registry serves by TLS.
    #[must_use]
    pub fn tls_url(&self, registry: usize) -> String {
        self.registries[registry].tls.clone().expect("it serves by TLS")
    }

    /// Starts a registry at the address that it had.
    pub async fn start_registry(&mut self, at: usize) {
        let store = Some(address_of(self.folder.path()));
        let key_file = Some(self.folder.path().join("key"));
        let config = self.tls.then(|| self.folder.path().join("registry.toml"));
        if let Some(path) = &config {
            let text = format!(
                "tls_listen = \"127.0.0.1:0\"\ntls_cert = {:?}\ntls_key = {:?}\ntls_client_ca = {:?}\n",
                pem("server.pem"),
                pem("server.key"),
                pem("client-ca.pem"),
            );
            std::fs::write(path, text).expect("a file");
        }
        let flags = Flags { store, key_file, config, ..Flags::default() };
        let mut config = Config::load(&flags).expect("a configuration");
        config.listen = self.registries[at].address;
        config.insecure = !config.listen.ip().is_loopback();
        let (told, addresses) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let end = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            let tell = |addresses: &Addresses| told.send(addresses.clone()).expect("it is awaited");
            lathe_registry::run(config, tell, shutdown).await.expect("it runs");
        });
        let Addresses { url, tls, .. } = addresses.await.expect("it listens");
        self.registries[at].tls = tls;
        self.registries[at].address = url["http://".len()..].parse().expect("an address");
        self.registries[at].part = Some(Part { stop, end });
        until("the registry is ready", || async {
            get(&url, "/readyz", &[]).await.is_some_and(|reply| reply.status == 200)
        })
        .await;
    }

    /// Ends a registry, with every stream that it has.
    pub async fn stop_registry(&mut self, at: usize) {
        let part = self.registries[at].part.take().expect("it runs");
        let _ = part.stop.send(());
        part.end.await.expect("it ends well");
    }

    /// Writes entries and removes others, with their tasks' records, in one commit.
    pub async fn change(&mut self, put: &[Entry], gone: &[&str]) -> u64 {
        self.touched += 1;
        let mut ops = Vec::new();
        let mut tasks = BTreeSet::new();
        for entry in put {
            let data = serde_json::to_vec(entry).expect("an entry is JSON");
            ops.push(Op::put(paths::entry(&entry.incarnation), data));
            tasks.insert(entry.task.clone());
        }
        for incarnation in gone {
            ops.push(Op::delete(paths::entry(incarnation)));
            tasks.extend(incarnation.split_once('#').map(|(task, _)| task.to_owned()));
        }
        for task in tasks {
            let record = json!({
                "topology": "demo", "task": task, "groups": [task], "own": {},
                "crate_name": "demo", "version": "1.0.0", "touched": self.touched,
            });
            ops.push(Op::put(paths::task(&task), record.to_string().into_bytes()));
        }
        self.store.multi(ops).await.expect("it is written")
    }

    /// The public key of what registries sign.
    pub async fn public_key(&self) -> String {
        let reply = get(&self.url(0), "/v1/public-key", &[]).await.expect("it answers").json();
        reply["public_key"].as_str().expect("a key").to_owned()
    }

    /// A file of configuration of an agent of a name, which has its own folder and follows these registries.
    #[must_use]
    pub fn configuration_of(&self, name: &str, registries: &[usize], more: &str) -> PathBuf {
        let urls: Vec<String> = registries.iter().map(|at| self.url(*at)).collect();
        let data = self.folder.path().join(name);
        let text = format!(
            "registries = {urls:?}\nhost = {name:?}\ndata_dir = {data:?}\nretry_max = \"300ms\"\n{more}"
        );
        let path = self.folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).expect("it is written");
        path
    }

    /// A file of configuration of an agent that follows all registries, with more text.
    #[must_use]
    pub fn configuration(&self, more: &str) -> PathBuf {
        let url = |at| if self.tls { self.tls_url(at) } else { self.url(at) };
        let urls: Vec<String> = (0..self.registries.len()).map(url).collect();
        let data = self.folder.path().join("agent");
        let text =
            format!("registries = {urls:?}\ndata_dir = {data:?}\nretry_max = \"300ms\"\n{more}");
        let path = self.folder.path().join("agent.toml");
        std::fs::write(&path, text).expect("it is written");
        path
    }
}

fn address_of(folder: &Path) -> String {
    format!("local:{}", folder.join("store.sock").display())
}

/// An instance of a task that is ready.
#[must_use]
pub fn instance(task: &str, slot: u32, life: u32, port: u16) -> Entry {
    serde_json::from_value(json!({
        "topology": "demo", "task": task, "slot": slot, "incarnation": format!("{task}#{slot}.{life}"),
        "host": "host-1", "address": "127.0.0.1", "ports": { "http": port }, "tags": [task],
        "crate_name": "demo", "version": "1.0.0", "state": State::Ready, "since_ms": 1,
    }))
    .expect("an entry")
}
