//! Records of the store, as a scheduler and a registry read them: lines of a path, a tab, a value.

use lathe_api::backup::{Line, Reader, Restoring};
use lathe_catalog::{TaskRecord, paths};
use lathe_registry::directory::{Content, Directory, Event, Limits, Node, Now};
use lathe_scheduler::framework::event::Event as Happened;
use lathe_scheduler::framework::ids::FrameworkId;
use lathe_scheduler::framework::records::{INSTANCES, REVISIONS, Recovered, TOPOLOGIES};
use lathe_scheduler::framework::{Config, Framework};
use serde::de::DeserializeOwned;

fn lines(bytes: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        Some((String::from_utf8_lossy(&line[..tab]).into_owned(), &line[tab + 1..]))
    })
}

/// What the store held when a leader took over; one record that is none refuses the whole.
fn recovered(bytes: &[u8]) -> Option<Recovered> {
    fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
        serde_json::from_slice(value).ok()
    }
    let mut all = Recovered { term: 1, history: "h".to_owned(), ..Recovered::default() };
    all.framework_id = Some(FrameworkId("f".to_owned()));
    for (path, value) in lines(bytes) {
        let below = |folder: &str| path.strip_prefix(folder).is_some_and(|at| at.starts_with('/'));
        if below(TOPOLOGIES) {
            all.topologies.push(read(value)?);
        } else if below(REVISIONS) {
            all.revisions.push(read(value)?);
        } else if below(INSTANCES) {
            all.instances.push(read(value)?);
        } else if below(paths::TASKS) {
            all.tasks.push(read::<TaskRecord>(value)?);
        }
    }
    Some(all)
}

/// A backup's file, line by line, and what of it comes back.
pub(super) fn backup(bytes: &[u8]) {
    let mut reader = Reader::default();
    let mut restoring = Restoring::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let read = reader.line(line);
        // What the reader refuses for its place may still be a line.
        match read.or_else(|_| serde_json::from_slice(line)) {
            Ok(Line::Record(record)) => {
                if let Some(data) = record.bytes() {
                    restoring.replaces(&record.path, &data);
                }
                drop(restoring.restored(&record));
            }
            Ok(Line::Piece(piece)) => drop(piece.bytes()),
            Ok(Line::Head(_) | Line::End(_)) | Err(_) => {}
        }
    }
    drop(reader.finish());
}

/// A leader takes over with what it found, subscribes, and goes on for a while.
pub(super) fn framework(bytes: &[u8]) {
    let Some(recovered) = recovered(bytes) else { return };
    let mut framework = Framework::new(Config::default());
    let mut commands = Vec::new();
    let mut now = 1_000_000;
    let master = "m:5050".to_owned();
    let subscribed = Happened::Subscribed { framework_id: FrameworkId("f".to_owned()), master };
    for event in [
        Happened::Recovered(recovered),
        subscribed,
        Happened::HostsListed(Vec::new()),
        Happened::TimePassed,
        Happened::TimePassed,
    ] {
        framework.step(now, event, &mut commands);
        now += 60_000;
        drop(framework.status());
    }
}

/// A registry hears the records, first as a list, then one by one.
pub(super) fn catalog(bytes: &[u8]) {
    let mut nodes = Vec::new();
    for (at, (path, value)) in (1..).zip(lines(bytes)) {
        let content = Content { data: value.to_vec(), version: at, commit: at };
        nodes.push(Node { path, content: Some(content) });
    }
    let mut directory = Directory::new("http://registry", Limits::default());
    let mut commands = Vec::new();
    let history = "h".to_owned();
    let listed = Event::Listed { history, commit: 1, nodes: nodes.clone() };
    directory.step(Now::default(), listed, &mut commands);
    for (commit, node) in (2..).zip(nodes) {
        let now = Now { ms: commit, unix_ms: commit };
        let event = Event::Committed { commit, nodes: vec![node] };
        directory.step(now, event, &mut commands);
    }
    for group in directory.catalog().groups() {
        drop(directory.group(&group.group));
    }
}
