//! An engine as the contract wants it, for several files of tests: shared ones that live as long as
//! the test's process, and own ones that a test may kill.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lathe_coordination::contract::faults::Faults;
use lathe_coordination::contract::{Link, Rig};
use lathe_engines::{ZooKeeper, ZooKeeperSpec};
use tokio::sync::OnceCell;

/// A folder on an engine.
pub(crate) struct Rigged {
    pub(crate) zookeeper: Arc<ZooKeeper>,
    pub(crate) folder: String,
    links: AtomicUsize,
}

static FOLDERS: AtomicUsize = AtomicUsize::new(0);

impl Rigged {
    /// On an engine of so many servers that other tests use as well.
    pub(crate) async fn shared(servers: usize) -> Self {
        static ONE: OnceCell<Arc<ZooKeeper>> = OnceCell::const_new();
        static THREE: OnceCell<Arc<ZooKeeper>> = OnceCell::const_new();
        let place = if servers == 1 { &ONE } else { &THREE };
        let zookeeper = place.get_or_init(|| start(servers)).await;
        Self::on(zookeeper.clone())
    }

    /// On an engine of its own.
    pub(crate) async fn own(servers: usize) -> Self {
        Self::on(start(servers).await)
    }

    pub(crate) fn on(zookeeper: Arc<ZooKeeper>) -> Self {
        let folder = format!("/test-{}/lathe", FOLDERS.fetch_add(1, Ordering::Relaxed));
        Self { zookeeper, folder, links: AtomicUsize::new(0) }
    }
}

async fn start(servers: usize) -> Arc<ZooKeeper> {
    let spec = ZooKeeperSpec::ensemble_of(servers);
    Arc::new(ZooKeeper::start(&spec).await.expect("the engine starts"))
}

impl Rig for Rigged {
    fn address(&self) -> String {
        self.zookeeper.url(&self.folder)
    }

    /// To one of the servers, each in its turn.
    async fn link(&self) -> Link {
        let number = self.links.fetch_add(1, Ordering::Relaxed);
        let server = self.zookeeper.address(number % self.zookeeper.servers().len());
        let (faults, address) = Faults::tcp_proxy(&server).await;
        Link { address: format!("zk://{address}{}", self.folder), faults: Arc::new(faults) }
    }

    /// Its client waits 100 ms and more after an attempt to connect that failed.
    fn between_cuts(&self) -> Duration {
        Duration::from_millis(200)
    }

    /// The server, or the leader of several.
    async fn crash(&mut self) {
        let leader = self.zookeeper.leader().await.expect("a leader");
        self.zookeeper.server(leader).kill().await.expect("it can be killed");
        self.zookeeper.restart(leader).await.expect("it comes back");
    }
}
