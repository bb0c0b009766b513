//! Streams of Mesos: records, and events for executors.

use std::collections::BTreeMap;

use bytes::Bytes;
use lathe_executor::mesos_calls::Translator;
use lathe_mesos::executor::Environment;
use lathe_mesos::recordio::Decoder;
use lathe_mesos::v1;
use prost::Message as _;

/// Largest record that is taken.
const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// The records of a stream, up to what is none.
pub(super) fn records(bytes: &[u8]) -> Vec<Bytes> {
    let mut decoder = Decoder::new(RECORD_BYTES_MAX);
    let _ = decoder.push(bytes);
    std::iter::from_fn(|| decoder.next()).collect()
}

/// A stream, whole and byte by byte, and every message that a record might be.
pub(super) fn recordio(bytes: &[u8]) {
    let whole = records(bytes);
    let mut decoder = Decoder::new(RECORD_BYTES_MAX);
    let _ = bytes.chunks(1).try_for_each(|byte| decoder.push(byte));
    let pieces: Vec<Bytes> = std::iter::from_fn(|| decoder.next()).collect();
    assert_eq!(whole, pieces, "cut differently, it holds other records");
    for record in whole {
        let _ = v1::scheduler::Event::decode(record.clone());
        let _ = v1::executor::Event::decode(record.clone());
        let _ = v1::master::Response::decode(record.clone());
        let _ = v1::agent::Response::decode(record.clone());
        let _ = v1::master::Call::decode(record.clone());
        let _ = v1::agent::Call::decode(record);
    }
}

/// An agent's stream, as an executor takes it, the specification of a launch included.
pub(super) fn executor_events(bytes: &[u8]) {
    let mut translator = Translator::new(environment(), 1_000);
    for record in records(bytes) {
        let Ok(event) = v1::executor::Event::decode(record) else { continue };
        for heard in translator.hear(event) {
            drop(format!("{heard:?}"));
        }
    }
}

fn environment() -> Environment {
    let vars = [
        ("MESOS_FRAMEWORK_ID", "f"),
        ("MESOS_EXECUTOR_ID", "e"),
        ("MESOS_SLAVE_ID", "a"),
        ("MESOS_SANDBOX", "sandbox"),
        ("MESOS_DIRECTORY", "sandbox"),
        ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:5051"),
        ("MESOS_CHECKPOINT", "0"),
    ];
    let vars: BTreeMap<String, String> =
        vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Environment::from_vars(vars).expect("an executor's environment")
}
