//! A door with TLS before something that has none, as a proxy is.
//!
//! Its certificate is for `localhost` and `127.0.0.1`, and is signed by [`AUTHORITY`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lathe_tls::{ServerFiles, ServerTls};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub(crate) const AUTHORITY: &str = "ca.pem";
/// It has not signed what stands before masters.
pub(crate) const OTHER_AUTHORITY: &str = "other-ca.pem";

/// A certificate for tests.
pub(crate) fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tls/testdata").join(name)
}

/// The door; it is shut when this is dropped.
pub(crate) struct Door {
    address: SocketAddr,
    knocks: Arc<AtomicUsize>,
    through: Arc<AtomicUsize>,
    _shut: oneshot::Sender<()>,
}

impl Door {
    /// Before this address.
    pub(crate) fn before(address: &str) -> Self {
        let to: SocketAddr = address.parse().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (shut, is_shut) = oneshot::channel();
        let new = Self {
            address: listener.local_addr().unwrap(),
            knocks: Arc::default(),
            through: Arc::default(),
            _shut: shut,
        };
        let (knocks, through) = (Arc::clone(&new.knocks), Arc::clone(&new.through));
        let acceptor = acceptor();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let serving = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        knocks.fetch_add(1, Ordering::SeqCst);
                        let (acceptor, through) = (acceptor.clone(), Arc::clone(&through));
                        tokio::spawn(async move {
                            let Ok(mut outside) = acceptor.accept(stream).await else { return };
                            let Ok(mut inside) = TcpStream::connect(to).await else { return };
                            through.fetch_add(1, Ordering::SeqCst);
                            // Who breaks off needs no answer.
                            let _ = copy_bidirectional(&mut outside, &mut inside).await;
                        });
                    }
                };
                tokio::select! {
                    () = serving => {}
                    _ = is_shut => {}
                }
            });
        });
        new
    }

    /// Such as `https://127.0.0.1:41234`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Connections that were tried.
    pub(crate) fn knocks(&self) -> usize {
        self.knocks.load(Ordering::SeqCst)
    }

    /// Connections that came through.
    pub(crate) fn through(&self) -> usize {
        self.through.load(Ordering::SeqCst)
    }
}

fn acceptor() -> ServerTls {
    let (certificate, key) = (certificate("server.pem"), certificate("server.key"));
    ServerTls::load(ServerFiles { certificate, key, client_authorities: None }).unwrap()
}
