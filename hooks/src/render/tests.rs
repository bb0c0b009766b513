//! H15: what templates see, and what they must not do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lathe_catalog::Entry;
use serde_json::json;

use super::{Setting, Template};
use crate::snapshot::Input;

fn input() -> Arc<Input> {
    let entry = |slot: u32| -> Entry {
        serde_json::from_value(json!({
            "topology": "demo", "task": "web.cache", "slot": slot,
            "incarnation": format!("web.cache#{slot}.1"), "host": "h", "address": "10.0.0.1",
            "ports": { "admin": 1, "http": 31000 + slot }, "tags": ["web"],
            "crate_name": "cache", "version": "1.0.0", "state": "ready", "since_ms": 1,
        }))
        .unwrap()
    };
    let groups = BTreeMap::from([
        ("web".to_owned(), vec![entry(0), entry(1)]),
        ("web.cache".to_owned(), vec![entry(0)]),
    ]);
    Arc::new(Input { history: "one".to_owned(), version: 7, hash: "x".to_owned(), groups })
}

fn setting() -> Setting {
    Setting { hook: "h".to_owned(), stale: true, age_ms: 90 }
}

fn rendered(source: &str) -> Result<String, String> {
    let template = Template::parse("t.j2", source).map_err(|error| error.to_string())?;
    let bytes = template.render(&input(), &setting()).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn h15_a_template_sees_entries_and_groups_in_order() {
    let source =
        "{% for one in entries %}\nserver {{ one.address }}:{{ one.port }};\n{% endfor %}\n";
    let expected = "server 10.0.0.1:31000;\nserver 10.0.0.1:31001;\n";
    for _ in 0..3 {
        assert_eq!(rendered(source).unwrap(), expected);
    }
    let source = "{% for name, all in groups | items %}{{ name }}={{ all | length }} {% endfor %}";
    assert_eq!(rendered(source).unwrap(), "web=2 web.cache=1 ");
    let source = "{{ hook }} {{ version }} {{ history }} {{ stale }} {{ age_ms }} {{ groups['web.cache'][0].ports.admin }}";
    assert_eq!(rendered(source).unwrap(), "h 7 one True 90 1");
    assert_eq!(rendered("<{{ 'a&b' }}>").unwrap(), "<a&b>", "nothing is escaped");
}

#[test]
fn h15_a_name_that_is_not_there_is_an_error_with_its_line() {
    let problem = rendered("one\n{{ entires }}\n").unwrap_err();
    assert!(problem.starts_with("t.j2:2: "), "{problem}");
    let problem = rendered("{{ groups.nobody }}").unwrap_err();
    assert!(problem.contains("undefined"), "{problem}");
}

#[test]
fn h15_there_is_no_clock_no_file_and_no_environment() {
    for source in
        ["{{ now() }}", "{% include '/etc/hostname' %}", "{{ env('PATH') }}", "{{ getenv }}"]
    {
        assert!(rendered(source).is_err(), "{source}");
    }
}

#[test]
fn h15_work_and_size_are_bounded() {
    let long =
        "{% for a in range(10000) %}{% for b in range(10000) %}{{ a }}{% endfor %}{% endfor %}";
    assert!(rendered(long).is_err());
    let wide = "{% set big = 'x' * 1000000 %}{% for a in range(1000) %}{{ big }}{% endfor %}";
    let problem = rendered(wide).unwrap_err();
    assert!(problem.contains("bytes"), "{problem}");
    let deep = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
    assert!(rendered(deep).is_err());
    assert!(Template::parse("t", &"x".repeat((1 << 20) + 1)).is_err());
}

#[test]
fn a_template_that_makes_no_sense_is_told_with_its_line() {
    let problem = Template::parse("t.j2", "\n\n{% for %}").unwrap_err();
    assert_eq!((problem.template.as_str(), problem.line), ("t.j2", Some(3)));
}

#[test]
fn a_template_sees_every_field_of_an_entry() {
    let input = input();
    let entry = Entry { reason: Some("slow".to_owned()), ..input.groups["web"][0].clone() };
    let serde_json::Value::Object(json) = json!(entry) else { panic!("an entry is an object") };
    let named: BTreeSet<&str> = json.keys().map(String::as_str).chain(["port"]).collect();
    assert_eq!(super::objects::FIELDS.iter().copied().collect::<BTreeSet<_>>(), named);
    let source = "{% for name, value in entries[1] | items %}{{ name }}={{ value }} {% endfor %}";
    let shown = rendered(source).unwrap();
    for part in [
        "incarnation=web.cache#1.1",
        "ports={'admin': 1, 'http': 31001}",
        "tags=['web']",
        "reason=none",
        "port=31001",
        "state=ready",
    ] {
        assert!(shown.to_lowercase().contains(part), "{part} is not in {shown}");
    }
    assert!(rendered("{{ entries[0].prot }}").is_err() && rendered("{{ entries[2] }}").is_err());
    assert_eq!(
        rendered("{{ entries | map(attribute='host') | unique | join(',') }}").unwrap(),
        "h"
    );
}
