//! What registries sign, for those who hand it on: on streams, with answers, by the key that all of them share.

use std::process::Command;

use http_body_util::BodyExt as _;
use hyper::{Request, StatusCode};
use lathe_catalog::State;
use lathe_gossip::{Signature, Statement, Subject, Trust};

use crate::rig::{Rig, Stream, Told, entry, within};

const SIGN: (&str, &str) = ("lathe-sign", "true");

async fn trust(rig: &Rig) -> Trust {
    let (status, key) = rig.get("/v1/public-key").await;
    assert_eq!(status, StatusCode::OK);
    Trust::parse(&[key["public_key"].as_str().unwrap().to_owned()]).unwrap()
}

/// What two events say together.
fn statement(said: &Told, signed: &Told) -> Statement {
    assert_eq!(signed.kind, "signature");
    let name = signed.data["name"].as_str().unwrap();
    let subject = match signed.data["kind"].as_str().unwrap() {
        "group" => Subject::group(name),
        _ => Subject::config(name),
    };
    let number = |key: &str| signed.data[key].as_u64().unwrap();
    let signature = Signature::parse(signed.data["signature"].as_str().unwrap()).unwrap();
    let history = said.data["history"].as_str().unwrap();
    let stamps = (number("version"), number("heard_ms"));
    assert_eq!(said.data["version"], stamps.0);
    Statement::new((subject, history), stamps, said.text.as_str().into(), signature)
}

#[tokio::test]
async fn a_stream_tells_after_each_group_and_own_keys_what_they_are_signed_with() {
    let rig = Rig::start().await;
    let trust = trust(&rig).await;
    rig.shown(rig.put(&[entry("a#0.1", State::Ready, 1)]).await).await;
    let mut stream = Stream::open_with(&rig, "group=a&group=none&config=a", &[SIGN]).await;
    let first = stream.first_state().await;
    let kinds: Vec<&str> = first.iter().map(|told| told.kind.as_str()).collect();
    let pair = |kind| [kind, "signature"];
    let expected = [pair("group"), pair("group"), pair("config")].concat();
    assert_eq!(kinds, [&["registries"][..], &expected, &["synced"]].concat());
    for pair in first[1..7].chunks(2) {
        let statement = statement(&pair[0], &pair[1]);
        assert!(trust.believes(&statement), "{statement:?}");
        let mut other = statement;
        other.heard_ms += 1;
        assert!(!trust.believes(&other));
    }
    let commit = rig.put(&[entry("a#0.1", State::Draining, 2)]).await;
    let group = stream.next_group().await;
    let statement = statement(&group, &stream.next().await.unwrap());
    assert_eq!(statement.version, commit);
    assert!(trust.believes(&statement));
}

#[tokio::test]
async fn an_answer_has_its_signature_and_one_without_a_body_has_it_too() {
    let rig = Rig::start().await;
    let trust = trust(&rig).await;
    rig.shown(rig.put(&[entry("a#0.1", State::Ready, 1)]).await).await;
    for (path, subject) in
        [("/v1/groups/a", Subject::group("a")), ("/v1/config/a", Subject::config("a"))]
    {
        let request = Request::get(format!("{}{path}", rig.url)).header(SIGN.0, SIGN.1);
        let answer = rig.send(request.body(http_body_util::Full::default()).unwrap()).await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let (history, version, tag) =
            (header("lathe-history"), header("lathe-version"), header("etag"));
        let read = |signed: &str| {
            let (heard_ms, signature) = signed.split_once('.').unwrap();
            (heard_ms.parse::<u64>().unwrap(), Signature::parse(signature).unwrap())
        };
        let (heard_ms, signature) = read(&header("lathe-signature"));
        let body = within(answer.into_body().collect()).await.unwrap().to_bytes();
        let content = String::from_utf8(body.to_vec()).unwrap();
        let stamps = (version.parse().unwrap(), heard_ms);
        let said = Statement::new((subject, &history), stamps, content.into(), signature);
        assert!(trust.believes(&said), "{path}");
        let (again, _) = rig.get_with(path, &[SIGN, ("if-none-match", &tag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let (heard_ms, signature) = read(again.headers()["lathe-signature"].to_str().unwrap());
        assert!(trust.believes(&Statement { heard_ms, signature, ..said }));
        let (plain, _) = rig.get_with(path, &[]).await;
        assert!(!plain.headers().contains_key("lathe-signature"), "nobody has asked");
    }
}

#[tokio::test]
async fn the_key_is_that_of_all_who_share_a_key_file_and_of_nobody_else() {
    let rig = Rig::start().await;
    let served = rig.get("/v1/public-key").await.1["public_key"].as_str().unwrap().to_owned();
    let printed = |key_file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lathe-registry"));
        let store = rig.store_address();
        command.args(["--store", &store, "--key-file", key_file, "--public-key"]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(printed(rig.key_file().to_str().unwrap()), format!("{served}\n"));
    let other = rig.key_file().with_extension("other");
    lathe_api::door::Key::read_or_create(&other).unwrap();
    assert_ne!(printed(other.to_str().unwrap()), format!("{served}\n"));
}
