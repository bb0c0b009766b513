//! A group in ZooKeeper is followed: members that come, change and go, a znode that is not there yet,
//! a login, servers that break and come back.

use std::sync::Arc;
use std::time::Duration;

use lathe_coordination::group::{Group, Members, follow};
use lathe_engines::{Proxy, SOON, ZooKeeper, ZooKeeperSpec};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

async fn shared() -> Arc<ZooKeeper> {
    static ONE: OnceCell<Arc<ZooKeeper>> = OnceCell::const_new();
    ONE.get_or_init(start).await.clone()
}

async fn start() -> Arc<ZooKeeper> {
    Arc::new(ZooKeeper::start(&ZooKeeperSpec::default()).await.expect("the engine starts"))
}

async fn client(zookeeper: &ZooKeeper) -> Client {
    Client::connect(&zookeeper.addresses()).await.expect("a client")
}

async fn make(client: &Client, path: &str, data: &str) {
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.create(path, data.as_bytes(), &options).await.expect("it can be made");
}

/// Waits until the members are these.
async fn becomes(group: &mut Group, members: &[(&str, &str)]) {
    let wanted: Members =
        members.iter().map(|(name, data)| ((*name).to_owned(), data.as_bytes().to_vec())).collect();
    let waiting = async { while group.next().await != wanted {} };
    timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("never became {members:?}"));
}

#[tokio::test]
async fn members_come_change_and_go() {
    let zookeeper = shared().await;
    let client = client(&zookeeper).await;
    // The znode is not there yet.
    let mut group = follow(&zookeeper.url("/comes/and/goes")).unwrap();
    becomes(&mut group, &[]).await;
    make(&client, "/comes", "").await;
    make(&client, "/comes/and", "").await;
    make(&client, "/comes/and/goes", "").await;
    make(&client, "/comes/and/goes/a", "1").await;
    becomes(&mut group, &[("a", "1")]).await;
    make(&client, "/comes/and/goes/b", "2").await;
    becomes(&mut group, &[("a", "1"), ("b", "2")]).await;
    // What is further below is none of it.
    make(&client, "/comes/and/goes/b/deeper", "x").await;
    client.set_data("/comes/and/goes/b", b"3", None).await.unwrap();
    becomes(&mut group, &[("a", "1"), ("b", "3")]).await;
    client.delete("/comes/and/goes/a", None).await.unwrap();
    becomes(&mut group, &[("b", "3")]).await;
    client.delete("/comes/and/goes/b/deeper", None).await.unwrap();
    client.delete("/comes/and/goes/b", None).await.unwrap();
    client.delete("/comes/and/goes", None).await.unwrap();
    becomes(&mut group, &[]).await;
    make(&client, "/comes/and/goes", "").await;
    make(&client, "/comes/and/goes/c", "4").await;
    becomes(&mut group, &[("c", "4")]).await;
}

#[tokio::test]
async fn a_group_of_many_is_read_whole() {
    let zookeeper = shared().await;
    let client = client(&zookeeper).await;
    make(&client, "/many", "").await;
    let names: Vec<String> = (0..200).map(|number| format!("m{number:03}")).collect();
    for name in &names {
        make(&client, &format!("/many/{name}"), name).await;
    }
    let mut group = follow(&zookeeper.url("/many")).unwrap();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    becomes(&mut group, &all).await;
}

#[tokio::test]
async fn a_group_for_a_login_is_read_with_it() {
    let zookeeper = shared().await;
    let owner = Client::connector().with_auth("digest", b"me:secret");
    let owner = owner.connect(&zookeeper.addresses()).await.unwrap();
    let options = CreateMode::Persistent.with_acls(Acls::creator_all());
    owner.create("/locked", b"", &options).await.unwrap();
    owner.create("/locked/a", b"1", &options).await.unwrap();
    let address = format!("zk://me:secret@{}/locked", zookeeper.addresses());
    becomes(&mut follow(&address).unwrap(), &[("a", "1")]).await;
    let wrong = format!("zk://me:guess@{}/locked", zookeeper.addresses());
    let mut shut_out = follow(&wrong).unwrap();
    // It says nothing rather than that nobody is there; what it waits for may come.
    let open = Acl::new(Permission::ALL, AuthId::anyone());
    let nothing = timeout(Duration::from_millis(500), shut_out.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    for node in ["/locked", "/locked/a"] {
        owner.set_acl(node, std::slice::from_ref(&open), None).await.unwrap();
    }
    becomes(&mut shut_out, &[("a", "1")]).await;
}

#[tokio::test]
async fn what_changed_while_the_way_was_cut_is_seen_after_it() {
    let zookeeper = shared().await;
    let client = client(&zookeeper).await;
    make(&client, "/cut", "").await;
    let proxy = Proxy::start(zookeeper.address(0)).await.unwrap();
    let mut group = follow(&format!("zk://{}/cut", proxy.address())).unwrap();
    becomes(&mut group, &[]).await;
    for round in 0..3 {
        proxy.cut().await.unwrap();
        let name = format!("m{round}");
        make(&client, &format!("/cut/{name}"), "x").await;
        proxy.pass().await.unwrap();
        let all: Vec<String> = (0..=round).map(|round| format!("m{round}")).collect();
        let all: Vec<(&str, &str)> = all.iter().map(|name| (name.as_str(), "x")).collect();
        becomes(&mut group, &all).await;
        // The watch stands anew, too.
        client.set_data(&format!("/cut/{name}"), b"y", None).await.unwrap();
        let mut changed = all.clone();
        changed[round] = (&name, "y");
        becomes(&mut group, &changed).await;
        client.set_data(&format!("/cut/{name}"), b"x", None).await.unwrap();
        becomes(&mut group, &all).await;
    }
}

#[tokio::test]
async fn an_ensemble_that_is_away_for_longer_than_a_session_is_waited_for() {
    // It is not there at first, either.
    let zookeeper = start().await;
    let writer = client(&zookeeper).await;
    make(&writer, "/away", "").await;
    make(&writer, "/away/a", "1").await;
    zookeeper.server(0).kill().await.unwrap();
    let mut group = follow(&zookeeper.url("/away")).unwrap();
    zookeeper.restart(0).await.unwrap();
    becomes(&mut group, &[("a", "1")]).await;
    zookeeper.server(0).kill().await.unwrap();
    // Its client gives up after 14 s.
    tokio::time::sleep(Duration::from_secs(16)).await;
    zookeeper.restart(0).await.unwrap();
    let writer = client(&zookeeper).await;
    make(&writer, "/away/b", "2").await;
    becomes(&mut group, &[("a", "1"), ("b", "2")]).await;
}
