//! Tests of the file beside.

use super::*;

const KEYS: [&str; 8] = ["crate", "version", "task", "tasks", "tags", "biases", "env", "path"];

#[test]
fn slips_of_the_pen_are_recognised() {
    let cases = [
        ("crat", "crate"),
        ("creat", "crate"),
        ("versoin", "version"),
        ("vesion", "version"),
        ("tag", "tags"),
        ("tgas", "tags"),
        ("bias", "biases"),
        ("baises", "biases"),
        ("Tags", "tags"),
        ("evn", "env"),
        ("paht", "path"),
    ];
    for (written, meant) in cases {
        assert_eq!(misspelt(written, &KEYS), Some(meant), "{written}");
    }
}

#[test]
fn words_of_the_author_are_left_alone() {
    let own = [
        "backend_distribution",
        "data",
        "name",
        "port",
        "mode",
        "url",
        "limit",
        "tags_x",
        "env_a",
        "timeout",
        "x",
        "",
    ];
    for written in own {
        assert_eq!(misspelt(written, &KEYS), None, "{written}");
    }
    assert_eq!(misspelt(&"tags".repeat(100), &KEYS), None);
}

#[test]
fn a_swap_of_neighbours_is_one_edit() {
    assert_eq!(distance("ab", "ba", 2), Some(1));
    assert_eq!(distance("kitten", "sitting", 3), Some(3));
    assert_eq!(distance("kitten", "sitting", 2), None);
    assert_eq!(distance("", "ab", 2), Some(2));
}
