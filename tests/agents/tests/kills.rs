//! For seconds what `cargo xtask soak hooks` does for minutes.

use lathe_agents::{Kills, Victim};

#[tokio::test]
async fn killed_while_hooks_run_nothing_is_lost_and_nothing_runs_without_cause() {
    let kills = Kills { kills: 24, seed: 7 };
    let account = kills.run(&Victim::Agent(None), |line| eprintln!("{line}")).await;
    assert!(account.is_good(), "\n{account}");
    assert!(account.hit > 0 && account.begun > 0, "no kill met a run\n{account}");
}
