//! Tests of the form of events on the wire.

use crate::directory::{Frame, Kind};

use super::*;

#[test]
fn an_event_has_a_name_an_id_and_one_line_of_data() {
    let batch = Batch {
        history: "0a-1b".into(),
        frames: vec![
            Frame { kind: Kind::Group, commit: 0, data: "{\"a\":1}".into() },
            Frame { kind: Kind::Synced, commit: 7, data: "{}".into() },
        ],
    };
    let expected = "event: group\nid: 0a-1b.0\ndata: {\"a\":1}\n\n\
        event: synced\nid: 0a-1b.7\ndata: {}\n\n";
    assert_eq!(text(Form::Events, &batch), expected);
    let lines = "{\"event\":\"group\",\"id\":\"0a-1b.0\",\"data\":{\"a\":1}}\n\
        {\"event\":\"synced\",\"id\":\"0a-1b.7\",\"data\":{}}\n";
    assert_eq!(text(Form::Lines, &batch), lines);
}

#[test]
fn a_last_event_id_is_read_back() {
    let resumed = Resume { history: "0a-1b".to_owned(), commit: 7 };
    assert_eq!(resume("0a-1b.7"), Some(resumed.clone()));
    assert_eq!(resume(" 0a-1b.7 "), Some(resumed));
}

#[test]
fn what_is_no_id_of_ours_is_no_resume() {
    for id in ["", "7", ".7", "h.", "h.x", "h.-1", "h.0", "h.99999999999999999999999"] {
        assert_eq!(resume(id), None, "{id}");
    }
}
