//! `kill -9` of the agent while its hook follows changes; and of consul-template, as often and at the same
//! moments.
//!
//! Owns what is said of the two accounts, which the soak of hooks makes (`tests/agents/src/kills.rs`).

use lathe_agents::{Account, Kills, Victim};
use lathe_engines::ConsulTemplate;
use serde_json::json;

use crate::args::{Args, Figure};
use crate::failure::{Failure, with_causes};
use crate::path::Taken;
use crate::programs::Programs;
use crate::row::{Measured, Peer};
use crate::say;

const SEED: u64 = 1;

/// Both figures.
pub(super) async fn measure(lathe: &Programs, args: &Args) -> Result<Vec<Taken>, Failure> {
    let agent = Victim::Agent(Some(lathe.path("lathe-agent")?.to_owned()));
    let own = account(args.kills, agent).await?;
    if !own.wrong.is_empty() {
        return Err(Failure::Unexpected(own.wrong.join("; ")));
    }
    let other = match args.alone {
        true => Beside::LeftOut,
        false => beside(args.kills).await,
    };
    Ok(rows(&own, &other))
}

/// What there is of the peer.
enum Beside {
    LeftOut,
    /// It cannot be had, and why.
    Missing(String),
    There(Account),
}

async fn beside(kills: u32) -> Beside {
    let seen = match ConsulTemplate::program().await {
        Ok(_) => account(kills, Victim::ConsulTemplate).await,
        Err(failure) => Err(Failure::Unexpected(with_causes(&failure))),
    };
    seen.map_or_else(
        |failure| {
            let why = with_causes(&failure);
            say::talk(&format!("{}: {why}", ConsulTemplate::NAME));
            Beside::Missing(why)
        },
        Beside::There,
    )
}

async fn account(kills: u32, victim: Victim) -> Result<Account, Failure> {
    say::talk(&format!("{kills} kills of {}", name(&victim)));
    let work = async move { Kills { kills, seed: SEED }.run(&victim, say::talk).await };
    // What stops an account in its middle stops these figures alone.
    tokio::spawn(work).await.map_err(|error| Failure::Unexpected(error.to_string()))
}

fn name(victim: &Victim) -> &'static str {
    match victim {
        Victim::Agent(_) => "the agent",
        Victim::ConsulTemplate => ConsulTemplate::NAME,
    }
}

fn rows(own: &Account, other: &Beside) -> Vec<Taken> {
    let row = |what: fn(&Account) -> u32, told: fn(&Account) -> String| {
        let value = f64::from(what(own));
        let mut how = told(own);
        let mut peer = None;
        match other {
            Beside::LeftOut => {}
            Beside::Missing(why) => {
                let why: Vec<&str> = why.split_whitespace().take(20).collect();
                how.push_str(&format!(
                    "; {} was not there: {}",
                    ConsulTemplate::NAME,
                    why.join(" ")
                ));
            }
            Beside::There(account) => {
                let beside = f64::from(what(account));
                how.push_str(&format!("; {}: {}", ConsulTemplate::NAME, told(account)));
                // Of none nothing can be a multiple.
                let ratio = value / beside.max(1.0);
                peer = Some(Peer { name: ConsulTemplate::NAME, value: beside, ratio });
            }
        }
        Measured { value, peer, samples: own.kills as usize, how }
    };
    let lost = row(
        |account| account.lost,
        |account| {
            let Account { kills, hit, looks, .. } = account;
            format!(
                "{kills} kills, {hit} of them during a run; looked {looks} times for the newest state's run"
            )
        },
    );
    let without_cause =
        row(|account| account.without_cause, |account| format!("{} runs in all", account.begun));
    let samples = json!({
        "agent": own.to_string(),
        "beside": match other {
            Beside::There(account) => account.to_string(),
            Beside::Missing(why) => why.clone(),
            Beside::LeftOut => String::new(),
        },
    });
    vec![
        (Figure::KillsLost, lost, samples.clone()),
        (Figure::KillsWithoutCause, without_cause, samples),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(lost: u32) -> Account {
        Account { kills: 9, hit: 4, looks: 3, begun: 12, lost, ..Account::default() }
    }

    #[test]
    fn both_accounts_stand_in_the_rows() {
        let rows = rows(&account(0), &Beside::There(account(2)));
        let (figure, lost, _) = &rows[0];
        assert_eq!((*figure, lost.value, lost.samples), (Figure::KillsLost, 0.0, 9));
        let peer = lost.peer.as_ref().unwrap();
        assert_eq!((peer.value, peer.ratio), (2.0, 0.0));
        assert_eq!(lost.how.matches("9 kills, 4 of them during a run").count(), 2, "{}", lost.how);
        assert_eq!(rows[1].1.peer.as_ref().unwrap().ratio, 0.0, "nothing, beside nothing");
    }

    #[test]
    fn a_peer_that_is_not_there_is_told() {
        let rows = rows(&account(1), &Beside::Missing("engines E2:\nno route".to_owned()));
        let lost = &rows[0].1;
        assert!(lost.peer.is_none() && lost.value == 1.0);
        assert!(lost.how.ends_with("consul-template 0.41.1 was not there: engines E2: no route"));
    }
}
