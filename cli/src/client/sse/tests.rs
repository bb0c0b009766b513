//! Streams of server-sent events, cut anywhere.

use super::*;

#[test]
fn events_are_read_from_pieces_of_any_size() {
    let stream = "retry: 500\n\n:\n\nevent: group\nid: h.4\ndata: {\"a\":1}\n\nevent:b\r\n\
                  data:one\r\ndata: two\r\n\r\ndata: last";
    for piece in 1..stream.len() {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for bytes in stream.as_bytes().chunks(piece) {
            assert!(reader.feed(bytes));
            events.extend(std::iter::from_fn(|| reader.next()));
        }
        let first = Event {
            name: "group".to_owned(),
            id: Some("h.4".to_owned()),
            data: "{\"a\":1}".to_owned(),
        };
        let second = Event { name: "b".to_owned(), id: None, data: "one\ntwo".to_owned() };
        assert_eq!(events, [first, second], "pieces of {piece}");
    }
}

#[test]
fn an_event_without_an_end_is_given_up() {
    let mut reader = Reader::default();
    let piece = vec![b'x'; 1024 * 1024];
    let taken = (0..100).take_while(|_| reader.feed(&piece)).count();
    assert_eq!(taken, 64);
}
