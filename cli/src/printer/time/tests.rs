//! Moments and spans.

use super::*;

#[test]
fn moments_are_as_the_calendar_has_them() {
    assert_eq!(utc(0), "1970-01-01T00:00:00Z");
    assert_eq!(utc(951_827_696_999), "2000-02-29T12:34:56Z");
    assert_eq!(utc(1_795_693_202_000), "2026-11-26T11:40:02Z");
    assert_eq!(utc(4_107_542_399_000), "2100-02-28T23:59:59Z");
    assert_eq!(utc(4_107_542_400_000), "2100-03-01T00:00:00Z");
}

#[test]
fn spans_have_two_units() {
    let of = |seconds: u64| ago(1_000, 1_000 + seconds * 1000);
    assert_eq!([of(0), of(59), of(252)], ["0s", "59s", "4m12s"]);
    assert_eq!([of(3_600), of(90_000)], ["1h0m", "1d1h"]);
    assert_eq!(ago(5_000, 1_000), "0s", "a clock that was set back");
}
