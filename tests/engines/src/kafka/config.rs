//! What a broker is told: its properties, its command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use crate::KafkaSpec;
use crate::daemon::Recipe;
use crate::java::Java;

const BROKER_MIB: u32 = 256;
const TOOL_MIB: u32 = 128;
const BROKER: &str = "kafka.Kafka";
/// Short-lived brokers need few of these, and a start makes each of them.
const PARTITIONS: &str = "4";

pub(super) fn broker(home: &Path, dir: &Path, file: &Path) -> Recipe {
    let mut recipe = java(home, dir, BROKER, "kafka");
    recipe.args.push(file.into());
    recipe
}

/// A program of Kafka's, without its arguments.
pub(super) fn java(home: &Path, dir: &Path, main: &str, name: &str) -> Recipe {
    let logging = home.join("log4j2.properties");
    let class_path = format!("{}/*", home.join("lib").display());
    let java = Java {
        name: name.to_owned(),
        heap_mib: if main == BROKER { BROKER_MIB } else { TOOL_MIB },
        class_path: &class_path,
        properties: &[format!("-Dlog4j2.configurationFile={}", logging.display())],
        main,
        dir,
    };
    java.recipe(std::iter::empty::<OsString>())
}

/// The broker's file: one node, every internal topic with one copy.
pub(super) fn properties(spec: &KafkaSpec, port: u16, controller: u16, data: &Path) -> String {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |name: &str, value: &str| all.insert(name.to_owned(), value.to_owned());
    put("process.roles", "broker,controller");
    put("node.id", "1");
    put("controller.quorum.voters", &format!("1@127.0.0.1:{controller}"));
    let client = format!("PLAINTEXT://127.0.0.1:{port}");
    put("listeners", &format!("{client},CONTROLLER://127.0.0.1:{controller}"));
    put("advertised.listeners", &client);
    put("controller.listener.names", "CONTROLLER");
    put("log.dirs", &data.display().to_string());
    for topic in ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"] {
        put(&format!("{topic}.replication.factor"), "1");
        put(&format!("{topic}.num.partitions"), PARTITIONS);
    }
    put("transaction.state.log.min.isr", "1");
    put("share.coordinator.state.topic.min.isr", "1");
    // A broker that was killed is taken back once its old session is over.
    put("broker.session.timeout.ms", "3000");
    put("broker.heartbeat.interval.ms", "500");
    put("group.initial.rebalance.delay.ms", "0");
    put("log.cleaner.dedupe.buffer.size", "8388608");
    put("num.io.threads", "2");
    all.extend(spec.properties.clone());
    all.iter().fold(String::new(), |mut text, (name, value)| {
        writeln!(text, "{name}={value}").expect("a text takes all that is written");
        text
    })
}
