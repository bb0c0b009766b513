//! The configuration written as a file that can be read again.

use std::collections::BTreeMap;

use lathe_topology::{format_bytes, format_cpus};
use serde::Serialize;

use super::Config;

#[derive(Serialize)]
struct Shown {
    data: String,
    listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<String>,
    store_socket: String,
    log_format: &'static str,
    unreachable_after: String,
    executor_registration: String,
    host: Vec<ShownHost>,
}

#[derive(Serialize)]
struct ShownHost {
    name: String,
    cpus: String,
    mem: String,
    disk: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<String>,
    attributes: BTreeMap<String, String>,
}

pub(super) fn print(config: &Config) -> String {
    let host = |host: &super::HostConfig| {
        let ranges: Vec<String> = host.ports.iter().map(|(b, e)| format!("{b}-{e}")).collect();
        ShownHost {
            name: host.name.clone(),
            cpus: format_cpus(host.cpus_milli),
            mem: format_bytes(host.mem_bytes),
            disk: format_bytes(host.disk_bytes),
            ports: (!ranges.is_empty()).then(|| ranges.join(",")),
            attributes: host.attributes.clone(),
        }
    };
    let shown = Shown {
        data: config.data.display().to_string(),
        listen: config.listen.to_string(),
        token_file: config.token_file.as_ref().map(|path| path.display().to_string()),
        store_socket: config.store_socket.display().to_string(),
        log_format: config.log_format.word(),
        unreachable_after: format!("{}ms", config.unreachable_after_ms),
        executor_registration: format!("{}ms", config.executor_registration_ms),
        host: config.hosts.iter().map(host).collect(),
    };
    toml::to_string(&shown).expect("a configuration is plain text and numbers")
}
