//! `lathe-certify`: says whether a certificate of `lathe plan --certificate` proves what it claims.
//!
//! Owns the arguments, the files and the exit code: 0 proved, 1 not proved, 2 wrong input.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use lathe_certify::{Certificate, Scene, check};

/// Checks a proof about a placement without trusting what wrote it.
#[derive(Debug, Parser)]
#[command(name = "lathe-certify", version, max_term_width = 100)]
struct Args {
    /// The certificate.
    certificate: PathBuf,
    /// The topology files that were planned.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The hosts that they were planned for.
    #[arg(long, value_name = "FILE")]
    hosts: PathBuf,
    /// What ran on them.
    #[arg(long, value_name = "FILE")]
    running: Option<PathBuf>,
    /// What executors need was counted.
    #[arg(long)]
    overhead: bool,
    /// How many patterns of each place may be looked at.
    #[arg(long, value_name = "STEPS", default_value_t = 100_000_000)]
    steps: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (scene, certificate) = match input(&args) {
        Ok(input) => input,
        Err(why) => return say(false, &format!("error: {why}"), 2),
    };
    match check(&scene, &certificate, args.steps) {
        Ok(proved) => say(true, &format!("proved: {proved}"), 0),
        Err(rejected) => say(false, &rejected.to_string(), 1),
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]
fn say(good: bool, text: &str, code: u8) -> ExitCode {
    if good {
        println!("{text}")
    } else {
        eprintln!("{text}")
    }
    ExitCode::from(code)
}

fn input(args: &Args) -> Result<(Scene, Certificate), String> {
    let stem = |path: &Path| {
        path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("topology").to_owned()
    };
    let files: Result<Vec<_>, String> =
        args.files.iter().map(|path| Ok((stem(path), read(path)?))).collect();
    let running = args.running.as_deref().map(read).transpose()?;
    let overhead = if args.overhead { [10, 16 << 20] } else { [0, 0] };
    let scene = Scene::read(&files?, &read(&args.hosts)?, running.as_deref(), overhead)?;
    let text = read(&args.certificate)?;
    let certificate = serde_json::from_str(&text);
    let certificate = certificate.map_err(|error| format!("the certificate: {error}"))?;
    Ok((scene, certificate))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
