//! `fuzz`: spoils inputs of one target for a while; what breaks it is kept in the corpus.
#![expect(clippy::print_stdout, reason = "a report for people")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use lathe_fuzz::mutate::{Draw, spoilt};
use lathe_fuzz::run::{Outcome, once};
use lathe_fuzz::{Target, all, corpus};

/// One input may take no longer.
const INPUT_TIME_MAX: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, rest) = match words.split_first() {
        Some((name, rest)) => (*name, rest),
        None => return usage(),
    };
    if name == "--write-seeds" {
        return write_seeds();
    }
    let Some(target) = all().into_iter().find(|target| target.name == name) else {
        return usage();
    };
    let (mut seconds, mut seed) = (60_u64, 0_u64);
    for pair in rest.chunks(2) {
        match (pair.first().copied(), pair.get(1).and_then(|text| text.parse().ok())) {
            (Some("--seconds"), Some(value)) => seconds = value,
            (Some("--seed"), Some(value)) => seed = value,
            _ => return usage(),
        }
    }
    search(&target, Duration::from_secs(seconds), seed)
}

/// Writes those inputs anew that are made by code.
fn write_seeds() -> ExitCode {
    for seed in lathe_fuzz::seeds::made() {
        let path = corpus::folder(seed.target).join(seed.name);
        if let Err(error) = std::fs::write(&path, seed.bytes) {
            println!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    println!("cargo xtask fuzz TARGET [--seconds N] [--seed S]\ntargets:");
    all().iter().for_each(|target| println!("  {}", target.name));
    ExitCode::from(2)
}

fn search(target: &Target, time: Duration, seed: u64) -> ExitCode {
    // The report of a finding says what a panic says.
    std::panic::set_hook(Box::new(|_| {}));
    let mut inputs: Vec<Vec<u8>> = match corpus::load(target.name) {
        Ok(inputs) => inputs.into_iter().map(|input| input.bytes).collect(),
        Err(error) => {
            println!("the corpus of {}: {error}", target.name);
            return ExitCode::FAILURE;
        }
    };
    let mut draw = Draw::new(seed);
    let (start, mut tried, mut slowest) = (Instant::now(), 0_u64, Duration::ZERO);
    while start.elapsed() < time {
        let bytes = spoilt(&inputs, &mut draw);
        tried += 1;
        let finding = match once(target, &bytes) {
            Outcome::Finding(finding) => finding,
            Outcome::Fine { took } if took > INPUT_TIME_MAX => format!("takes {took:?}"),
            Outcome::Fine { took } => {
                slowest = slowest.max(took);
                // Now and then from here on: several spoilings deep.
                if draw.below(64) == 0 {
                    let at = draw.below(inputs.len());
                    if inputs.len() < 256 { inputs.push(bytes) } else { inputs[at] = bytes }
                }
                continue;
            }
        };
        match corpus::keep(target.name, &bytes) {
            Ok(path) => println!("{} {finding}\nkept as {}", target.name, path.display()),
            Err(error) => println!("{} {finding}\nnot kept: {error}", target.name),
        }
        return ExitCode::FAILURE;
    }
    println!("{}: {tried} inputs, the slowest took {slowest:?}, no finding", target.name);
    ExitCode::SUCCESS
}
