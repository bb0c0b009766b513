//! Tests of the file beside.

use super::*;

#[test]
fn a_path_is_parts_between_dots() {
    for good in ["http", "http.lb", "http.frontpage.v4-2-1", "a_b.C-d.9"] {
        assert_eq!(good.parse::<TaskPath>().unwrap().as_str(), good);
    }
    let long = "a".repeat(129);
    let cases = [
        ("", NameError::Empty),
        (".", NameError::EmptyPart),
        ("a..b", NameError::EmptyPart),
        ("a.", NameError::EmptyPart),
        ("a b", NameError::Character { found: ' ' }),
        ("a:b", NameError::Character { found: ':' }),
        ("ä", NameError::Character { found: 'ä' }),
        (long.as_str(), NameError::TooLong { bytes: 129 }),
    ];
    for (bad, why) in cases {
        assert_eq!(bad.parse::<TaskPath>(), Err(why), "{bad:?}");
    }
}

#[test]
fn a_tag_may_have_dots_and_colons_besides() {
    for good in ["lb", "heavy_disk", "team:web", "http.lb", "a..b"] {
        assert_eq!(good.parse::<Tag>().unwrap(), good);
    }
    assert_eq!("@disk".parse::<Tag>(), Err(NameError::Character { found: '@' }));
    assert_eq!("".parse::<Tag>(), Err(NameError::Empty));
}

#[test]
fn prefixes_end_before_dots_and_end_with_the_path() {
    let path: TaskPath = "http.frontpage.v4-2-1".parse().unwrap();
    let prefixes: Vec<&str> = path.prefixes().collect();
    assert_eq!(prefixes, ["http", "http.frontpage", "http.frontpage.v4-2-1"]);
}

#[test]
fn names_are_strings_in_json_and_checked_when_read() {
    let path: TaskPath = serde_json::from_str("\"http.lb\"").unwrap();
    assert_eq!(serde_json::to_string(&path).unwrap(), "\"http.lb\"");
    assert!(serde_json::from_str::<TaskPath>("\"http..lb\"").is_err());
    assert!(serde_json::from_str::<Tag>("\"a b\"").is_err());
}
