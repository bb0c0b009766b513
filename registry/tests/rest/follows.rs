//! The gRPC stream: a copy of the catalog that is kept by deltas.

use std::collections::BTreeMap;

use lathe_api::v1::registry_client::RegistryClient;
use lathe_api::v1::{Delta, FollowRequest};
use lathe_catalog::{State, paths};
use tonic::Code;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::rig::{Rig, entry, within};

async fn client(rig: &Rig) -> RegistryClient<Channel> {
    within(RegistryClient::connect(rig.url.clone())).await.unwrap()
}

async fn follow(rig: &Rig, request: FollowRequest) -> Streaming<Delta> {
    within(client(rig).await.follow(request)).await.unwrap().into_inner()
}

/// The deltas up to one that is whole, as nodes by their paths; and that delta.
async fn whole(stream: &mut Streaming<Delta>) -> (BTreeMap<String, Option<Vec<u8>>>, Delta) {
    let mut nodes = BTreeMap::new();
    loop {
        let delta = within(stream.message()).await.unwrap().expect("the stream goes on");
        nodes.extend(delta.nodes.iter().map(|node| (node.path.clone(), node.data.clone())));
        if delta.whole {
            return (nodes, delta);
        }
    }
}

#[tokio::test]
async fn a_copy_is_begun_kept_and_gone_on_with() {
    let rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1), entry("b#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let mut stream = follow(&rig, FollowRequest::default()).await;
    let (nodes, first) = whole(&mut stream).await;
    let known: Vec<&str> = nodes.keys().map(String::as_str).collect();
    let expected =
        [paths::entry("a#0.1"), paths::entry("b#0.1"), paths::task("a"), paths::task("b")];
    assert_eq!(known, expected);
    assert_eq!(first.registries.unwrap().urls, std::slice::from_ref(&rig.url));
    let of_store = within(rig.store.get(&paths::entry("a#0.1"))).await.unwrap().unwrap();
    let (told, stored): (serde_json::Value, serde_json::Value) = (
        serde_json::from_slice(nodes[&expected[0]].as_ref().unwrap()).unwrap(),
        serde_json::from_slice(&of_store.data).unwrap(),
    );
    assert_eq!(told, stored);
    let commit = rig.put(&[entry("a#0.1", State::Draining, 2)]).await;
    let (nodes, delta) = whole(&mut stream).await;
    assert_eq!((nodes.len(), delta.commit, delta.reset), (2, commit, false));
    drop(stream);

    // What happened meanwhile is all that is told to who comes back, what is gone included.
    let gone = rig.delete("b#0.1", 9).await;
    rig.shown(gone).await;
    let again = FollowRequest { history: delta.history, commit, ..FollowRequest::default() };
    let (nodes, delta) = whole(&mut follow(&rig, again.clone()).await).await;
    assert!(!delta.reset);
    assert_eq!(nodes[&paths::entry("b#0.1")], None);
    assert!(!nodes.contains_key(&paths::entry("c#0.1")));
    let other = FollowRequest { history: "other".to_owned(), ..again };
    let stream = &mut follow(&rig, other).await;
    assert!(within(stream.message()).await.unwrap().unwrap().reset);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_code() {
    let rig = Rig::with(|config| {
        config.groups_per_watch_max = 2;
        config.watchers_per_address_max = 1;
    })
    .await;
    let mut client = client(&rig).await;
    for (groups, part) in [
        (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], "LT0606"),
        (vec!["a\nb".to_owned()], "LT0606"),
    ] {
        let request = FollowRequest { groups, ..FollowRequest::default() };
        let refused = within(client.follow(request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(part), "{refused}");
    }
    let _held = follow(&rig, FollowRequest::default()).await;
    let refused = within(client.follow(FollowRequest::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
}
