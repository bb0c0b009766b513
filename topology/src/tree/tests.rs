//! Tests of the file beside.

use super::*;

fn codes(source: &str) -> Vec<Code> {
    match read(source) {
        Ok(_) => Vec::new(),
        Err(findings) => findings.iter().map(|one| one.code).collect(),
    }
}

/// On the small stack that threads have by default in tests and in servers.
fn codes_on_a_small_stack(source: String) -> Vec<Code> {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || codes(&source));
    thread.unwrap().join().unwrap()
}

#[test]
fn a_value_knows_its_place() {
    let source = "[a]\nkey = \"value\"\n";
    let table = read(source).unwrap();
    let Node::Table(inner) = &table["a"].item.node else { panic!("not a table") };
    assert_eq!(&source[table["a"].item.span.clone()], "[a]");
    assert_eq!(&source[inner["key"].key_span.clone()], "key");
    assert_eq!(&source[inner["key"].item.span.clone()], "\"value\"");
}

#[test]
fn nesting_beyond_the_limit_is_refused_however_it_is_written() {
    let brackets = format!("a = {}{}\n", "[".repeat(70), "]".repeat(70));
    let many_brackets = format!("a = {}{}\n", "[".repeat(200_000), "]".repeat(200_000));
    let open_brackets = format!("a = {}", "[".repeat(400_000));
    let tables = format!("a = {}1{}\n", "{a=".repeat(100_000), "}".repeat(100_000));
    let dots = format!("a{} = 1\n", ".a".repeat(70));
    let many_dots = format!("a{} = 1\n", ".a".repeat(200_000));
    let header = format!("[a{}]\nb{} = 1\n", ".a".repeat(70), ".b".repeat(70));
    let both =
        format!("a = {}1{}\n", format!("{{a{} = ", ".a".repeat(75)).repeat(75), "}".repeat(75));
    let twice = format!("{both}{both}");
    for source in
        [brackets, many_brackets, open_brackets, tables, dots, many_dots, header, both, twice]
    {
        let start: String = source.chars().take(30).collect();
        let codes = codes_on_a_small_stack(source);
        assert!(codes.contains(&Code::LIMIT), "{start}… gives {codes:?}");
    }
}

#[test]
fn nesting_at_the_limit_is_read() {
    let source = format!("a = {}{}\n", "[".repeat(DEPTH), "]".repeat(DEPTH));
    assert_eq!(codes(&source), []);
}

#[test]
fn a_text_beyond_512_kib_is_refused_unread() {
    let source = "#".repeat(SOURCE_BYTES + 1);
    assert_eq!(codes(&source), [Code::LIMIT]);
    assert_eq!(codes(&source[1..]), []);
}

#[test]
fn a_second_table_is_named_once_with_both_places() {
    let source = "[a]\nx = 1\ny = 2\n[b]\n[a]\nx = 1\ny = 2\n[b.c]\nz = 1\nz = 2\n";
    let findings = read(source).unwrap_err();
    let codes: Vec<Code> = findings.iter().map(|one| one.code).collect();
    assert_eq!(codes, [Code::DUPLICATE_KEY, Code::DUPLICATE_KEY], "{findings:?}");
    assert_eq!(findings[0].labels[1].span, 0..3);
    assert_eq!(findings[1].message, "`z` stands twice");
}

#[test]
fn integers_beyond_64_bits_and_floats_keep_what_was_written() {
    let table =
        read("a = 99999999999999999999\nb = 0.1\nc = 0xff\nd = -9223372036854775808\n").unwrap();
    assert!(matches!(table["a"].item.node, Node::Integer(None)));
    assert!(matches!(&table["b"].item.node, Node::Float(text) if text == "0.1"));
    assert!(matches!(table["c"].item.node, Node::Integer(Some(255))));
    assert!(matches!(table["d"].item.node, Node::Integer(Some(i64::MIN))));
}
