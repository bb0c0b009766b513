//! One file a mistake, and the text that its author would read.
//!
//! `tests/ui/LTnnnn-what.toml` is read; what is said of it must be `tests/ui/LTnnnn-what.txt`.
//! Files of `LT05…` are configuration files, the others topologies. With `LATHE_UPDATE_UI=1` the
//! texts are written instead of compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lathe_topology::document::Document;
use lathe_topology::{Code, Diagnostic, parse, render};

/// Codes that only others give: verdicts, the command line (files of JSON among it), the scheduler, and
/// what a daemon says of its own configuration.
fn is_of_this_crate(code: Code) -> bool {
    ((101..200).contains(&code.number()) && code != Code::NOT_JSON)
        || code == Code::CONTRADICTION
        || (501..504).contains(&code.number())
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of cases can be read")
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    files
}

/// Reads a configuration file of an imaginary daemon.
fn configuration(source: &str) -> Result<(), Vec<Diagnostic>> {
    let mut config = Document::parse(source)?.reader();
    config.string("listen", "127.0.0.1:0");
    config.required_string("data");
    config.bytes("cache", 1 << 30);
    config.duration_ms_within("patience", 5_000, 1..=60_000);
    config.one_of("log", "text", &["text", "json"]);
    let mut tls = config.table("tls");
    tls.optional_string("cert");
    tls.bool("required", false);
    config.finish()
}

fn findings(stem: &str, source: &str) -> Vec<Diagnostic> {
    if stem.starts_with("LT05") {
        return configuration(source).err().unwrap_or_default();
    }
    match parse(stem, source) {
        Ok(checked) => checked.warnings,
        Err(findings) => findings,
    }
}

#[test]
fn every_case_says_what_its_text_says() {
    let update = std::env::var_os("LATHE_UPDATE_UI").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let stem = case.file_stem().unwrap().to_str().unwrap();
        let source = fs::read_to_string(&case).unwrap();
        let file = format!("{stem}.toml");
        let found = findings(stem, &source);
        let wanted: Code = stem[..6].parse().unwrap();
        assert!(found.iter().any(|one| one.code == wanted), "{stem} does not give {wanted}");
        let of_file = found.iter().filter(|one| one.code.number() < 500);
        for one in of_file.filter(|one| !one.message.ends_with("not listed")) {
            if one.help.is_none() {
                wrong.push(format!("{stem}: nothing to try: {}", one.message));
            }
        }
        let text = render(&file, &source, &found);
        let expected = case.with_extension("txt");
        if update {
            fs::write(&expected, &text).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != text {
            wrong.push(format!("--- {stem}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "LATHE_UPDATE_UI=1 accepts these:\n{}", wrong.join("\n"));
}

#[test]
fn every_code_of_this_crate_has_a_case() {
    let seen: BTreeSet<String> = cases()
        .iter()
        .map(|case| case.file_stem().unwrap().to_str().unwrap()[..6].to_owned())
        .collect();
    let own = Code::all().iter().filter(|(code, _)| is_of_this_crate(*code));
    let absent: Vec<String> =
        own.map(|(code, _)| code.to_string()).filter(|code| !seen.contains(code)).collect();
    assert!(absent.is_empty(), "no case for {absent:?}");
}

#[test]
fn every_text_belongs_to_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.with_extension("toml").exists(), "{} has no .toml", path.display());
    }
}
