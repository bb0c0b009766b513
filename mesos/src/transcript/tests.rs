//! Tests that what a real Mesos and its peers said is understood: every request that was a message
//! and every event, as messages of ours and compared with the recorder's reading of them.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, ReflectMessage as _};
use serde_json::{Map, json};

use super::*;
use crate::recordio::Decoder;
use crate::v1;

mod replay;

fn all() -> Vec<Exchange> {
    let loaded = SESSIONS.iter().flat_map(|session| load(session).unwrap());
    loaded.collect()
}

fn pool() -> DescriptorPool {
    DescriptorPool::decode(v1::DESCRIPTORS).unwrap()
}

fn read(pool: &DescriptorPool, name: &str, bytes: &[u8]) -> DynamicMessage {
    let descriptor = pool.get_message_by_name(name).unwrap();
    DynamicMessage::decode(descriptor, bytes).unwrap()
}

/// A message as the recorder wrote it: names of fields as declared, 64-bit numbers as text, bytes
/// as base64, absent fields left out.
fn to_json(message: &DynamicMessage) -> Value {
    let fields = message.fields().filter_map(|(field, value)| {
        if let (Some(kind), Some(number)) = (field.kind().as_enum(), value.as_enum_number()) {
            // A number without a name is an unknown field to the recorder.
            kind.get_value(number)?;
        }
        Some((field.name().to_owned(), value_to_json(&field.kind(), value)))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

fn value_to_json(kind: &prost_reflect::Kind, value: &prost_reflect::Value) -> Value {
    use base64::Engine as _;
    use prost_reflect::Value as Read;
    match value {
        Read::Bool(value) => json!(value),
        Read::I32(value) => json!(value),
        Read::U32(value) => json!(value),
        Read::I64(value) => json!(value.to_string()),
        Read::U64(value) => json!(value.to_string()),
        Read::F32(value) => json!(value),
        Read::F64(value) => json!(value),
        Read::String(value) => json!(value),
        Read::Bytes(value) => {
            json!(base64::engine::general_purpose::STANDARD.encode(value))
        }
        Read::EnumNumber(number) => {
            json!(kind.as_enum().unwrap().get_value(*number).unwrap().name())
        }
        // JSON has a form of its own for this one; none of ours has fractions.
        Read::Message(message) if message.descriptor().name() == "Duration" => {
            let seconds = message.get_field_by_name("seconds").unwrap();
            json!(format!("{}s", seconds.as_i64().unwrap()))
        }
        Read::Message(message) => to_json(message),
        Read::List(values) => values.iter().map(|value| value_to_json(kind, value)).collect(),
        Read::Map(entries) => {
            let descriptor = kind.as_message().unwrap().map_entry_value_field();
            let entries = entries.iter().map(|(key, value)| match key {
                MapKey::String(key) => (key.clone(), value_to_json(&descriptor.kind(), value)),
                other => panic!("no map of the API has the key {other:?}"),
            });
            Value::Object(entries.collect())
        }
    }
}

/// The fields of a message, by number, that Mesos itself describes.
fn described(message: &str) -> Vec<u64> {
    static DUMP: LazyLock<Value> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../testdata/descriptors.json")).unwrap()
    });
    let fields = DUMP["messages"][message].as_object();
    let fields = fields.unwrap_or_else(|| panic!("{message} is not in the dump"));
    fields.values().map(|field| field[0].as_u64().unwrap()).collect()
}

/// The fields that Mesos describes and we do not. Agents say some things in their own older
/// dialect, which v1 has no name for: those do not count.
fn lost(message: &DynamicMessage, place: &str, found: &mut Vec<String>) {
    let mut unknown = message.unknown_fields().peekable();
    if unknown.peek().is_some() {
        let known = described(message.descriptor().full_name());
        let lost = unknown.filter(|field| known.contains(&u64::from(field.number())));
        found.extend(lost.map(|field| format!("{place}: {}", field.number())));
    }
    for (field, value) in message.fields() {
        let place = format!("{place}.{}", field.name());
        let inner: Vec<&prost_reflect::Value> = match value {
            prost_reflect::Value::List(values) => values.iter().collect(),
            prost_reflect::Value::Map(entries) => entries.values().collect(),
            single => vec![single],
        };
        for inner in inner.into_iter().filter_map(prost_reflect::Value::as_message) {
            lost(inner, &place, found);
        }
    }
}

/// Reads bytes as a message of ours and as what our description says they are, and compares: both
/// ways must lose nothing.
fn check<M: Message + Default + PartialEq>(
    pool: &DescriptorPool,
    name: &str,
    bytes: &[u8],
    place: &str,
) -> Value {
    let dynamic = read(pool, name, bytes);
    let mut found = Vec::new();
    lost(&dynamic, place, &mut found);
    assert!(found.is_empty(), "fields that we do not describe: {}", found.join(", "));
    let typed = M::decode(bytes).unwrap();
    let again = typed.encode_to_vec();
    assert!(M::decode(again.as_slice()).unwrap() == typed, "{place}");
    let json = to_json(&dynamic);
    assert_eq!(to_json(&read(pool, name, &again)), json, "{place}");
    json
}

/// Numbers are compared as numbers: the recorder wrote 15.0 for what may be read as 15.
fn assert_same(ours: &Value, recorded: &Value, place: &str) {
    match (ours, recorded) {
        (Value::Number(a), Value::Number(b)) => {
            // The reader of JSON may be off by the last bit.
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= a.abs() * 4.0 * f64::EPSILON, "{place}: {a} and {b}");
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                assert_same(a, b, &format!("{place}[{index}]"));
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            let names = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            let (mut left, mut right) = (names(a), names(b));
            left.sort();
            right.sort();
            assert_eq!(left, right, "{place}");
            a.iter().for_each(|(name, a)| assert_same(a, &b[name], &format!("{place}.{name}")));
        }
        _ => assert_eq!(ours, recorded, "{place}"),
    }
}

#[test]
fn every_exchange_is_recorded_whole() {
    let all = all();
    assert!(all.len() > 130, "only {}", all.len());
    for exchange in &all {
        let line = exchange.response_head().line;
        assert!(line.contains(&format!(" {} ", exchange.status)), "{}: {line}", exchange.name);
        let length = exchange.request_head().header("content-length").map(str::to_owned);
        let length = length.unwrap_or_else(|| "0".to_owned());
        assert_eq!(exchange.request_body().len().to_string(), length, "{}", exchange.name);
    }
    assert_eq!(all.iter().filter(|exchange| exchange.events.is_some()).count(), 16);
}

#[test]
fn every_recorded_request_is_understood_and_survives() {
    let pool = pool();
    let mut calls = 0;
    for exchange in all() {
        let Some(recorded) = &exchange.request_json else { continue };
        let bytes = exchange.request_body();
        let name = &exchange.name;
        let json = match exchange.api() {
            // One went to a path that does not exist.
            Api::Scheduler | Api::Other => {
                check::<v1::scheduler::Call>(&pool, "mesos.v1.scheduler.Call", bytes, name)
            }
            Api::Executor => {
                check::<v1::executor::Call>(&pool, "mesos.v1.executor.Call", bytes, name)
            }
            Api::Master => check::<v1::master::Call>(&pool, "mesos.v1.master.Call", bytes, name),
            Api::Agent => check::<v1::agent::Call>(&pool, "mesos.v1.agent.Call", bytes, name),
        };
        assert_same(&json, recorded, name);
        calls += 1;
    }
    assert!(calls > 100, "only {calls}");
}

#[test]
fn every_recorded_event_is_understood_and_survives() {
    let pool = pool();
    let mut count = 0;
    for exchange in all() {
        let Some(recorded) = &exchange.events else { continue };
        let name = &exchange.name;
        let mut decoder = Decoder::new(1 << 20);
        decoder.push(&exchange.response_body()).unwrap();
        let mut events = Vec::new();
        while let Some(record) = decoder.next() {
            let place = format!("{name} #{}", events.len());
            events.push(match exchange.api() {
                Api::Scheduler => check::<v1::scheduler::Event>(
                    &pool,
                    "mesos.v1.scheduler.Event",
                    &record,
                    &place,
                ),
                _ => {
                    check::<v1::executor::Event>(&pool, "mesos.v1.executor.Event", &record, &place)
                }
            });
        }
        assert_eq!(events.len(), recorded.len(), "{name}");
        for (index, (event, recorded)) in events.iter().zip(recorded).enumerate() {
            assert_same(event, recorded, &format!("{name} #{index}"));
        }
        count += events.len();
    }
    assert_eq!(count, 130);
}

#[test]
fn every_recorded_answer_of_an_operator_api_is_understood_and_survives() {
    let pool = pool();
    let mut count = 0;
    for exchange in all() {
        let Some(recorded) = &exchange.response_json else { continue };
        let (bytes, name) = (exchange.response_body(), &exchange.name);
        let json = match exchange.api() {
            Api::Master => {
                check::<v1::master::Response>(&pool, "mesos.v1.master.Response", &bytes, name)
            }
            Api::Agent => {
                check::<v1::agent::Response>(&pool, "mesos.v1.agent.Response", &bytes, name)
            }
            other => panic!("{name} is of {other:?}"),
        };
        assert_same(&json, recorded, name);
        count += 1;
    }
    assert_eq!(count, 22);
}
