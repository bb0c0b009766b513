//! The local store passes the contract, and keeps what is its own: the lock, the socket, numbers.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::{OpenError, ServeError, Server};
use crate::contract::faults::Faults;
use crate::contract::{DEADLINE, Link, Rig};
use crate::wire::{PROTOCOL, ToServer};
use crate::{Op, Options, Store};

/// A server in a directory of its own, with proxies before it.
struct Local {
    dir: tempfile::TempDir,
    serving: JoinHandle<Result<(), ServeError>>,
    links: AtomicU32,
}

impl Local {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let serving = serve(dir.path());
        Self { dir, serving, links: AtomicU32::new(0) }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("store.sock")
    }

    async fn client(&self) -> Store {
        Store::connect(&self.address(), Options::default()).await.unwrap()
    }
}

fn serve(dir: &Path) -> JoinHandle<Result<(), ServeError>> {
    let server = Server::open(dir.join("data")).unwrap();
    let listening = server.bind(dir.join("store.sock")).unwrap();
    tokio::spawn(listening.run(std::future::pending()))
}

impl Rig for Local {
    fn address(&self) -> String {
        format!("local:{}", self.socket().display())
    }

    async fn link(&self) -> Link {
        let number = self.links.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.path().join(format!("way-{number}.sock"));
        let faults = Faults::unix_proxy(&path, &self.socket());
        Link { address: format!("local:{}", path.display()), faults: Arc::new(faults) }
    }

    async fn crash(&mut self) {
        self.serving.abort();
        assert!((&mut self.serving).await.unwrap_err().is_cancelled());
        self.serving = serve(self.dir.path());
    }
}

crate::contract_tests!(Local::start());

#[tokio::test]
async fn commit_numbers_rise_by_one_over_everything() {
    let mut rig = Local::start();
    let mut last = 0;
    for _ in 0..3 {
        let store = rig.client().await;
        for _ in 0..5 {
            let commit = store.multi(vec![Op::put("/a", "x")]).await.unwrap();
            assert_eq!(commit, last + 1);
            last = commit;
            assert!(store.multi(vec![Op::check("/a", 99)]).await.is_err());
        }
        store.close().await.unwrap();
        rig.crash().await;
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_refused_by_name() {
    let rig = Local::start();
    let refused = Server::open(rig.dir.path().join("data")).unwrap_err();
    let OpenError::InUse { by, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*by, Some(std::process::id()));
    assert!(refused.to_string().contains("in use"));
}

#[tokio::test]
async fn a_second_server_on_the_same_socket_is_refused() {
    let rig = Local::start();
    let _client = rig.client().await;
    let other = Server::open(rig.dir.path().join("other")).unwrap();
    let refused = other.bind(rig.socket()).unwrap_err();
    assert!(matches!(refused, ServeError::SocketInUse { .. }), "{refused}");
}

#[tokio::test]
async fn a_clean_stop_removes_the_socket_and_frees_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("store.sock");
    let server = Server::open(dir.path()).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(socket.clone(), async {
        let _ = stopped.await;
    }));
    let address = format!("local:{}", socket.display());
    let store = Store::connect(&address, Options::default()).await.unwrap();
    store.multi(vec![Op::put("/a", "x")]).await.unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(!socket.exists());
    Server::open(dir.path()).unwrap();
}

#[tokio::test]
async fn files_are_only_for_their_owner() {
    let rig = Local::start();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(rig.dir.path().join("data")), 0o700);
    assert_eq!(mode(rig.dir.path().join("data/store.redb")), 0o600);
    assert_eq!(mode(rig.socket()), 0o600);
}

#[tokio::test]
async fn a_damaged_store_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("store.redb"), vec![b'x'; 10_000]).unwrap();
    let refused = Server::open(dir.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Data { .. }), "{refused}");
}

/// Bytes that are no frames: the connection ends, and the server serves on.
#[tokio::test]
async fn a_bad_frame_ends_its_connection_and_nothing_else() {
    let rig = Local::start();
    let store = rig.client().await;
    let mut hello = bytes::BytesMut::new();
    ToServer::Hello { protocol: PROTOCOL, session: None, timeout_ms: 1000 }.put(&mut hello);
    let hello = hello.to_vec();
    let bad: [Vec<u8>; 5] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 64],
        vec![1, 0, 0, 0, 200],
        [hello.as_slice(), &[1, 0, 0, 0, 99]].concat(),
        [hello.as_slice(), &hello].concat(),
    ];
    for bytes in bad {
        let mut stream = tokio::net::UnixStream::connect(rig.socket()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{bytes:?} was put up with");
        store.multi(vec![Op::put("/a", "x")]).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_of_a_wrong_secret_is_refused() {
    let rig = Local::start();
    let path = rig.socket();
    let timeout = std::time::Duration::from_secs(5);
    let own = crate::client::hello_for_tests(&path, None, timeout).await.unwrap();
    assert_eq!(crate::client::hello_for_tests(&path, Some(own), timeout).await, Ok(own));
    let mut forged = own;
    forged.secret[0] ^= 1;
    let refused = crate::client::hello_for_tests(&path, Some(forged), timeout).await;
    assert!(refused.unwrap_err().contains("Expired"));
}

#[tokio::test]
async fn more_watches_than_allowed_are_refused() {
    let rig = Local::start();
    let store = rig.client().await;
    let mut watches = Vec::new();
    for _ in 0..crate::limits::MAX_WATCHES {
        let mut watch = store.watch("/a").await.unwrap();
        watch.next().await.unwrap();
        watches.push(watch);
    }
    let mut refused = store.watch("/a").await.unwrap();
    let error = refused.next().await.unwrap_err();
    assert_eq!(error, crate::StoreError::TooMany { what: "watches" });
    watches.pop();
    let mut taken = store.watch("/a").await.unwrap();
    taken.next().await.unwrap();
}

/// The third connection of two is told so and closed; a place that is given back is taken.
#[tokio::test]
async fn a_client_beyond_the_limit_is_refused_and_a_place_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sock");
    let mut listening = Server::open(dir.path().join("data")).unwrap().bind(&path).unwrap();
    listening.limits.connections = 2;
    let _serving = tokio::spawn(listening.run(std::future::pending()));
    let mut kept = Vec::new();
    for _ in 0..2 {
        kept.push(tokio::net::UnixStream::connect(&path).await.unwrap());
    }
    let timeout = std::time::Duration::from_secs(5);
    let refused = crate::client::hello_for_tests(&path, None, timeout).await.unwrap_err();
    assert!(refused.contains("TooMany"), "{refused}");
    kept.pop();
    let taken = async {
        while crate::client::hello_for_tests(&path, None, timeout).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, taken).await.expect("a place comes back");
}

#[tokio::test]
async fn who_says_no_hello_in_time_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sock");
    let mut listening = Server::open(dir.path().join("data")).unwrap().bind(&path).unwrap();
    listening.limits.hello_time = std::time::Duration::from_millis(50);
    let _serving = tokio::spawn(listening.run(std::future::pending()));
    for half in [&b""[..], &[40, 0, 0, 0, 1]] {
        let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        stream.write_all(half).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok() && rest.is_empty(), "{half:?} was waited for");
    }
}
