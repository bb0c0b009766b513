//! Tests of the file beside.

use super::*;

#[test]
fn a_page_is_shown_without_its_marks() {
    let page = "# LT0999: a title\n\nSome `code` and [a link](x.md) in a\nparagraph of `[crates] paths`.\n\n\
                ```toml wrong\n[a]\n\nb = 1\n```\n\n## How to mend it\n\n- one\n- two\n\n\
                | what | at most |\n|---|---|\n| the text | 512 KiB |\nEnd.\n";
    let wanted = "LT0999: a title\n\nSome `code` and a link in a paragraph of `[crates] paths`.\n\n    \
                  [a]\n\n    b = 1\n\nHow to mend it:\n\n- one\n\n- two\n\n    \
                  what      at most\n    the text  512 KiB\n\nEnd.";
    assert_eq!(plain(page), wanted);
}

#[test]
fn text_is_filled_to_eighty_columns() {
    let filled = filled(&"word ".repeat(40));
    assert!(filled.lines().all(|line| line.chars().count() <= COLUMNS), "{filled}");
    assert_eq!(filled.lines().count(), 3);
    assert_eq!(super::filled(&"x".repeat(100)).len(), 100);
}

#[test]
fn what_is_open_at_the_end_is_shown_as_far_as_it_goes() {
    assert_eq!(plain("```toml\na = 1"), "    a = 1");
    assert_eq!(plain("a [b](c"), "a [b](c");
    assert_eq!(plain(""), "");
}
