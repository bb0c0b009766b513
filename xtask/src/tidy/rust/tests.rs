//! Tests of the file beside.

use super::*;

fn one(source: &str) -> Line {
    let mut lines = lines(source);
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

fn line(code: &str, comment: &str, text: &str) -> Line {
    Line { code: code.to_owned(), comment: comment.to_owned(), text: text.to_owned() }
}

#[test]
fn comments_and_texts_are_kept_out_of_the_code() {
    assert_eq!(one("let a = b; // dbg!(a)"), line("let a = b; ", "// dbg!(a)", ""));
    assert_eq!(one(r#"f("// no \" comment") + 1"#), line("f(\"\") + 1", "", r#"// no \" comment"#));
    assert_eq!(one("a /* b /* c */ d */ e"), line("a  e", "/* b /* c */ d */", ""));
    assert_eq!(one("\\\\"), line("\\\\", "", ""));
}

#[test]
fn raw_texts_end_at_their_own_mark() {
    assert_eq!(one(r###"f(r#"a "b" // c"#) // d"###), line("f(\"\") ", "// d", "a \"b\" // c"));
    assert_eq!(one(r##"br"a\" + r#type"##), line("b\"\" + r#type", "", "a\\"));
    assert_eq!(one(r#"for"a""#), line("for\"\"", "", "a"));
    assert_eq!(one(r#"number"a""#), line("number\"\"", "", "a"));
}

#[test]
fn characters_and_lifetimes_are_told_apart() {
    assert_eq!(one(r#"['"', '\'', '\\', 'x'] // a"#).comment, "// a");
    assert_eq!(one(r"'\u{1F600}' + 1").code, "'' + 1");
    assert_eq!(one("fn f<'a>(b: &'a str) -> &'static str // c").comment, "// c");
    assert_eq!(one("b'\"' // c"), line("b'' ", "// c", "\""));
}

#[test]
fn texts_and_comments_go_over_lines() {
    let found = lines("a(\"b\n// c\\\n d\") // e\n/* f\n g */ h\n");
    let codes: Vec<&str> = found.iter().map(|line| line.code.as_str()).collect();
    assert_eq!(codes, ["a(\"", "", "\") ", "", " h"]);
    assert_eq!(found[1].text, "// c\\");
    assert_eq!(found[2].comment, "// e");
    assert!(found[1].is_net() && !found[3].is_net());
}

#[test]
fn every_line_counts_once() {
    assert_eq!(lines("").len(), 0);
    assert_eq!(lines("\n").len(), 1);
    assert_eq!(lines("a\n\nb").len(), 3);
    assert_eq!(lines("a\n\nb\n").len(), 3);
}

#[test]
fn tests_within_a_file_are_found() {
    assert_eq!(before_tests(&lines("a\n#[cfg(test)]\nmod tests {\n}\n")), 1);
    assert_eq!(before_tests(&lines("a\n#[cfg(test)]\nmod tests;\nb\n")), 4);
    assert_eq!(before_tests(&lines("a\n#[cfg(test)]\nfn f() {\n}\n")), 4);
}
