//! Which master leads, told from the group that masters keep on `ZooKeeper`. Pure: takes the group's
//! members, speaks to nobody.
//!
//! A master that may lead stands in the group as an ephemeral node `json.info_0000000012` with its
//! `MasterInfo` as JSON. The one of the lowest number leads. Other nodes, such as `log_replicas`, are
//! none of a framework's business (Mesos, `src/master/detector/zookeeper.cpp`).

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::address::{Url, UrlError};

const LABEL: &str = "json.info_";
/// Masters before 0.24 wrote protobuf under this name.
const OLD_LABEL: &str = "info_";

/// Why the node of the leader does not say where it is.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum DetectorError {
    #[error("the leading master's node {node} holds no MasterInfo as JSON: {problem}")]
    NoMasterInfo { node: String, problem: String },
    #[error("the leading master's node {node} has no address and no host name with a port")]
    NoAddress { node: String },
    #[error("the leading master's node {node} names an address of no use")]
    Address {
        node: String,
        #[source]
        source: UrlError,
    },
    #[error("the leading master {node} is older than any that is supported")]
    TooOld { node: String },
}

/// What is read of a `MasterInfo`. The rest is left alone: masters put words into it that the v1
/// API does not know.
#[derive(Debug, Deserialize)]
struct MasterInfo {
    address: Option<Address>,
    hostname: Option<String>,
    port: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Address {
    hostname: Option<String>,
    ip: Option<String>,
    port: u16,
}

/// The leading master, or none while nobody is in the group. `members` are the names and contents of
/// the group's nodes.
///
/// The numeric address is taken before the name, which may not resolve here.
///
/// # Errors
/// Where the leader's node cannot be read.
pub fn leader(members: &BTreeMap<String, Vec<u8>>) -> Result<Option<Url>, DetectorError> {
    let numbered = members.iter().filter_map(|(name, data)| Some((sequence(name)?, name, data)));
    let Some((_, node, data)) = numbered.min() else { return Ok(None) };
    if !node.starts_with(LABEL) {
        return Err(DetectorError::TooOld { node: node.clone() });
    }
    let info: MasterInfo = serde_json::from_slice(data).map_err(|error| {
        DetectorError::NoMasterInfo { node: node.clone(), problem: error.to_string() }
    })?;
    let (host, port) =
        place(info).ok_or_else(|| DetectorError::NoAddress { node: node.clone() })?;
    let authority =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let url = Url::parse(&authority, port);
    url.map(Some).map_err(|source| DetectorError::Address { node: node.clone(), source })
}

fn place(info: MasterInfo) -> Option<(String, u16)> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    match info.address {
        Some(Address { hostname, ip, port }) => {
            Some((given(ip).or(given(hostname)).or(given(info.hostname))?, port))
        }
        None => Some((given(info.hostname)?, info.port?)),
    }
}

/// The number of a member that may lead.
fn sequence(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(LABEL).or_else(|| name.strip_prefix(OLD_LABEL))?;
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if all { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
