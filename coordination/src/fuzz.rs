//! What the repository's fuzzer may reach of this crate's inside: the frames of the local store.
//! No part of the crate's interface; must not be used by anything else.

use bytes::{Bytes, BytesMut};

use crate::wire::{
    Event as WireEvent, FrameError, Refusal, SessionKey, ToClient, ToServer, split_frame,
};
use crate::{Mode, Op, Record, StoreError};

/// Reads a stream of a client's frames as a server does, up to the first that is none.
pub fn to_server(bytes: &[u8]) {
    each(bytes, ToServer::decode, ToServer::put);
}

/// Reads a stream of a server's frames as a client does, up to the first that is none.
pub fn to_client(bytes: &[u8]) {
    each(bytes, ToClient::decode, ToClient::put);
}

/// Each word of a server, to begin with.
#[must_use]
pub fn server_words() -> Vec<u8> {
    let mut out = BytesMut::new();
    let record = |commit| Record {
        data: Bytes::from_static(b"value"),
        version: 1,
        commit,
        ephemeral: false,
    };
    let key = SessionKey { id: 7, secret: [9; 32] };
    let changed = WireEvent::Changed { path: "/a".to_owned(), record: record(3) };
    for word in [
        ToClient::Welcome { key, timeout_ms: 1_000, history: "h".to_owned() },
        ToClient::Refused(Refusal::Expired),
        ToClient::Pong,
        ToClient::Found { id: 1, record: Some(record(2)) },
        ToClient::Committed { id: 2, commit: 3 },
        ToClient::Failed { id: 3, error: StoreError::NotFound { path: "/a".to_owned() } },
        ToClient::Closed { id: 4 },
        ToClient::Part {
            id: 5,
            commit: 3,
            first: true,
            last: true,
            records: vec![("/a".to_owned(), record(1)), ("/b".to_owned(), record(2))],
        },
        ToClient::Event { id: 6, event: changed },
    ] {
        word.put(&mut out);
    }
    out.to_vec()
}

/// Each word of a client, to begin with.
#[must_use]
pub fn client_words() -> Vec<u8> {
    let mut out = BytesMut::new();
    let data = Bytes::from_static(b"value");
    let ops = vec![
        Op::Check { path: "/a".to_owned(), version: 1 },
        Op::CheckAbsent { path: "/b".to_owned() },
        Op::Create { path: "/c".to_owned(), data: data.clone(), mode: Mode::Ephemeral },
        Op::Set { path: "/d".to_owned(), data: data.clone(), expect: Some(2) },
        Op::Put { path: "/e".to_owned(), data },
        Op::Delete { path: "/f".to_owned(), expect: None },
    ];
    for word in [
        ToServer::Hello { protocol: crate::wire::PROTOCOL, session: None, timeout_ms: 1_000 },
        ToServer::Ping,
        ToServer::Get { id: 1, path: "/a".to_owned() },
        ToServer::List { id: 2, prefix: "/".to_owned() },
        ToServer::Multi { id: 3, ops },
        ToServer::Watch { id: 4, prefix: "/a".to_owned() },
        ToServer::Unwatch { id: 4 },
        ToServer::Close { id: 5 },
    ] {
        word.put(&mut out);
    }
    out.to_vec()
}

/// What is understood means the same once it is said again.
fn each<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    decode: impl Fn(Bytes) -> Result<T, FrameError>,
    put: impl Fn(&T, &mut BytesMut),
) {
    let mut read = BytesMut::from(bytes);
    while let Ok(Some(body)) = split_frame(&mut read) {
        let Ok(word) = decode(body) else { return };
        let mut again = BytesMut::new();
        put(&word, &mut again);
        let body = split_frame(&mut again).ok().flatten();
        let body = body.expect("what was understood can be said");
        assert_eq!(decode(body).as_ref(), Ok(&word), "said again, it means something else");
    }
}
