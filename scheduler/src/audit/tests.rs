//! Tests of the audit log's lines.

use std::io;
use std::sync::{Arc, Mutex};

use lathe_placement::Refusal;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::framework::command::Refused;
use crate::framework::event::{Edit, Submission};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The fields of each line.
fn lines(work: impl FnOnce()) -> Vec<serde_json::Value> {
    let kept = Kept::default();
    let log = tracing_subscriber::fmt().json().with_writer(kept.clone()).finish();
    tracing::subscriber::with_default(log, work);
    let bytes = kept.0.lock().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let one = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["target"], "audit");
        line["fields"].clone()
    };
    text.lines().map(one).collect()
}

fn alice() -> Caller {
    Caller { who: "alice".into(), peer: Some("127.0.0.1:4711".parse().unwrap()) }
}

fn submit() -> Question {
    let submission =
        Submission { name: "shop".to_owned(), source: String::new(), artifacts: Vec::new() };
    let edit = Edit::Source(submission);
    Question::Submit {
        edit,
        max_moves: 0,
        wait_ms: 0,
        queues: false,
        id: String::new(),
        may_stop: false,
    }
}

fn refused(verdict: &str) -> Answer {
    let refusal = Refusal::default();
    Answer::Refused(Refused { verdict: verdict.to_owned(), refusal })
}

#[test]
fn a_write_is_one_line_with_who_where_from_what_of_which_and_the_revision() {
    let lines = lines(|| {
        let mut authors = Authors::default();
        authors.asked(AskId(1), alice(), &submit());
        authors.answered(AskId(1), &Answer::Waiting { hosts: Vec::new() });
        authors.answered(AskId(1), &Answer::Committed { revision: 7 });
        authors.answered(AskId(1), &Answer::Done { revision: 7, changed: true, ready: 2 });
        written(&alice(), "artifact", "abc", None);
    });
    assert_eq!(
        lines,
        [
            serde_json::json!({
                "message": "written", "who": "alice", "peer": "127.0.0.1:4711",
                "what": "submit", "subject": "shop", "revision": 7
            }),
            serde_json::json!({
                "message": "written", "who": "alice", "peer": "127.0.0.1:4711",
                "what": "artifact", "subject": "abc"
            }),
        ]
    );
}

#[test]
fn what_changes_nothing_is_no_line() {
    let lines = lines(|| {
        let mut authors = Authors::default();
        authors.asked(AskId(1), alice(), &submit());
        authors.answered(AskId(1), &refused("impossible"));
        authors.asked(AskId(2), alice(), &submit());
        authors.answered(AskId(2), &Answer::Done { revision: 3, changed: false, ready: 1 });
        assert!(authors.0.is_empty());
    });
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn what_is_taken_back_is_the_schedulers_own_line() {
    let lines = lines(|| {
        let mut authors = Authors::default();
        authors.asked(AskId(1), alice(), &submit());
        authors.answered(AskId(1), &Answer::Committed { revision: 7 });
        authors.answered(AskId(1), &refused("reverted"));
    });
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["who"], &lines[1]["what"]), (&"scheduler".into(), &"revert".into()));
}

#[test]
fn askers_that_are_never_answered_are_forgotten_in_the_end() {
    let mut authors = Authors::default();
    for ask in 0..2 * AUTHORS_MAX as u64 {
        authors.asked(AskId(ask), alice(), &submit());
    }
    assert_eq!(authors.0.len(), AUTHORS_MAX);
}
