//! The command line of `cargo xtask`.
//!
//! Owns the words and their help. It must not know how a task is carried out.

use clap::{Parser, Subcommand};

/// Checks, tests and measurements of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Check the rules of the repository that no compiler knows
    Tidy,
    /// The quick gate: format, lints, tidy and every test that starts no cluster; writes nothing
    Verify,
    /// Format, and mend what clippy can mend by itself
    Fix,
    /// Everything: what `verify` does, real clusters, and the example tasks' own tests
    Test {
        /// Install what the machine lacks, also when not root
        #[arg(long)]
        install: bool,
    },
    /// Run the simulation
    Sim(Sim),
    /// Spoil inputs of one parser for a while; one that breaks it is kept in the corpus
    Fuzz {
        /// The target, then --seconds N and --seed S; --write-seeds alone makes seeds anew
        #[arg(required = true, allow_hyphen_values = true, trailing_var_arg = true)]
        words: Vec<String>,
    },
    /// Do for as long as one likes what the tests do for seconds, and print what came of it
    Soak {
        /// What: `healing`, then --seconds N, --seed S and --rate N; `several`, then --still N and
        /// --down N; `mesos`, then --seconds N and --seed S; or `hooks`, then --kills N, --seed S and
        /// --consul-template
        #[arg(required = true, allow_hyphen_values = true, trailing_var_arg = true)]
        words: Vec<String>,
    },
    /// Build the daemons of an older commit, and run them and those of this one in one cluster
    Versions {
        /// The older commit; without it the last tag, or the commit before this one
        commit: Option<String>,
    },
    /// Real ZooKeeper, Mesos and Kafka on this machine, to try things out
    Engines {
        /// `install`, `up`, `status` or `down`; `up --help` says how many of which
        #[arg(required = true, allow_hyphen_values = true, trailing_var_arg = true)]
        words: Vec<String>,
    },
    /// Measure one area and print a row for each figure
    Bench {
        /// The area, such as `path`
        name: String,
        /// Print the rows as JSON
        #[arg(long)]
        json: bool,
        /// More for the program that measures: `-- --rounds 2 --only flat-plain`
        #[arg(last = true)]
        words: Vec<String>,
    },
}

/// What the simulation is told; what is left out is its own choice.
#[derive(Debug, clap::Args)]
pub(crate) struct Sim {
    /// One seed alone
    #[arg(long, conflicts_with_all = ["from", "seeds"])]
    pub(crate) seed: Option<u64>,
    /// The first of several seeds
    #[arg(long)]
    pub(crate) from: Option<u64>,
    /// How many seeds
    #[arg(long)]
    pub(crate) seeds: Option<u64>,
    /// How many steps for each seed, before the healing
    #[arg(long)]
    pub(crate) steps: Option<u64>,
    /// Seeds that are run at the same time
    #[arg(long)]
    pub(crate) threads: Option<u64>,
    /// How much of a failing run's trace is shown
    #[arg(long)]
    pub(crate) lines: Option<u64>,
    /// Decisions that are left out, by their numbers: `3,7`
    #[arg(long)]
    pub(crate) without: Option<String>,
    /// A mistake that is put in by hand, to see it found
    #[arg(long)]
    pub(crate) sabotage: Option<String>,
    /// `no` leaves drains and their like out, as in seeds from before there were any
    #[arg(long)]
    pub(crate) operators: Option<String>,
    /// `no` leaves planned maintenance out, as in seeds from before there was any
    #[arg(long)]
    pub(crate) maintenance: Option<String>,
}
