//! The order of start and end, without a process of its own; `tests/process.rs` has the rest.

use super::by_hand;

#[test]
fn who_starts_it_by_hand_is_told_how() {
    let text = by_hand(&["my::FrontPage", "my::Other"]);
    assert!(text.contains("my::FrontPage, my::Other"), "{text}");
    assert!(text.contains("LATHE_TASK=my::FrontPage LATHE_PORT_HTTP=8080"), "{text}");
    assert!(text.contains("lathe up"), "{text}");
}
