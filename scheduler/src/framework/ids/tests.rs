//! Incarnation ids survive printing and parsing.

use super::Incarnation;

#[test]
fn an_incarnation_reads_back_as_it_prints() {
    for text in ["http.lb#2.7", "a#0.1", "http.frontpage.v4-2-1#4.18446744073709551615"] {
        let incarnation: Incarnation = text.parse().unwrap();
        assert_eq!(incarnation.to_string(), text);
    }
}

#[test]
fn other_texts_are_refused() {
    for text in ["", "http.lb", "http.lb#", "http.lb#1", "http.lb#-1.1", "#1.1", "a/b#1.1", "a#1.x"]
    {
        assert!(text.parse::<Incarnation>().is_err(), "{text}");
    }
}
