//! Tests of what an answer without success means.

use super::*;

fn refusal(status: u16) -> Refusal {
    Refusal { status, text: "why".to_owned(), location: None }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    for status in [307, 404, 500, 502, 503, 504] {
        assert!(refusal(status).is_retryable(), "{status}");
    }
    for status in [400, 401, 403, 405, 406, 409, 413, 415, 501] {
        assert!(!refusal(status).is_retryable(), "{status}");
    }
}

#[test]
fn each_status_of_the_protocol_has_its_meaning() {
    use RefusalKind::{
        BadRequest, Forbidden, NotFound, NotLeading, Other, Unauthorized, Unavailable,
    };
    let kinds = [400, 401, 403, 307, 503, 404, 406].map(|status| refusal(status).kind());
    let expected = [BadRequest, Unauthorized, Forbidden, NotLeading, Unavailable, NotFound, Other];
    assert_eq!(kinds, expected);
}

#[test]
fn a_refusal_reads_as_one_line() {
    assert_eq!(refusal(400).to_string(), "answered 400: why");
    let moved = Refusal { status: 307, text: String::new(), location: Some("//m2:5050".into()) };
    assert_eq!(moved.to_string(), "answered 307 (to //m2:5050)");
    assert_eq!(readable(b" two\r\nlines \xff\n"), "two  lines \u{fffd}");
}
