//! Ports that nobody else gets.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_port_is_given_to_one_only_and_again_when_it_is_free() {
    let ports: Vec<Port> = (0..50).map(|_| Port::any().unwrap()).collect();
    let numbers: BTreeSet<u16> = ports.iter().map(|port| port.number).collect();
    assert_eq!(numbers.len(), ports.len());
    assert!(numbers.iter().all(|number| (FIRST..=LAST).contains(number)));
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_refused_by_name() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = listener.local_addr().unwrap().port();
    let refused = Port::exactly(number).unwrap_err();
    assert_eq!(refused.code, Code::Asked);
    assert!(refused.what.contains(&number.to_string()), "{refused}");
}

#[test]
fn a_range_is_one_clusters_until_it_gives_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let take = || Range::free_of(folder.path(), None).unwrap();
    let mut ranges: Vec<Range> = std::iter::from_fn(take).collect();
    let firsts: BTreeSet<u16> = ranges.iter().map(|range| range.first).collect();
    assert_eq!(firsts.len(), RANGES.len());
    let given_back = ranges.pop().unwrap().first;
    assert_eq!(take().unwrap().first, given_back);
    drop(ranges);
    let before = Range::free_of(folder.path(), Some(RANGES[5])).unwrap();
    assert_eq!(before.unwrap().first, RANGES[5], "a cluster gets its own back");
}

#[test]
fn who_comes_back_to_a_folder_gets_the_same_port() {
    let folder = Folder::new(None, "ports").unwrap();
    let port = Port::of(&folder, "server", 0).unwrap();
    let number = port.number;
    assert_ne!(Port::of(&folder, "server", 0).unwrap().number, number, "it is in use");
    folder.note("server", number).unwrap();
    drop(port);
    assert_eq!(Port::of(&folder, "server", 0).unwrap().number, number);
}
