//! Tests of the file beside.

use super::*;

#[test]
fn codes_are_sorted_and_none_stands_twice() {
    assert!(Code::all().windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(Code::all().iter().all(|(_, title)| !title.is_empty()));
}

#[test]
fn a_code_is_read_as_it_is_written() {
    for (code, title) in Code::all() {
        assert_eq!(code.to_string().parse::<Code>().unwrap(), *code);
        assert_eq!(code.title(), *title);
    }
    assert_eq!("lt0104".parse::<Code>().unwrap(), Code::UNKNOWN_KEY);
    assert_eq!("0104".parse::<Code>().unwrap(), Code::UNKNOWN_KEY);
    for wrong in ["LT9999", "104", "LT104", "LT+104", "LT00104", "LTLT0104", "", "LT"] {
        assert!(wrong.parse::<Code>().is_err(), "{wrong}");
    }
    assert_eq!(serde_json::to_string(&Code::SYNTAX).unwrap(), "\"LT0101\"");
}
