//! `cargo xtask soak hooks`: kills of the agent during hooks, as many as one likes.

use std::io::Write as _;
use std::process::ExitCode;

use lathe_agents::{Kills, Victim};

const USAGE: &str = "soak hooks [--kills N] [--seed S] [--consul-template]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((kills, victim)) = read(&words) else {
        talk(&format!("usage: {USAGE}"));
        return ExitCode::from(2);
    };
    talk(&format!("{} kills, seed {}", kills.kills, kills.seed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let account = runtime.expect("a runtime").block_on(kills.run(&victim, talk));
    let printed = write!(std::io::stdout(), "{account}");
    if printed.is_ok() && account.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(mut words: &[String]) -> Option<(Kills, Victim)> {
    let mut kills = Kills { kills: 500, seed: 1 };
    let mut victim = Victim::Agent(None);
    while let Some((flag, rest)) = words.split_first() {
        words = rest;
        if flag == "--consul-template" {
            victim = Victim::ConsulTemplate;
            continue;
        }
        let (value, rest) = rest.split_first()?;
        words = rest;
        match flag.as_str() {
            "--kills" => kills.kills = value.parse().ok().filter(|number| *number > 0)?,
            "--seed" => kills.seed = value.parse().ok()?,
            _ => return None,
        }
    }
    Some((kills, victim))
}

fn talk(line: &str) {
    // Nobody may be reading it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
