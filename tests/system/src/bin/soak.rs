//! `cargo xtask soak`: what tests do for seconds, done for as long as one likes.
//!
//! Owns the arguments. It must not know what is done.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use lathe_system::{Attrition, Chaos, Lathe, Ordeal, example};

const USAGE: &str = "soak healing [--seconds N] [--seed S] [--rate N], \
                     or soak several [--still N] [--down N], or soak mesos [--seconds N] [--seed S]";

/// What is asked for.
enum Asked {
    Healing(Chaos),
    Several(Ordeal),
    Mesos(Attrition),
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match read(&words) {
        Some(Asked::Healing(chaos)) => healing(&chaos),
        Some(Asked::Several(ordeal)) => several(&ordeal),
        Some(Asked::Mesos(attrition)) => mesos(&attrition),
        None => {
            talk(&format!("usage: {USAGE}"));
            ExitCode::from(2)
        }
    }
}

fn healing(chaos: &Chaos) -> ExitCode {
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

/// What does not hold ends it, with the reason.
fn several(ordeal: &Ordeal) -> ExitCode {
    let course = ordeal.run(talk);
    let printed = write!(std::io::stdout(), "{course}");
    if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mesos(attrition: &Attrition) -> ExitCode {
    talk(&format!("kills for {} s, seed {}", attrition.time.as_secs(), attrition.seed));
    let wear = attrition.run(talk);
    let printed = write!(std::io::stdout(), "{wear}");
    if printed.is_ok() && wear.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(words: &[String]) -> Option<Asked> {
    let (what, flags) = words.split_first()?;
    match what.as_str() {
        "healing" => read_healing(flags).map(Asked::Healing),
        "several" => read_several(flags).map(Asked::Several),
        "mesos" => read_mesos(flags).map(Asked::Mesos),
        _ => None,
    }
}

fn read_healing(mut flags: &[String]) -> Option<Chaos> {
    let mut chaos =
        Chaos { time: Duration::from_secs(600), seed: 1, rate: 200, pause: Duration::from_secs(2) };
    while let [flag, value, rest @ ..] = flags {
        match flag.as_str() {
            "--seconds" => chaos.time = seconds(value)?,
            "--seed" => chaos.seed = value.parse().ok()?,
            "--rate" => chaos.rate = value.parse().ok().filter(|rate| *rate > 0)?,
            _ => return None,
        }
        flags = rest;
    }
    flags.is_empty().then_some(chaos)
}

fn read_several(mut flags: &[String]) -> Option<Ordeal> {
    let mut ordeal = Ordeal { still: Duration::from_secs(60), down: Duration::from_secs(120) };
    while let [flag, value, rest @ ..] = flags {
        match flag.as_str() {
            "--still" => ordeal.still = seconds(value)?,
            "--down" => ordeal.down = seconds(value)?,
            _ => return None,
        }
        flags = rest;
    }
    flags.is_empty().then_some(ordeal)
}

fn read_mesos(mut flags: &[String]) -> Option<Attrition> {
    let (time, pause) = (Duration::from_secs(1_800), Duration::from_millis(800));
    let mut attrition = Attrition { time, seed: 1, pause };
    while let [flag, value, rest @ ..] = flags {
        match flag.as_str() {
            "--seconds" => attrition.time = seconds(value)?,
            "--seed" => attrition.seed = value.parse().ok()?,
            _ => return None,
        }
        flags = rest;
    }
    flags.is_empty().then_some(attrition)
}

fn seconds(value: &str) -> Option<Duration> {
    value.parse().ok().map(Duration::from_secs)
}

fn talk(line: &str) {
    // Nobody may be reading it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
