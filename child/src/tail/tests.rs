//! What a tail keeps.

use super::{MAX_LINE_BYTES, Tail};

#[test]
fn only_the_last_lines_are_kept() {
    let mut tail = Tail::new(2);
    tail.push(b"one\ntwo\nthree\n");
    assert_eq!(tail.lines(), ["two", "three"]);
}

#[test]
fn lines_come_together_from_pieces() {
    let mut tail = Tail::new(5);
    for piece in ["a", "b\nc", "", "\n", "\nd"] {
        tail.push(piece.as_bytes());
    }
    assert_eq!(tail.lines(), ["ab", "c", "", "d"]);
}

#[test]
fn an_endless_line_stays_bounded() {
    let mut tail = Tail::new(3);
    for _ in 0..1000 {
        tail.push(&[b'x'; 1000]);
    }
    assert_eq!(tail.lines().len(), 1);
    assert_eq!(tail.lines()[0].len(), MAX_LINE_BYTES);
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let mut tail = Tail::new(1);
    tail.push(b"a\xffb\r\n");
    assert_eq!(tail.lines(), ["a\u{fffd}b"]);
}
