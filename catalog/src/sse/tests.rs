//! Events come out the same however the bytes are split.

use proptest::prelude::*;

use super::{Event, MAX_EVENT, Parser, SseError};

fn events(pieces: &[&[u8]]) -> Vec<Event> {
    let mut parser = Parser::default();
    let mut all = Vec::new();
    for piece in pieces {
        parser.push(piece).unwrap();
        all.extend(std::iter::from_fn(|| parser.next()));
    }
    all
}

fn event(kind: &str, data: &str, id: Option<&str>) -> Event {
    Event { kind: kind.to_owned(), data: data.to_owned(), id: id.map(str::to_owned) }
}

#[test]
fn the_standards_cases_hold() {
    let cases: &[(&str, Vec<Event>)] = &[
        ("data: a\n\n", vec![event("message", "a", None)]),
        (
            "data:a\r\rdata: b\r\n\r\n",
            vec![event("message", "a", None), event("message", "b", None)],
        ),
        ("event: group\nid: h.7\ndata: {}\n\n", vec![event("group", "{}", Some("h.7"))]),
        ("data: a\ndata:  b\ndata\n\n", vec![event("message", "a\n b\n", None)]),
        (": comment\n\n: more\ndata: a\n\n", vec![event("message", "a", None)]),
        ("event: x\n\ndata: a\n\n", vec![event("message", "a", None)]),
        ("id: 1\n\ndata: a\n\n", vec![event("message", "a", Some("1"))]),
        (
            "id: 1\ndata: a\n\ndata: b\n\n",
            vec![event("message", "a", Some("1")), event("message", "b", Some("1"))],
        ),
        ("id: 1\0\ndata: a\n\n", vec![event("message", "a", None)]),
        ("\u{feff}data: a\n\n", vec![event("message", "a", None)]),
        ("retry: 5\nother: 1\nnocolon\ndata: a:b\n\n", vec![event("message", "a:b", None)]),
        ("data: unfinished\n", vec![]),
        ("data\n\n", vec![event("message", "", None)]),
    ];
    for (text, expected) in cases {
        assert_eq!(&events(&[text.as_bytes()]), expected, "{text:?}");
    }
}

#[test]
fn an_event_without_end_is_refused_in_bounded_memory() {
    let mut parser = Parser::default();
    let piece = vec![b'x'; 1 << 20];
    let refused = (0..).map_while(|_| parser.push(&piece).ok()).take(100).count();
    assert_eq!(refused, MAX_EVENT >> 20);
    let mut parser = Parser::default();
    let line = [b"data: ".to_vec(), vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
    let taken = (0..).map_while(|_| parser.push(&line).ok()).take(100).count();
    assert!(taken <= MAX_EVENT >> 20, "{taken}");
    assert_eq!(parser.push(&line), Err(SseError::TooLong));
}

#[test]
fn what_is_not_text_is_refused() {
    assert_eq!(Parser::default().push(b"data: \xff\n"), Err(SseError::NotText));
}

proptest! {
    #[test]
    fn splitting_changes_nothing(
        text in "(event: [a-z]{0,3}|data: [a-zä]{0,3}|id: [0-9]{1,2}|: c|\r\n|\n|\r){0,40}",
        cuts in prop::collection::vec(0_usize..400, 0..12),
    ) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(events(&pieces), events(&[bytes]));
    }

    #[test]
    fn what_is_written_is_read(
        written in prop::collection::vec(("[a-z]{1,6}", "[^\r\n\u{feff}]{0,20}", "[a-z0-9.]{1,8}"), 0..10),
    ) {
        let text: String = written
            .iter()
            .map(|(kind, data, id)| format!("event: {kind}\nid: {id}\ndata: {data}\n\n"))
            .collect();
        let expected: Vec<Event> =
            written.iter().map(|(kind, data, id)| event(kind, data, Some(id))).collect();
        prop_assert_eq!(events(&[text.as_bytes()]), expected);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut parser = Parser::default();
        let _ = parser.push(&bytes);
        while parser.next().is_some() {}
    }
}
