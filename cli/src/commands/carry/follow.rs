//! The scheduler's word on a change, from the plan to the end.

use std::collections::BTreeMap;

use lathe_api::v1;
use lathe_api::v1::progress::Event;
use tokio_stream::StreamExt as _;

use crate::commands::planned;
use crate::failure::Failure;
use crate::printer::Printer;

/// How it ended.
pub(crate) enum End {
    Done(Finished),
    Refused(v1::Refusal),
}

/// It was carried out.
pub(crate) struct Finished {
    pub done: v1::Done,
    /// A line for each instance that ended though it should not have.
    pub trouble: Vec<String>,
}

/// Shows progress until the end of it. Ctrl-C after the commit says that the work goes on.
pub(crate) async fn follow(
    mut stream: tonic::Streaming<v1::Progress>,
    name: &str,
    begins: &str,
    alone: bool,
    printer: &Printer,
) -> Result<End, Failure> {
    let progress = printer.progress(&format!("{name}: {begins}"));
    let mut tally = Tally::default();
    let mut committed = false;
    let end = loop {
        let next = tokio::select! {
            next = stream.next() => next,
            () = interrupted(alone) => break Err(left(committed)),
        };
        let event = match next {
            Some(Ok(message)) => message.event,
            Some(Err(status)) => break Err(planned::called(&status)),
            None => break Err(Failure::new("the scheduler ended the answer early")),
        };
        match event {
            Some(Event::Planned(plan)) => {
                progress.now(format!("{name}: {} instances planned", plan.changes.len()));
            }
            Some(Event::Waiting(waiting)) => {
                progress
                    .step(format!("{name}: waiting for offers of {}", waiting.hosts.join(", ")));
            }
            Some(Event::Blocked(blocked)) => {
                progress.step(format!("{name}: waits for room: {}", blocked.sentence));
            }
            Some(Event::Committed(_)) => {
                committed = true;
                progress.step(format!("{name}: accepted, starting"));
            }
            Some(Event::Instance(change)) => progress.now(tally.take(name, &change)),
            Some(Event::Done(done)) => {
                break Ok(End::Done(Finished { done, trouble: tally.trouble() }));
            }
            Some(Event::Refused(refused)) => break Ok(End::Refused(refused)),
            None => {}
        }
    };
    progress.clear();
    end
}

fn left(committed: bool) -> Failure {
    Failure::new(if committed {
        "left: the submission is accepted and goes on without this command"
    } else {
        "left before anything was accepted"
    })
}

async fn interrupted(alone: bool) {
    if !alone || tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What the instances were last heard to be.
#[derive(Default)]
struct Tally {
    states: BTreeMap<String, (String, String)>,
}

impl Tally {
    fn take(&mut self, name: &str, change: &v1::InstanceChanged) -> String {
        let state = (change.state.clone(), change.message.clone());
        self.states.insert(change.instance.clone(), state);
        let ready = self.states.values().filter(|(state, _)| state == "ready").count();
        format!("{name}: {ready} ready, {} {}", change.instance, change.state)
    }

    fn trouble(&self) -> Vec<String> {
        self.states
            .iter()
            .filter(|(_, (state, message))| {
                // Those that were told to end did as they were told.
                state == "ended" && !message.is_empty() && !message.starts_with("killed")
            })
            .map(|(instance, (_, message))| format!("  {instance}: {message}"))
            .collect()
    }
}
