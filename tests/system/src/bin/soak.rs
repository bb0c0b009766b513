//! `cargo xtask soak`: what tests do for seconds, done for as long as one likes.
//!
//! Owns the arguments. It must not know what is done.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use lathe_system::{Chaos, Lathe, example};

const USAGE: &str = "soak healing [--seconds N] [--seed S] [--rate N]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(chaos) = read(&words) else {
        talk(&format!("usage: {USAGE}"));
        return ExitCode::from(2);
    };
    talk(&format!(
        "faults for {} s, {} requests a second, seed {}",
        chaos.time.as_secs(),
        chaos.rate,
        chaos.seed
    ));
    let lathe = Lathe::with(&example());
    let _ = lathe.all_ready(13);
    let account = chaos.run(&lathe);
    let printed = write!(std::io::stdout(), "{account}");
    if printed.is_ok() && account.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(words: &[String]) -> Option<Chaos> {
    let (what, mut flags) = words.split_first()?;
    let mut chaos =
        Chaos { time: Duration::from_secs(600), seed: 1, rate: 200, pause: Duration::from_secs(2) };
    while let [flag, value, rest @ ..] = flags {
        match flag.as_str() {
            "--seconds" => chaos.time = Duration::from_secs(value.parse().ok()?),
            "--seed" => chaos.seed = value.parse().ok()?,
            "--rate" => chaos.rate = value.parse().ok().filter(|rate| *rate > 0)?,
            _ => return None,
        }
        flags = rest;
    }
    (what == "healing" && flags.is_empty()).then_some(chaos)
}

fn talk(line: &str) {
    // Nobody may be reading it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
