//! Every code has a page in `docs/errors`, and the examples there do what the page says.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use lathe_topology::{Code, parse};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/errors")
}

fn page(code: Code) -> String {
    let path = folder().join(format!("{code}.md"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The contents of the fenced blocks of one language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

fn codes_of(source: &str) -> Vec<Code> {
    let found = match parse("example", source) {
        Ok(checked) => checked.warnings,
        Err(findings) => findings,
    };
    found.iter().map(|one| one.code).collect()
}

#[test]
fn every_code_has_a_page_that_says_how_to_mend_it() {
    for (code, title) in Code::all() {
        let text = page(*code);
        let head = format!("# {code}: {title}\n");
        assert!(text.starts_with(&head), "{code}.md does not begin with {head:?}");
        assert!(text.contains("\n## How to mend it\n"), "{code}.md has no way to mend it");
        assert!(text.contains("```"), "{code}.md has no example");
    }
}

#[test]
fn every_page_has_a_code() {
    let codes: BTreeSet<String> =
        Code::all().iter().map(|(code, _)| format!("{code}.md")).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(codes.contains(&name) || !name.starts_with("LT"), "{name} belongs to no code");
    }
}

#[test]
fn examples_of_the_file_codes_give_the_code_until_mended() {
    let mut checked = 0;
    for (code, _) in Code::all().iter().filter(|(code, _)| code.number() < 200) {
        let text = page(*code);
        let wrong = blocks(&text, "toml wrong");
        // No page shows a file of more than 512 KiB, and what is not JSON is no topology.
        let shows_none = [Code::LIMIT, Code::NOT_JSON].contains(code);
        assert!(!wrong.is_empty() || shows_none, "{code}.md shows no wrong file");
        for source in wrong {
            assert!(codes_of(&source).contains(code), "{code}.md: not wrong:\n{source}");
            checked += 1;
        }
        for source in blocks(&text, "toml") {
            let codes = codes_of(&source);
            assert!(codes.is_empty(), "{code}.md: {codes:?} in the mended:\n{source}");
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} examples were found");
}

#[test]
fn the_example_of_a_contradiction_is_one() {
    let text = page(Code::CONTRADICTION);
    let wrong = blocks(&text, "toml wrong");
    assert!(!wrong.is_empty());
    assert!(wrong.iter().all(|source| codes_of(source).contains(&Code::CONTRADICTION)));
}
