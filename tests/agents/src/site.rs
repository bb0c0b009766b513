//! A store and registries in this process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lathe_api::door::{Key, Tokens};
use lathe_catalog::{Entry, State, paths};
use lathe_coordination::local::server::Server;
use lathe_coordination::{Op, Options, Store, StoreError};
use lathe_registry::Addresses;
use lathe_registry::config::{Config, Flags};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::wire::get;
use crate::{SOON, until};

/// A part that runs until it is stopped.
#[derive(Debug)]
struct Part {
    stop: oneshot::Sender<()>,
    end: JoinHandle<()>,
}

/// Where a registry runs.
#[derive(Clone, Debug)]
pub struct Seat {
    /// What it listens on, over its deaths; with port 0 what the system chooses first.
    pub listen: SocketAddr,
    /// The URL that others are told, if it is not the one that is listened on.
    pub advertise: Option<String>,
    /// What it runs on: it is on the host of that runtime's thread.
    pub runtime: Handle,
}

impl Seat {
    fn here() -> Self {
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        Self { listen, advertise: None, runtime: Handle::current() }
    }
}

/// A registry that may be stopped and started.
#[derive(Debug)]
struct Registry {
    seat: Seat,
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
    /// The store's addresses, for the site itself and for registries.
    addresses: [String; 2],
    registries: Vec<Registry>,
    /// How often each task's record was written.
    touched: BTreeMap<String, u64>,
    /// Registries listen for TLS too, and ask clients for a certificate.
    tls: bool,
}

impl Site {
    /// So many registries, all of which have heard the store.
    pub async fn start(registries: usize) -> Self {
        Self::local(registries, false).await
    }

    /// The same with a second listener, for those outside who have a certificate.
    pub async fn start_tls(registries: usize) -> Self {
        Self::local(registries, true).await
    }

    async fn local(registries: usize, tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("store.sock");
        let server = Server::open(folder.path().join("store")).expect("a store");
        tokio::spawn(server.bind(&socket).expect("a socket").run(std::future::pending()));
        let address = format!("local:{}", socket.display());
        Self::with(folder, [address.clone(), address], vec![Seat::here(); registries], tls).await
    }

    /// Registries on these seats, on a store that is there already: at the first address for the site itself, at
    /// the second for registries.
    ///
    /// # Panics
    /// When it does not answer, or they are not ready in time.
    pub async fn start_on(own: &str, address: &str, seats: Vec<Seat>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::with(folder, [own, address].map(str::to_owned), seats, false).await
    }

    async fn with(
        folder: tempfile::TempDir,
        addresses: [String; 2],
        seats: Vec<Seat>,
        tls: bool,
    ) -> Self {
        Key::read_or_create(&folder.path().join("key")).expect("a key");
        Tokens::read_or_create(&folder.path().join("token")).expect("a token");
        let store = connected(&addresses[0]).await;
        let (registries, touched) = (Vec::new(), BTreeMap::new());
        let mut site = Self { folder, store, addresses, registries, touched, tls };
        for (at, seat) in seats.into_iter().enumerate() {
            site.registries.push(Registry { seat, tls: None, part: None });
            site.start_registry(at).await;
        }
        site
    }

    /// Where tests may write.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file with a token that registries take.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// The URL of a registry, which it listens on.
    #[must_use]
    pub fn url(&self, registry: usize) -> String {
        format!("http://{}", self.registries[registry].seat.listen)
    }

    /// The URL by which agents know a registry.
    fn known(&self, registry: usize) -> String {
        let advertised = self.registries[registry].seat.advertise.clone();
        advertised.unwrap_or_else(|| self.url(registry))
    }

    /// Where a registry serves by TLS.
    #[must_use]
    pub fn tls_url(&self, registry: usize) -> String {
        self.registries[registry].tls.clone().expect("it serves by TLS")
    }

    /// Starts a registry at the address that it had.
    pub async fn start_registry(&mut self, at: usize) {
        let store = Some(self.addresses[1].clone());
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
        let token_file = Some(self.token_file());
        let flags = Flags { store, key_file, config, token_file, ..Flags::default() };
        let mut config = Config::load(&flags).expect("a configuration");
        let Seat { listen, advertise, runtime } = self.registries[at].seat.clone();
        (config.listen, config.advertise) = (listen, advertise);
        config.insecure = !config.listen.ip().is_loopback();
        let (told, addresses) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let end = runtime.spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            let tell = |addresses: &Addresses| told.send(addresses.clone()).expect("it is awaited");
            lathe_registry::run(config, tell, shutdown).await.expect("it runs");
        });
        let Addresses { url, tls, .. } = addresses.await.expect("it listens");
        self.registries[at].tls = tls;
        let seat = &mut self.registries[at].seat;
        if seat.advertise.is_none() {
            seat.listen = url["http://".len()..].parse().expect("an address");
        }
        let url = self.url(at);
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
            let touched = self.touched.entry(task.clone()).or_default();
            *touched += 1;
            let record = json!({
                "topology": "demo", "task": task, "groups": [task], "own": {},
                "crate_name": "demo", "version": "1.0.0", "touched": *touched,
            });
            let (path, data) = (paths::task(&task), record.to_string().into_bytes());
            // Over what was written last and nothing else: what may have been written is not written twice.
            ops.push(match touched.checked_sub(2) {
                Some(before) => Op::set_if(path, data, before),
                None => Op::create(path, data),
            });
        }
        self.write(&ops).await
    }

    /// Writes it once, also where the connection is lost meanwhile. The last operation is one that nobody else does.
    async fn write(&mut self, ops: &[Op]) -> u64 {
        let end = Instant::now() + SOON;
        let last = ops.last().expect("something is written");
        let mut lost = false;
        loop {
            let error = match self.store.multi(ops.to_vec()).await {
                Ok(commit) => return commit,
                Err(error) => error,
            };
            lost |= matches!(error, StoreError::Disconnected { .. } | StoreError::Expired);
            assert!(lost && Instant::now() < end, "it is not written: {error}");
            if error == StoreError::Expired {
                self.store = connected(&self.addresses[0]).await;
            }
            if let Ok(Some(record)) = self.store.get(last.path()).await
                && record.data == last.data()
            {
                return record.commit;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The public key of what registries sign.
    pub async fn public_key(&self) -> String {
        let reply = get(&self.url(0), "/v1/public-key", &[]).await.expect("it answers").json();
        reply["public_key"].as_str().expect("a key").to_owned()
    }

    /// A file of configuration of an agent of a name, which has its own folder and follows these registries.
    #[must_use]
    pub fn configuration_of(&self, name: &str, registries: &[usize], more: &str) -> PathBuf {
        let urls: Vec<String> = registries.iter().map(|at| self.known(*at)).collect();
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

async fn connected(address: &str) -> Store {
    Store::connect(address, Options::default()).await.expect("a session")
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
