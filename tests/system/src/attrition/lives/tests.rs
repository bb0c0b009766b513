//! Tests of what is taken for running twice.

use std::path::PathBuf;

use super::*;

fn life(incarnation: &str, from: &str, to: Option<&str>) -> (String, Lived) {
    let lived = Lived {
        incarnation: incarnation.to_owned(),
        agent: PathBuf::from("agent"),
        from: from.to_owned(),
        to: to.map(str::to_owned),
    };
    (incarnation.to_owned(), lived)
}

#[test]
fn a_life_whose_executor_was_killed_has_ended_then_and_not_before() {
    let begun = "2026-01-01T00:00:00.000000Z";
    let mut lives = Lives::default();
    lives.known.extend([life("a#0.1", begun, None)]);
    lives.cut("a#0.1");
    // Later than anything that is begun now.
    lives.known.extend([life("a#0.2", "9026-01-01T00:00:00.000000Z", None)]);
    assert_eq!(lives.twice(), []);

    let soon = ["2026-01-01T00:00:01.000000Z", "2026-01-01T00:00:02.000000Z"];
    lives.known.extend([life("a#0.3", soon[0], Some(soon[1]))]);
    let twice = lives.twice();
    assert_eq!(twice.len(), 1, "{twice:?}");
    assert_eq!((&*twice[0].0.incarnation, &*twice[0].1.incarnation), ("a#0.1", "a#0.3"));
}

#[test]
fn a_life_without_an_end_is_there_beside_the_next_one() {
    let mut lives = Lives::default();
    lives.known.extend([
        life("a#0.1", "2026-01-01T00:00:00.000000Z", None),
        life("a#0.2", "2026-01-01T00:00:01.000000Z", None),
        life("b#0.1", "2026-01-01T00:00:01.000000Z", None),
    ]);
    assert_eq!(lives.twice().len(), 1);
}
