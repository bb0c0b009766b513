//! The way to whoever grants turns, which hooks do not know.

use tokio::sync::{mpsc, oneshot};

use crate::engine::{TurnAnswer, TurnAsk};

/// Calls that may wait.
const CALLS_MAX: usize = 256;

/// What hooks ask of whoever grants turns.
#[derive(Debug)]
pub enum TurnCall {
    /// Whether it is this hook's turn. Where nothing is answered, nobody could say.
    Ask {
        /// The hook.
        hook: String,
        /// What it wants.
        turn: TurnAsk,
        /// Where the answer goes.
        answer: oneshot::Sender<TurnAnswer>,
    },
    /// The turn is over.
    GiveBack {
        /// The hook.
        hook: String,
        /// Those who wait.
        fleet: String,
        /// Dropped, or told, when that is known.
        done: oneshot::Sender<()>,
    },
}

/// A channel for calls.
#[must_use]
pub fn turn_calls() -> (mpsc::Sender<TurnCall>, mpsc::Receiver<TurnCall>) {
    mpsc::channel(CALLS_MAX)
}

/// Asks, and waits for the answer.
pub(super) async fn ask(
    calls: Option<mpsc::Sender<TurnCall>>,
    hook: String,
    turn: TurnAsk,
) -> TurnAnswer {
    let (answer, answered) = oneshot::channel();
    let asked = async {
        calls?.send(TurnCall::Ask { hook, turn, answer }).await.ok()?;
        answered.await.ok()
    };
    let unheard = || TurnAnswer::Unheard { problem: "nobody is asked".to_owned() };
    asked.await.unwrap_or_else(unheard)
}

/// Gives back, and waits until that is known.
pub(super) async fn give_back(calls: Option<mpsc::Sender<TurnCall>>, hook: String, fleet: String) {
    let (done, is_done) = oneshot::channel();
    if let Some(calls) = calls
        && calls.send(TurnCall::GiveBack { hook, fleet, done }).await.is_ok()
    {
        let _ = is_done.await;
    }
}
