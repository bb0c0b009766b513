//! `sim`: runs seeds, stops at the first that breaks an invariant, and makes it small.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report for people")]

use std::process::ExitCode;

use lathe_sim::campaign::Campaign;
use lathe_sim::{LINES, STEPS, Sabotage};

const USAGE: &str = "sim [--seed S | --from S --seeds N] [--steps N] [--threads N] \
                     [--without N,N] [--sabotage NAME] [--operators yes|no] \
                     [--maintenance yes|no] [--lines N]";

fn main() -> ExitCode {
    let Some(campaign) = read(std::env::args().skip(1)) else {
        let names: Vec<&str> = Sabotage::ALL.into_iter().map(Sabotage::name).collect();
        eprintln!("{USAGE}\nsabotage: {}", names.join(", "));
        return ExitCode::from(2);
    };
    let report = campaign.run(|seeds, elapsed| {
        if seeds % 500 == 0 {
            eprintln!("{seeds} of {} seeds, {} s", campaign.seeds, elapsed.as_secs());
        }
    });
    if let Some(seed) = report.failed {
        println!("{}", campaign.explain(seed));
        return ExitCode::FAILURE;
    }
    let Campaign { seeds, steps, threads, .. } = campaign;
    println!(
        "{seeds} seeds of {steps} steps on {threads} threads in {:.1} s: {:.1} seeds/s, {} steps \
         with the healing, {:.0} steps/s; {} incarnations, {} submissions accepted, {} refused; \
         every invariant held",
        report.seconds,
        seeds as f64 / report.seconds,
        report.steps,
        report.steps as f64 / report.seconds,
        report.started,
        report.accepted,
        report.refused,
    );
    ExitCode::SUCCESS
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<Campaign> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut campaign = Campaign {
        from: 0,
        seeds: 100,
        steps: STEPS,
        threads,
        without: Vec::new(),
        sabotage: None,
        operators: true,
        maintenance: true,
        lines: LINES,
    };
    while let Some(name) = arguments.next() {
        let text = arguments.next()?;
        match name.as_str() {
            "--seed" => (campaign.from, campaign.seeds) = (text.parse().ok()?, 1),
            "--from" => campaign.from = text.parse().ok()?,
            "--seeds" => campaign.seeds = text.parse().ok()?,
            "--steps" => campaign.steps = text.parse().ok()?,
            "--lines" => campaign.lines = text.parse().ok()?,
            "--threads" => campaign.threads = text.parse().ok()?,
            "--operators" => campaign.operators = text == "yes",
            "--maintenance" => campaign.maintenance = text == "yes",
            "--sabotage" => campaign.sabotage = Some(Sabotage::named(&text)?),
            "--without" => {
                let numbers = text.split(',').map(|number| number.parse().ok());
                campaign.without = numbers.collect::<Option<_>>()?;
            }
            _ => return None,
        }
    }
    Some(campaign)
}
