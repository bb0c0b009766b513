//! Text that has to fit.

use super::*;

#[test]
fn a_text_that_fits_stays_as_it_is() {
    assert_eq!(shortened("http.lb#0", 9, Cut::Middle), "http.lb#0");
    assert_eq!(wrapped("one two", Some(7), 2), "one two");
}

#[test]
fn the_part_that_matters_stays() {
    assert_eq!(shortened("http.frontpage.v4-2-1#12.3", 15, Cut::Middle), "http.fr…-1#12.3");
    assert_eq!(shortened("http_frontpage 4.2.1", 9, Cut::End), "http_fro…");
    assert_eq!(shortened("text", 0, Cut::End), "");
}

#[test]
fn lines_are_wrapped_between_words_and_indented_from_the_second_on() {
    assert_eq!(wrapped("  a bb ccc dddd", Some(8), 2), "  a bb\n    ccc\n    dddd");
    let path = "/a/very/long/path";
    assert_eq!(wrapped(&format!("in {path}"), Some(8), 2), format!("in\n  {path}"));
    assert_eq!(wrapped("ok    a  bb", Some(9), 6), "ok    a\n      bb", "columns stay");
    assert_eq!(wrapped("a b c", None, 2), "a b c", "a file takes all");
}
