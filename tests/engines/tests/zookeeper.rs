//! ZooKeeper, alone and as an ensemble: it serves, is hurt, and comes back.

use lathe_engines::{Code, Proxy, ZooKeeper, ZooKeeperSpec, block_on, until};

/// Long enough for an answer that should not come.
const SILENCE: std::time::Duration = std::time::Duration::from_millis(300);

#[tokio::test]
async fn one_server_serves_is_killed_and_comes_back_on_its_port() {
    let zookeeper = ZooKeeper::start(&ZooKeeperSpec::default()).await.unwrap();
    assert_eq!(zookeeper.mode(0).await.as_deref(), Some("standalone"));
    let (address, pid) = (zookeeper.addresses(), zookeeper.server(0).pid());
    zookeeper.server(0).kill().await.unwrap();
    assert_eq!(zookeeper.server(0).pid(), None);
    assert_eq!(zookeeper.mode(0).await, None);
    zookeeper.restart(0).await.unwrap();
    assert_eq!(zookeeper.addresses(), address);
    assert_ne!(zookeeper.server(0).pid(), pid);
    assert_eq!(zookeeper.url("/mesos"), format!("zk://{address}/mesos"));
}

#[tokio::test]
async fn a_paused_server_answers_again_when_it_goes_on() {
    let zookeeper = ZooKeeper::start(&ZooKeeperSpec::default()).await.unwrap();
    zookeeper.server(0).pause().unwrap();
    let silence = tokio::time::timeout(SILENCE, zookeeper.ask(0, "ruok")).await;
    assert!(silence.is_err(), "it answers: {silence:?}");
    zookeeper.server(0).resume().unwrap();
    let answer = until("an answer", || zookeeper.ask(0, "ruok")).await.unwrap();
    assert_eq!(answer, "imok");
}

#[tokio::test]
async fn three_servers_elect_another_leader_when_theirs_is_killed() {
    let zookeeper = ZooKeeper::start(&ZooKeeperSpec::ensemble_of(3)).await.unwrap();
    let first = zookeeper.leader().await.unwrap();
    zookeeper.server(first).kill().await.unwrap();
    let second = zookeeper.leader().await.unwrap();
    assert_ne!(first, second);
    zookeeper.restart(first).await.unwrap();
    assert_eq!(zookeeper.mode(first).await.as_deref(), Some("follower"));
}

#[tokio::test]
async fn a_client_sees_the_server_through_a_proxy() {
    let zookeeper = ZooKeeper::start(&ZooKeeperSpec::default()).await.unwrap();
    let proxy = Proxy::start(zookeeper.address(0)).await.unwrap();
    proxy.split(1);
    let mut stream = tokio::net::TcpStream::connect(proxy.address()).await.unwrap();
    let mut answer = String::new();
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(b"ruok").await.unwrap();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "imok");
}

#[test]
fn a_test_without_a_runtime_has_it_too_and_a_folder_that_was_asked_for_stays() {
    let dir = tempfile::tempdir().unwrap();
    let spec = ZooKeeperSpec { dir: Some(dir.path().to_owned()), ..ZooKeeperSpec::default() };
    let zookeeper = block_on(ZooKeeper::start(&spec)).unwrap();
    let log = zookeeper.server(0).log().to_owned();
    drop(zookeeper);
    assert!(std::fs::metadata(log).unwrap().len() > 0);
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let refused = ZooKeeper::start(&ZooKeeperSpec::ensemble_of(0)).await.unwrap_err();
    assert_eq!(refused.code, Code::Asked);
    let zookeeper = ZooKeeper::start(&ZooKeeperSpec::default()).await.unwrap();
    let taken = zookeeper.address(0).rsplit(':').next().unwrap().parse().unwrap();
    let spec = ZooKeeperSpec { port: taken, ..ZooKeeperSpec::default() };
    let refused = ZooKeeper::start(&spec).await.unwrap_err();
    assert!(refused.to_string().contains(&taken.to_string()), "{refused}");
    assert!(zookeeper.server(0).start().await.is_err(), "it runs already");
}
