//! What a backup brings back is what the framework reads.

use lathe_api::backup::{INCARNATIONS_SKIPPED, Record, Restoring, is_instance};
use lathe_catalog::paths;

use crate::framework::ids::{AgentId, HostName, Incarnation, InstanceId};
use crate::framework::records::{
    FRAMEWORK, InstanceRecord, Life, Phase, TERM, Write, instance_path,
};

fn instance() -> InstanceRecord {
    let id = InstanceId { task: "http.lb".parse().expect("a path"), slot: 2 };
    let life = Life {
        incarnation: Incarnation { instance: id.clone(), counter: 7 },
        host: HostName("host-1".to_owned()),
        agent: AgentId("a".to_owned()),
        address: "127.0.0.1".to_owned(),
        ports: [("http".to_owned(), 26_000)].into(),
        phase: Phase::Ready,
        since_ms: 1,
        ready_ms: 2,
        identity: "i".to_owned(),
        crate_name: "c".to_owned(),
        version: "1.0.0".to_owned(),
        tags: vec!["net".to_owned()],
        biases: Vec::new(),
        resources: lathe_topology::Resources::default(),
        grace_ms: 10_000,
        reason: None,
    };
    InstanceRecord {
        counter: 7,
        early_ends: 2,
        not_before_ms: 9,
        lives: vec![life],
        last_host: Some(HostName("host-1".to_owned())),
        last_end: Some("it ended".to_owned()),
        ..InstanceRecord::new(id, "t")
    }
}

#[test]
fn an_instance_comes_back_without_lives_and_with_numbers_that_nobody_had() {
    let before = instance();
    let (path, data) = Write::Instance(before.clone()).encode().expect("it is written");
    assert!(is_instance(&path) && path == instance_path(&before.id));
    let record = Record::new(&path, &data.expect("a value"), false);
    let data = Restoring::default().restored(&record).expect("it is right");
    let after: InstanceRecord =
        serde_json::from_slice(&data.expect("it comes back")).expect("the framework reads it");
    let wanted = InstanceRecord {
        counter: 7 + INCARNATIONS_SKIPPED,
        early_ends: 0,
        not_before_ms: 0,
        lives: Vec::new(),
        ..before
    };
    assert_eq!(after, wanted);
}

#[test]
fn the_paths_of_what_runs_are_the_ones_that_are_left_out() {
    let by = Restoring::default();
    let entry = paths::entry("http.lb#2.7");
    for path in [FRAMEWORK, paths::HISTORY, &paths::registry("r"), &entry] {
        assert_eq!(by.restored(&Record::new(path, b"{}", false)), Ok(None), "{path}");
    }
    for path in [paths::task("http.lb"), "/lathe/topologies/t".to_owned()] {
        let kept = by.restored(&Record::new(&path, b"{}", false));
        assert_eq!(kept, Ok(Some(b"{}".to_vec())), "{path}");
    }
    let term = by.restored(&Record::new(TERM, b"7", false)).expect("it is a number");
    assert!(term.is_some_and(|data| data > b"7".to_vec() || data.len() > 1));
}
