//! `cargo xtask soak gossip`: agents on hosts of their own, before a network that loses and cuts.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use lathe_agents::Networked;
use lathe_engines::{ZooKeeper, block_on};

const USAGE: &str = "soak gossip [--agents N] [--loss PERCENT] [--seed S]";
/// Set where it is root in namespaces of its own.
const INSIDE: &str = "LATHE_SOAK_INSIDE";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(plan) = read(&words) else {
        talk(&format!("usage: {USAGE}"));
        return ExitCode::from(2);
    };
    if std::env::var_os(INSIDE).is_none() {
        // From within nothing can be fetched.
        if let Err(failure) = block_on(ZooKeeper::install()) {
            talk(&failure.to_string());
            return ExitCode::FAILURE;
        }
        let own = std::env::current_exe().expect("it has a path");
        let mut command = Command::new("unshare");
        command.args(["-Urnm", "--propagation", "private", "--"]).arg(own).args(&words);
        // It comes back only where that cannot be had.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin")).env(INSIDE, "1");
        talk(&format!("no namespaces: {}", command.exec()));
        return ExitCode::FAILURE;
    }
    talk(&format!("{} agents, {} % of packets lost, seed {}", plan.agents, plan.loss, plan.seed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let findings = runtime.expect("a runtime").block_on(plan.run(talk));
    let printed = write!(std::io::stdout(), "{findings}");
    if printed.is_ok() && findings.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(mut words: &[String]) -> Option<Networked> {
    let mut plan = Networked { agents: 20, loss: 30, seed: 1 };
    while let [flag, value, rest @ ..] = words {
        match flag.as_str() {
            "--agents" => plan.agents = value.parse().ok().filter(|it| (4..=200).contains(it))?,
            "--loss" => plan.loss = value.parse().ok().filter(|it| *it < 100)?,
            "--seed" => plan.seed = value.parse().ok()?,
            _ => return None,
        }
        words = rest;
    }
    words.is_empty().then_some(plan)
}

fn talk(line: &str) {
    // Nobody may be reading it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
