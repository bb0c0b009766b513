//! `sim`: runs seeds and stops at the first that breaks an invariant.
#![expect(clippy::print_stdout, reason = "a report for people")]

use std::process::ExitCode;
use std::time::Instant;

use lathe_sim::{Settings, run};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut seed, mut seeds, mut steps) = (0_u64, 100_u64, 1_500_u64);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|text| text.parse().ok());
        match (name.as_str(), value) {
            ("--seed", Some(value)) => (seed, seeds) = (value, 1),
            ("--from", Some(value)) => seed = value,
            ("--seeds", Some(value)) => seeds = value,
            ("--steps", Some(value)) => steps = value,
            _ => {
                println!("sim [--seed S] [--from S] [--seeds N] [--steps N]");
                return ExitCode::from(2);
            }
        }
    }
    let start = Instant::now();
    let (mut started, mut accepted, mut refused) = (0, 0, 0);
    for seed in seed..seed + seeds {
        let outcome = run(&Settings { steps, ..Settings::of_seed(seed) });
        if let Some(failure) = outcome.failure {
            println!("{failure}\nagain: cargo xtask sim --seed {seed} --steps {steps}");
            return ExitCode::FAILURE;
        }
        started += outcome.started;
        accepted += outcome.accepted;
        refused += outcome.refused;
    }
    println!(
        "{seeds} seeds of {steps} steps in {:.1} s: {started} incarnations, {accepted} submissions \
         accepted, {refused} refused, every invariant held",
        start.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}
