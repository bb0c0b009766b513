//! The table of what was started.

use super::*;
use crate::command::state::{Kind, Process, Url};

fn state() -> State {
    let own = Process::of(std::process::id()).expect("this process runs");
    let gone = Process { start: own.start + 1, ..own };
    let entry = |name: &str, kind, port, process| Entry {
        name: name.to_owned(),
        kind,
        port,
        process,
        log: "logs/x.log".into(),
    };
    State {
        urls: vec![Url { engine: "zookeeper".to_owned(), url: "127.0.0.1:2181".to_owned() }],
        daemons: vec![
            entry("zookeeper-1", Kind::Zookeeper, 2181, own),
            entry("agent-1", Kind::Agent, 5051, own),
            entry("agent-2", Kind::Agent, 5052, gone),
        ],
        ..State::default()
    }
}

#[test]
fn people_see_where_each_is_and_what_it_says_of_itself() {
    let text = text(&state(), &[Some("standalone".to_owned()), None, None]);
    let pid = std::process::id();
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["zookeeper", "127.0.0.1:2181"]);
    assert_eq!(lines[2], ["name", "address", "pid", "state", "log"]);
    let pid = pid.to_string();
    assert_eq!(lines[3], ["zookeeper-1", "127.0.0.1:2181", &pid, "standalone", "logs/x.log"]);
    assert_eq!(lines[4], ["agent-1", "127.0.0.1:5051", &pid, "not", "ready", "logs/x.log"]);
    assert_eq!(lines[5][3], "ended");
}

#[test]
fn programs_read_the_same() {
    let text = json(&state(), &[Some("standalone".to_owned()), None, None]);
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["urls"]["zookeeper"], "127.0.0.1:2181");
    assert_eq!(read["daemons"][0]["ready"], true);
    assert_eq!(read["daemons"][0]["kind"], "zookeeper");
    assert_eq!(read["daemons"][2]["state"], "ended");
}
