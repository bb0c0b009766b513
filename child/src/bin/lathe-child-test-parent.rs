//! A process for this crate's tests: starts a child in one of a few ways, says its id on standard
//! output, and waits to be killed. Not part of any product.
#![expect(clippy::print_stdout, reason = "the tests read it")]

use std::process::ExitCode;

use lathe_child::{Pid, Signal, Spawn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let sleeper = Spawn::new("sleep").arg("1000").own_group();
    let started = match kind.as_str() {
        // The child dies with this process.
        "tied" => sleeper.parent_death(Signal::Kill).start(),
        // The child lives on without it.
        "loose" => sleeper.start(),
        // A subreaper with an orphaned grandchild in a session of its own.
        "subreaper" => {
            if lathe_child::become_subreaper().is_err() {
                return ExitCode::FAILURE;
            }
            Spawn::new("sh").args(["-c", "setsid sh -c 'sleep 1000 & sleep 1000' & exit 0"]).start()
        }
        // Says which signals this process ignores, then which its child does.
        "ignored" => return show_ignored().await,
        _ => return ExitCode::FAILURE,
    };
    let Ok(mut child) = started else { return ExitCode::FAILURE };
    println!("{}", child.id());
    if kind == "subreaper" {
        return end_orphans(&mut child).await;
    }
    std::future::pending().await
}

/// Kills what was adopted and reaps it, as a host does; exit code 0 when nobody is left.
async fn end_orphans(child: &mut lathe_child::Child) -> ExitCode {
    child.wait().await;
    let own = Pid::own();
    while lathe_child::descendants(own).len() < 2 {
        tokio::task::yield_now().await;
    }
    if !lathe_child::kill_descendants(own, Signal::Kill).is_empty() {
        return ExitCode::FAILURE;
    }
    let reaped = lathe_child::reap_adopted(&std::collections::BTreeSet::new());
    // The own child's end was not taken by the reaping.
    let own_end_is_kept = child.wait().await.success() && !reaped.contains(&child.id());
    println!("reaped {}", reaped.len());
    if own_end_is_kept && !reaped.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn show_ignored() -> ExitCode {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let Some(line) = status.lines().find(|line| line.starts_with("SigIgn")) else {
        return ExitCode::FAILURE;
    };
    println!("{line}");
    let grep = Spawn::new("grep").args(["SigIgn", "/proc/self/status"]);
    let Ok(mut child) = grep.stdout(lathe_child::Output::Inherit).start() else {
        return ExitCode::FAILURE;
    };
    if child.wait().await.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
