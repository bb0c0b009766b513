//! Plans of multis: what each operation becomes, and what refusals mean.

use super::*;

fn actions(ops: &[Op], exists: bool) -> Vec<(usize, Action)> {
    steps(ops, |_| exists).into_iter().map(|step| (step.of, step.action)).collect()
}

fn create(data: &'static str) -> Action {
    Action::Create { data: data.into(), mode: Mode::Persistent }
}

fn set(data: &'static str) -> Action {
    Action::Set { data: data.into(), version: None }
}

#[test]
fn a_put_is_a_set_or_a_create() {
    let ops = [Op::put("/a", "x")];
    assert_eq!(questions(&ops), [0]);
    assert_eq!(actions(&ops, true), [(0, set("x"))]);
    assert_eq!(actions(&ops, false), [(0, create("x"))]);
}

#[test]
fn a_put_after_something_that_tells_is_no_question() {
    let ops = [
        Op::create("/a", "0"),
        Op::put("/a", "1"),
        Op::delete("/a"),
        Op::put("/a", "2"),
        Op::check_absent("/b"),
        Op::put("/b", "3"),
        Op::check("/c", 1),
        Op::put("/c", "4"),
    ];
    assert!(questions(&ops).is_empty());
    let delete = Action::Delete { version: None };
    let expected = [
        (0, create("0")),
        (1, set("1")),
        (2, delete.clone()),
        (3, create("2")),
        (4, create("")),
        (4, delete),
        (5, create("3")),
        (6, Action::Check { version: 1 }),
        (7, set("4")),
    ];
    assert_eq!(actions(&ops, true), expected);
}

#[test]
fn a_version_beyond_what_there_can_be_is_never_taken_for_any() {
    let ops = [Op::set_if("/a", "x", u64::MAX), Op::check("/a", 1 << 40)];
    let expected = [
        (0, Action::Set { data: "x".into(), version: Some(i32::MAX) }),
        (1, Action::Check { version: i32::MAX }),
    ];
    assert_eq!(actions(&ops, true), expected);
}

#[test]
fn each_refusal_has_its_meaning() {
    let path = "/a".to_owned();
    let conflict = || Verdict::Fails(StoreError::Conflict { path: "/a".to_owned(), index: 0 });
    let not_found = || Verdict::Fails(StoreError::NotFound { path: "/a".to_owned() });
    let cases = [
        (Op::check("/a", 1), Cause::BadVersion, conflict()),
        (Op::check("/a", 1), Cause::NoNode, conflict()),
        (Op::check_absent("/a"), Cause::NodeExists, conflict()),
        (Op::check_absent("/a"), Cause::NoNode, Verdict::NoFolder { of: 0 }),
        (Op::create("/a", ""), Cause::NodeExists, Verdict::Fails(StoreError::Exists { path })),
        (Op::create("/a", ""), Cause::NoNode, Verdict::NoFolder { of: 0 }),
        (Op::set("/a", ""), Cause::NoNode, not_found()),
        (Op::set_if("/a", "", 1), Cause::BadVersion, conflict()),
        (Op::delete("/a"), Cause::NoNode, not_found()),
        (Op::delete_if("/a", 1), Cause::BadVersion, conflict()),
        (Op::put("/a", ""), Cause::NoNode, Verdict::Otherwise { of: 0, exists: false }),
    ];
    for (op, cause, expected) in cases {
        let ops = [op];
        let step = &steps(&ops, |_| true)[0];
        assert_eq!(judge(&ops, step, cause), expected, "{ops:?} {cause:?}");
    }
    let ops = [Op::put("/a", "")];
    let step = &steps(&ops, |_| false)[0];
    let judged = judge(&ops, step, Cause::NodeExists);
    assert_eq!(judged, Verdict::Otherwise { of: 0, exists: true });
    assert_eq!(judge(&ops, step, Cause::NoNode), Verdict::NoFolder { of: 0 });
}
