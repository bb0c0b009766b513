//! Tests of the file beside.

use super::super::fixture::{files, places};
use super::*;

fn found(text: &str) -> Vec<String> {
    let pages = [
        ("README.md", "# Lathe, the `cli`\n\n## Twice\n\n## Twice\n"),
        ("docs/errors/LT0101.md", "# a\n"),
        ("docs/page.md", text),
    ];
    places(&check(&files(&pages)))
}

#[test]
fn links_that_lead_somewhere_are_fine() {
    for link in [
        "[a](../README.md)",
        "[a](errors/LT0101.md), [b](errors/) and [c](./errors)",
        "[a](../README.md#lathe-the-cli) [b](../README.md#twice-1)",
        "[a](https://example.org/x) <mailto:a@example.org>",
        "[a]: ../README.md \"title\"",
        "`[a](nowhere.md)`",
        "```\n[a](nowhere.md)\n```",
        "# Here\n[a](#here)",
    ] {
        assert_eq!(found(link), Vec::<String>::new(), "{link}");
    }
}

#[test]
fn links_that_lead_nowhere_are_found() {
    for link in [
        "[a](README.md)",
        "![a](picture.svg)",
        "[a](../README.md#nothing)",
        "[a](#here)",
        "[a]: nowhere.md",
        "[a](../../README.md)",
    ] {
        assert_eq!(found(&format!("first\n{link}\n")), ["docs/page.md:2"], "{link}");
    }
}
