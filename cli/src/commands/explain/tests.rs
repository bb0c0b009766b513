//! Tests of the file beside.

use super::*;

#[test]
fn each_code_has_a_page_in_the_binary() {
    for (code, title) in Code::all() {
        let found = PAGES.iter().find(|(name, _)| *name == code.to_string());
        let (_, text) = found.unwrap_or_else(|| panic!("{code} has no page"));
        assert!(page::plain(text).starts_with(&format!("{code}: {title}\n")), "{code}");
    }
}

#[test]
fn codes_are_told_by_their_shape() {
    for code in ["LT0205", "lt0205", "0205", "LT9", "12345"] {
        assert!(is_code_like(code), "{code}");
    }
    for other in ["", "LT", "LT02x5", "http.lb", "http.lb#0", "LTLT0205"] {
        assert!(!is_code_like(other), "{other}");
    }
}

#[test]
fn what_is_no_code_has_near_ones() {
    assert_eq!(near("LT0250")[0], "LT0205", "swapped digits come first");
    assert_eq!(near("LT0129")[0], "LT0128");
    assert_eq!(near("99999999999999999999999").len(), NEAR_SHOWN);
}
