//! `cargo xtask versions`: daemons of an older commit and of this one together, on real engines.
//!
//! Owns the argument. It must not know what is done.

use std::io::Write as _;
use std::process::ExitCode;

use lathe_system::Neighbours;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let revision = match &words[..] {
        [] => None,
        [revision] if !revision.starts_with('-') => Some(revision.as_str()),
        _ => {
            talk("usage: versions [COMMIT]");
            return ExitCode::from(2);
        }
    };
    let neighbours = match Neighbours::build(revision, talk) {
        Ok(neighbours) => neighbours,
        Err(problem) => {
            talk(&format!("error: {problem}"));
            return ExitCode::FAILURE;
        }
    };
    // What does not hold ends it, with the reason.
    let account = neighbours.run(talk);
    let printed = write!(std::io::stdout(), "{account}");
    if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn talk(line: &str) {
    // Nobody may be reading it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
