//! Every input that is kept, and two thousand spoilt ones of each target, the same in every run.

use std::panic;

use lathe_fuzz::mutate::{Draw, spoilt};
use lathe_fuzz::run::{Outcome, once};
use lathe_fuzz::{Target, all, corpus};

/// Spoilt inputs of a target.
const SPOILT: usize = 2_000;
/// Seeds that a corpus has at least.
const KEPT_MIN: usize = 3;

fn findings(target: &Target) -> Vec<String> {
    let kept = corpus::load(target.name).expect(target.name);
    let mut findings = Vec::new();
    if kept.len() < KEPT_MIN {
        findings.push(format!("{}: the corpus has {} inputs", target.name, kept.len()));
    }
    for input in &kept {
        if let Outcome::Finding(finding) = once(target, &input.bytes) {
            findings.push(format!("{}/{}: {finding}", target.name, input.name));
        }
    }
    let inputs: Vec<Vec<u8>> = kept.into_iter().map(|input| input.bytes).collect();
    let mut draw = Draw::new(1);
    for _ in 0..SPOILT {
        let bytes = spoilt(&inputs, &mut draw);
        if let Outcome::Finding(finding) = once(target, &bytes) {
            let text = String::from_utf8_lossy(&bytes);
            findings.push(format!("{}: {finding}: {text:.400?}", target.name));
            break;
        }
    }
    findings
}

#[test]
fn nothing_that_comes_from_outside_breaks_its_parser() {
    // What a panic says is in the finding; its stack would hide the others.
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let findings: Vec<String> = all().iter().flat_map(findings).collect();
    panic::set_hook(usual);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn every_folder_of_the_corpus_has_its_target() {
    let mut folders: Vec<String> = std::fs::read_dir(corpus::folder(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut targets: Vec<&str> = all().iter().map(|target| target.name).collect();
    targets.sort_unstable();
    assert_eq!(folders, targets);
}

#[test]
fn the_same_seed_spoils_alike() {
    let inputs = [b"one = 1".to_vec(), b"two".to_vec()];
    let made = |seed| {
        let mut draw = Draw::new(seed);
        (0..100).map(|_| spoilt(&inputs, &mut draw)).collect::<Vec<_>>()
    };
    assert_eq!(made(7), made(7));
    assert_ne!(made(7), made(8));
}
