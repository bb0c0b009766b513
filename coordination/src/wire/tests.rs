//! Whatever is said is understood, and whatever bytes come, nothing breaks.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{Event, FrameError, Refusal, SessionKey, ToClient, ToServer, split_frame};
use crate::limits::MAX_FRAME_BYTES;
use crate::{Mode, Op, Record, StoreError};

fn data() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn op() -> impl Strategy<Value = Op> {
    let mode = prop_oneof![Just(Mode::Persistent), Just(Mode::Ephemeral)];
    prop_oneof![
        (".{0,9}", any::<u64>()).prop_map(|(path, version)| Op::Check { path, version }),
        ".{0,9}".prop_map(|path| Op::CheckAbsent { path }),
        (".{0,9}", data(), mode).prop_map(|(path, data, mode)| Op::Create { path, data, mode }),
        (".{0,9}", data(), any::<Option<u64>>()).prop_map(|(path, data, expect)| Op::Set {
            path,
            data,
            expect
        }),
        (".{0,9}", data()).prop_map(|(path, data)| Op::Put { path, data }),
        (".{0,9}", any::<Option<u64>>()).prop_map(|(path, expect)| Op::Delete { path, expect }),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    (data(), any::<u64>(), any::<u64>(), any::<bool>())
        .prop_map(|(data, version, commit, ephemeral)| Record { data, version, commit, ephemeral })
}

fn key() -> impl Strategy<Value = SessionKey> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(id, secret)| SessionKey { id, secret })
}

fn to_server() -> impl Strategy<Value = ToServer> {
    let id = any::<u64>;
    prop_oneof![
        (any::<u16>(), prop::option::of(key()), id()).prop_map(
            |(protocol, session, timeout_ms)| { ToServer::Hello { protocol, session, timeout_ms } }
        ),
        Just(ToServer::Ping),
        (id(), ".*").prop_map(|(id, path)| ToServer::Get { id, path }),
        (id(), ".*").prop_map(|(id, prefix)| ToServer::List { id, prefix }),
        (id(), prop::collection::vec(op(), 0..6)).prop_map(|(id, ops)| ToServer::Multi { id, ops }),
        (id(), ".*").prop_map(|(id, prefix)| ToServer::Watch { id, prefix }),
        id().prop_map(|id| ToServer::Unwatch { id }),
        id().prop_map(|id| ToServer::Close { id }),
    ]
}

fn error() -> impl Strategy<Value = StoreError> {
    prop_oneof![
        ".*".prop_map(|path| StoreError::NotFound { path }),
        ".*".prop_map(|path| StoreError::Exists { path }),
        (".*", 0..9usize).prop_map(|(path, index)| StoreError::Conflict { path, index }),
        ".*".prop_map(|reason| StoreError::Disconnected { reason }),
        Just(StoreError::Expired),
        (any::<u64>(), any::<u64>()).prop_map(|(size, limit)| StoreError::TooLarge {
            what: "the multi",
            size,
            limit
        }),
        ".*".prop_map(|reason| StoreError::Invalid { reason }),
        Just(StoreError::TooMany { what: "watches" }),
    ]
}

fn to_client() -> impl Strategy<Value = ToClient> {
    let id = any::<u64>;
    let flags = (any::<bool>(), any::<bool>());
    prop_oneof![
        (key(), id(), ".*").prop_map(|(key, timeout_ms, history)| ToClient::Welcome {
            key,
            timeout_ms,
            history
        }),
        Just(ToClient::Refused(Refusal::Expired)),
        Just(ToClient::Refused(Refusal::Replaced)),
        Just(ToClient::Pong),
        (id(), prop::option::of(record())).prop_map(|(id, record)| ToClient::Found { id, record }),
        (id(), id()).prop_map(|(id, commit)| ToClient::Committed { id, commit }),
        (id(), error()).prop_map(|(id, error)| ToClient::Failed { id, error }),
        id().prop_map(|id| ToClient::Closed { id }),
        (id(), id(), flags, prop::collection::vec((".*", record()), 0..4)).prop_map(
            |(id, commit, (first, last), records)| ToClient::Part {
                id,
                commit,
                first,
                last,
                records
            }
        ),
        (id(), ".*", record()).prop_map(|(id, path, record)| ToClient::Event {
            id,
            event: Event::Changed { path, record }
        }),
        (id(), ".*", id()).prop_map(|(id, path, commit)| ToClient::Event {
            id,
            event: Event::Deleted { path, commit }
        }),
    ]
}

proptest! {
    #[test]
    fn requests_come_out_as_they_went_in(said in prop::collection::vec(to_server(), 0..5)) {
        let mut bytes = BytesMut::new();
        said.iter().for_each(|said| said.put(&mut bytes));
        let mut heard = Vec::new();
        while let Some(body) = split_frame(&mut bytes).unwrap() {
            heard.push(ToServer::decode(body).unwrap());
        }
        prop_assert_eq!(said, heard);
        prop_assert!(bytes.is_empty());
    }

    #[test]
    fn answers_come_out_as_they_went_in_byte_by_byte(said in to_client()) {
        let mut bytes = BytesMut::new();
        said.put(&mut bytes);
        let mut read = BytesMut::new();
        let (last, most) = bytes.split_last().unwrap();
        for byte in most {
            read.extend_from_slice(&[*byte]);
            prop_assert_eq!(split_frame(&mut read).unwrap(), None);
        }
        read.extend_from_slice(&[*last]);
        let body = split_frame(&mut read).unwrap().unwrap();
        prop_assert_eq!(ToClient::decode(body).unwrap(), said);
    }

    #[test]
    fn no_bytes_break_the_decoders(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let body = Bytes::from(bytes.clone());
        let _ = ToServer::decode(body.clone());
        let _ = ToClient::decode(body);
        let _ = split_frame(&mut BytesMut::from(bytes.as_slice()));
    }

    #[test]
    fn no_damage_to_a_real_frame_breaks_the_decoders(
        said in to_server(),
        answer in to_client(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = BytesMut::new();
        said.put(&mut bytes);
        let mut other = BytesMut::new();
        answer.put(&mut other);
        for frame in [&mut bytes, &mut other] {
            for (at, value) in &hits {
                let at = at.index(frame.len());
                frame[at] = *value;
            }
            let body = frame.split_off(4).freeze();
            let _ = ToServer::decode(body.slice(..cut.index(body.len() + 1)));
            let _ = ToClient::decode(body.slice(..cut.index(body.len() + 1)));
        }
    }
}

#[test]
fn a_frame_beyond_the_limit_is_refused_before_it_is_read() {
    let size = u32::try_from(MAX_FRAME_BYTES + 1).unwrap();
    let mut read = BytesMut::from(&size.to_le_bytes()[..]);
    assert!(matches!(split_frame(&mut read), Err(FrameError::TooLarge { .. })));
}

#[test]
fn a_count_beyond_the_frame_is_refused_before_anything_is_allocated() {
    let mut body = vec![4];
    body.extend_from_slice(&1u64.to_le_bytes());
    body.extend_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(ToServer::decode(Bytes::from(body)), Err(FrameError::Short));
}

#[test]
fn the_largest_multi_fits_a_frame() {
    use crate::limits::{MAX_MULTI_BYTES, MAX_MULTI_OPS, check_multi};
    let each = MAX_MULTI_BYTES / MAX_MULTI_OPS - 2;
    let ops: Vec<Op> =
        (0..MAX_MULTI_OPS).map(|_| Op::set_if("/a", vec![0; each], u64::MAX)).collect();
    check_multi(&ops).unwrap();
    let mut bytes = BytesMut::new();
    ToServer::Multi { id: 1, ops }.put(&mut bytes);
    assert!(split_frame(&mut bytes).unwrap().is_some());
}
