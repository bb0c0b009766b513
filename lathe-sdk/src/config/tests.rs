//! Own keys and destinations.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ConfigError, Destinations, LookupError, registry, task};
use crate::testing::within;

fn parse(value: &Value) -> Result<Destinations, LookupError> {
    Destinations::parse("spread", value)
}

#[test]
fn keys_are_read_as_the_type_that_is_asked_for() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Own {
        size: u32,
        names: Vec<String>,
    }
    within([("size", json!(3)), ("names", json!(["a"]))], || {
        assert_eq!(task().get::<u32>("size").unwrap(), 3);
        assert_eq!(task().all::<Own>().unwrap(), Own { size: 3, names: vec!["a".to_owned()] });
        assert_eq!(task().get_or("other", 7).unwrap(), 7);
        assert!(matches!(task().get::<u32>("other"), Err(ConfigError::Missing { .. })));
        assert!(matches!(task().get_or("names", 7), Err(ConfigError::Shape { .. })));
    });
    assert!(matches!(task().get::<u32>("size"), Err(ConfigError::Missing { .. })));
}

#[test]
fn two_equal_lists_are_destinations() {
    within([("spread", json!([["task.a", "b"], [90, 10]]))], || {
        let found = registry().lookup_tasks("spread").unwrap();
        assert_eq!(found.to_vec(), [("task.a".to_owned(), 90), ("b".to_owned(), 10)]);
        assert_eq!(found.total(), 100);
        assert!(matches!(registry().lookup_tasks("no"), Err(LookupError::Missing { .. })));
    });
}

#[test]
fn anything_else_is_told_by_kind() {
    let shapes = [
        json!("a"),
        json!([]),
        json!([["a"], [1], [2]]),
        json!([["a"], 1]),
        json!([[1], [1]]),
        json!([["a"], ["1"]]),
        json!([["a"], [-1]]),
        json!([["a"], [0.5]]),
        json!([["a"], [4_294_967_296_u64]]),
        json!([vec!["a"; 1_025], vec![1; 1_025]]),
    ];
    for shape in shapes {
        assert!(matches!(parse(&shape), Err(LookupError::Shape { .. })), "{shape}");
    }
    let uneven = parse(&json!([["a", "b"], [1]]));
    assert_eq!(uneven, Err(LookupError::Lengths { key: "spread".into(), tasks: 2, weights: 1 }));
    for nothing in [json!([[], []]), json!([["a", "b"], [0, 0]])] {
        assert!(matches!(parse(&nothing), Err(LookupError::Nothing { .. })));
    }
}

#[test]
fn a_name_and_the_same_with_its_leading_word_are_one_group() {
    within([], || {
        let (long, short) = (registry().get_ref("task.a.b"), registry().get_ref("a.b"));
        assert_eq!((long.name(), short.name()), ("a.b", "a.b"));
        assert!(std::sync::Arc::ptr_eq(&long.group, &short.group));
    });
}
