//! Tests of telling the leading master.

use super::*;

/// What a master of Mesos 1.11 writes: with `QUOTA_V2`, which the v1 messages do not know.
const REAL: &str = r#"{"address":{"hostname":"localhost","ip":"127.0.0.1","port":5051},
    "capabilities":[{"type":"AGENT_UPDATE"},{"type":"AGENT_DRAINING"},{"type":"QUOTA_V2"}],
    "hostname":"localhost","id":"dc3ab15a-bfcd-4bd0-a4b0-a1a4a5dc1e5c","ip":16777343,
    "pid":"master@127.0.0.1:5051","port":5051,"version":"1.11.0"}"#;

fn group(members: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    members.iter().map(|(name, data)| ((*name).to_owned(), data.as_bytes().to_vec())).collect()
}

fn found(members: &[(&str, &str)]) -> Option<String> {
    leader(&group(members)).unwrap().map(|url| url.authority())
}

#[test]
fn the_lowest_number_leads_and_other_nodes_do_not_count() {
    let second = REAL.replace("5051", "5052");
    let members = [
        ("json.info_0000000010", second.as_str()),
        ("json.info_0000000009", REAL),
        ("log_replicas", ""),
        ("json.info_", "{}"),
        ("json.info_x1", "{}"),
    ];
    assert_eq!(found(&members).as_deref(), Some("127.0.0.1:5051"));
    assert_eq!(found(&members[..1]).as_deref(), Some("127.0.0.1:5052"));
}

#[test]
fn numbers_are_compared_as_numbers() {
    let tenth = REAL.replace("5051", "5052");
    let members = [("json.info_10000000000", tenth.as_str()), ("json.info_9999999999", REAL)];
    assert_eq!(found(&members).as_deref(), Some("127.0.0.1:5051"));
}

#[test]
fn an_empty_group_has_no_leader() {
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[("log_replicas", "")]), None);
}

#[test]
fn the_number_is_taken_before_the_name_and_the_name_where_there_is_none() {
    let named = r#"{"address":{"hostname":"m1.example","port":5050},"ip":0,"port":1}"#;
    assert_eq!(found(&[("json.info_1", named)]).as_deref(), Some("m1.example:5050"));
    let bare = r#"{"hostname":"m1.example","ip":0,"port":5050}"#;
    assert_eq!(found(&[("json.info_1", bare)]).as_deref(), Some("m1.example:5050"));
    let six = r#"{"address":{"ip":"::1","port":5050}}"#;
    assert_eq!(found(&[("json.info_1", six)]).as_deref(), Some("[::1]:5050"));
}

#[test]
fn a_node_that_cannot_be_read_is_named() {
    let wrong = |data: &str| leader(&group(&[("json.info_7", data)])).unwrap_err();
    assert!(wrong("\u{1}\u{2}").to_string().contains("json.info_7"), "{}", wrong("\u{1}\u{2}"));
    assert_eq!(wrong("{}"), DetectorError::NoAddress { node: "json.info_7".to_owned() });
    let spaces = r#"{"address":{"ip":"1 2","port":5050}}"#;
    assert!(matches!(wrong(spaces), DetectorError::Address { .. }));
    let old = leader(&group(&[("info_3", "x")])).unwrap_err();
    assert_eq!(old, DetectorError::TooOld { node: "info_3".to_owned() });
}
