//! What a reader is told, and what it is not told again.

use lathe_catalog::sse;
use serde_json::json;

use super::*;
use crate::copy::{News, Selection};

fn copy(history: &str, versions: &[(&str, u64)]) -> Copy {
    let mut copy = Copy::of(history);
    let selection =
        Selection { groups: ["g".to_owned(), "h".to_owned()].into(), configs: [].into() };
    for (group, version) in versions {
        let view = json!({ "group": group, "history": history, "version": version, "entries": [] });
        copy.take(News::Group(serde_json::from_value(view).unwrap()), &selection);
    }
    copy
}

fn both() -> Vec<Wish> {
    vec![Wish::Group("g".to_owned()), Wish::Group("h".to_owned())]
}

/// Kinds of the events, and the id that the last one brings to.
fn told(reader: &mut Reader, copy: &Copy) -> (Vec<String>, Option<String>) {
    let known = if reader.history == copy.history() { reader.commit } else { 0 };
    let before = format!("{}.{known}", copy.history());
    let text = reader.next(copy, &["http://r".to_owned()], Form::Events);
    let mut parser = sse::Parser::default();
    parser.push(text.as_bytes()).unwrap();
    let events: Vec<_> = parser.by_ref().collect();
    let last = events.last().and_then(|event| event.id.clone());
    let others = events.iter().rev().skip(1);
    assert!(others.map(|event| &event.id).all(|id| id.as_deref() == Some(&before)));
    (events.into_iter().map(|event| event.kind).collect(), last)
}

#[test]
fn a_reader_is_told_everything_once_and_then_what_is_new() {
    let mut reader = Reader::new(both(), None);
    let (kinds, at) = told(&mut reader, &copy("one", &[("g", 5), ("h", 7)]));
    assert_eq!(kinds, ["registries", "group", "group", "synced"]);
    assert_eq!(at.as_deref(), Some("one.7"));
    assert!(told(&mut reader, &copy("one", &[("g", 5), ("h", 7)])).0.is_empty());
    let (kinds, at) = told(&mut reader, &copy("one", &[("g", 9), ("h", 7)]));
    assert_eq!((kinds.join(" "), at.as_deref()), ("group synced".to_owned(), Some("one.9")));
    // Another history is told anew, however low its versions are.
    let (kinds, at) = told(&mut reader, &copy("two", &[("g", 1), ("h", 2)]));
    assert_eq!((kinds.join(" "), at.as_deref()), ("group group synced".to_owned(), Some("two.2")));
}

#[test]
fn who_comes_back_is_told_what_it_has_missed() {
    let mut reader = Reader::new(both(), Some(("one", 7)));
    let (kinds, at) = told(&mut reader, &copy("one", &[("g", 8), ("h", 7)]));
    assert_eq!(kinds, ["registries", "group", "synced"]);
    assert_eq!(at.as_deref(), Some("one.8"));
    // One who was further at a registry is not led back.
    let mut ahead = Reader::new(both(), Some(("one", 20)));
    let (kinds, at) = told(&mut ahead, &copy("one", &[("g", 8), ("h", 7)]));
    assert_eq!((kinds.join(" ").as_str(), at.as_deref()), ("registries synced", Some("one.20")));
    let mut other = Reader::new(both(), Some(("old", 20)));
    assert_eq!(told(&mut other, &copy("one", &[("g", 8)])).0, ["registries", "group", "synced"]);
}

#[test]
fn names_are_bounded_and_known() {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(wishes(&[pair("group", "g"), pair("config", "t")]).unwrap().len(), 2);
    assert!(wishes(&[]).is_err());
    assert!(wishes(&[pair("member", "g")]).is_err());
    assert!(wishes(&[pair("group", "a\nb")]).is_err());
    assert!(wishes(&vec![pair("group", "g"); WISHES_MAX + 1]).is_err());
}
