//! Tests of the file beside.

use super::*;

fn net(number: usize) -> String {
    "//! Head.\n\nlet a = b; // c\n"
        .replace("let", &"let a;\n".repeat(number - 1).replace("\n", "\n\n"))
}

fn is_too_long(path: &str, number: usize) -> bool {
    judge(path, &net(number), &[]).is_some()
}

#[test]
fn each_kind_of_file_has_its_budget() {
    for (path, most) in [
        ("api/src/a.rs", 400),
        ("api/src/a/tests.rs", 1000),
        ("api/tests/a/main.rs", 1000),
        ("tests/sim/src/a.rs", 1000),
        ("api/src/lib.rs", 120),
        ("cli/src/main.rs", 60),
    ] {
        assert!(!is_too_long(path, most), "{path} may have {most}");
        assert!(is_too_long(path, most + 1), "{path} may not have more than {most}");
    }
}

#[test]
fn tests_at_a_files_end_do_not_count() {
    let tests = "a;\n".repeat(300);
    let source = format!("{}\n#[cfg(test)]\nmod tests {{\n{tests}}}\n", net(400));
    assert_eq!(judge("a/src/a.rs", &source, &[]), None);
}

#[test]
fn an_exception_lifts_the_budget_up_to_the_hard_one() {
    let exceptions = [("a/src/a.rs", 450, "a table"), ("a/src/b.rs", 900, "too much")];
    assert!(judge("a/src/a.rs", &net(450), &exceptions).is_none());
    assert!(judge("a/src/a.rs", &net(451), &exceptions).is_some());
    assert!(judge("a/src/b.rs", &net(600), &exceptions).is_none());
    assert!(judge("a/src/b.rs", &net(601), &exceptions).is_some());
}
